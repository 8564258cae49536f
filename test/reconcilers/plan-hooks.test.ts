import assert from "node:assert/strict";
import { test } from "node:test";
import type { HooksSpec } from "../../src/desired-state/desired-state.ts";
import { known } from "../../src/domain/fact.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import { planText } from "../../src/report/plan-text.ts";
import { type Case, lookAt } from "./world.ts";

const HOOKS: HooksSpec = {
  beforeSnapshot: ["pg_dumpall", "-f", "/home/dev/code/my dump.sql"],
  afterSnapshot: ["rm", "--", "/home/dev/code/my dump.sql"],
  afterApply: ["tell-the-nas", "it's done"],
  timeoutMs: 60_000,
};

function planWith(hooks: Partial<HooksSpec>, given: Partial<Case>): Plan {
  const { desired, observed, request } = lookAt({ rows: "2026-01 full 100", target: "2026-02", ...given });
  const none: HooksSpec = { beforeSnapshot: null, afterSnapshot: null, afterApply: null, timeoutMs: 60_000 };
  const datasets = desired.datasets.map((spec) => ({ ...spec, hooks: { ...none, ...hooks } }));
  return planFrom({ ...desired, datasets }, observed, request);
}

test("a plan shows what is run around the snapshot and behind it all", () => {
  const text = planText(planWith(HOOKS, {}), { color: false, width: 100, verbose: true });
  assert.match(
    text,
    / {4}no snapshot for 2026-02 yet; ws runs before_snapshot and after_snapshot\n {4}· before: pg_dumpall -f '\/home\/dev\/code\/my dump\.sql'\n {4}· after: rm -- '\/home\/dev\/code\/my dump\.sql'\n/,
  );
  assert.match(text, /^ {2}Behind it, ls runs after_apply of dev: tell-the-nas 'it'\\''s done'$/m);
});

test("what a hook has in it is shown, and never obeyed", () => {
  const plan = planWith({ beforeSnapshot: ["x", "\u001b[2J\n"], afterApply: ["\u001b]0;hi\u0007"] }, {});
  const text = planText(plan, { color: false, width: 100, verbose: true });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not come out
  assert.doesNotMatch(text, /\u001b|\u0007/);
});

test("where only one is declared, only that is told", () => {
  const [snapshot] = planWith({ afterSnapshot: ["true"] }, {}).actions;
  assert.equal(snapshot?.reason, "no snapshot for 2026-02 yet; ws runs after_snapshot");
  assert.deepEqual(snapshot?.details, ["after: true"]);
});

test("nothing is run behind an apply that has nothing to do, nor behind a restore", () => {
  assert.deepEqual(planWith(HOOKS, { target: "2026-01" }).notes, []);
  const restore = { label: "latest", to: null } as const;
  const { notes, actions } = planWith(HOOKS, {
    ...{ target: "2026-01", restore: restore as never },
    change: { hydrated: known({ place: { fsType: "btrfs" } as never, entries: new Map() }) },
  });
  assert.notEqual(actions.length, 0);
  assert.doesNotMatch(notes.join("\n"), /after_apply/);
});

test("a program that is not there is told before anything is run", () => {
  const change = {
    workstationHooks: known(new Set(["before_snapshot"])),
    serverHooks: known(new Set(["after_apply"])),
  };
  const told = (hooks: Partial<HooksSpec>) =>
    planWith(hooks, { change }).warnings.map(({ host, code, text }) => [host, code, text]);
  assert.deepEqual(told(HOOKS), [
    [
      "ws",
      "hook-not-there",
      "before_snapshot names a program that is not there: pg_dumpall. Until it is, no snapshot is taken",
    ],
    [
      "ls",
      "hook-not-there",
      "after_apply names a program that is not there: tell-the-nas. Each apply would end with 1",
    ],
  ]);
  assert.deepEqual(told({}), []);
});
