import assert from "node:assert/strict";
import { test } from "node:test";
import { aftermathOf, exitCodeOf, newProgress, resultOf } from "../../src/apply/result.ts";
import { assemble } from "../../src/plan/assemble.ts";
import type { Action } from "../../src/plan/plan.ts";
import { hydrate, plan, removal, snapshot } from "../report/examples.ts";

/** What an apply ends with that had nothing to carry out, of actions of which some stages were asked for. */
function endOf(actions: readonly Action[], stages: readonly Action["stage"][]): [string, number] {
  const { createdAt, mode, warnings, notes, problems } = plan([]);
  const draft = {
    createdAt: new Date(createdAt),
    mode,
    labels: new Map(),
    warnings,
    notes,
    problems,
    actions,
  };
  const asked = assemble(draft, { host: null, stages });
  const [progress, after] = [newProgress(), aftermathOf(asked)];
  const result = resultOf(asked, progress, after);
  return [result, exitCodeOf(result, progress, after)];
}

test("a part that waits for what was not asked for is not done", () => {
  const waiting = { ...hydrate, needs: [snapshot.id] };
  assert.deepEqual(endOf([snapshot, waiting], ["hydrate"]), ["left-undone", 1]);
  assert.deepEqual(endOf([snapshot], ["hydrate"]), ["nothing-to-do", 0]);
});

test("what has come up at the end and waits for an approval is no failure, but for what is in doubt", () => {
  assert.deepEqual(endOf([removal], ["retention"]), ["left-undone", 0]);
  assert.deepEqual(endOf([{ ...removal, exitCode: 6 }], ["retention"]), ["left-undone", 1]);
  assert.deepEqual(endOf([snapshot], ["snapshot"]), ["left-undone", 1]);
});
