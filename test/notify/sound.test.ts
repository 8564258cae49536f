import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApplyEvent } from "../../src/apply/events.ts";
import type { Code } from "../../src/domain/code.ts";
import type { Trouble } from "../../src/domain/trouble.ts";
import { createWitness } from "../../src/notify/ending.ts";
import type { Action } from "../../src/plan/plan.ts";
import { action, artifact, dataset, id, label, plan } from "../report/examples.ts";

const share = action({ id: id("verify:dev") });
const sign = action({ id: id("sign:dev"), hazard: "destructive", exitCode: 6 });
const letGo = action({ id: id("retention:dev/server-snapshots"), hazard: "destructive" });
const other = action({ id: id("artifact:photos@2026-03"), dataset: dataset("photos") });

const trouble = (exitCode: Trouble["exitCode"]): Trouble => ({
  code: "unknown-state",
  exitCode,
  what: "it went wrong",
});
const failed = ({ id }: Action, exitCode: Trouble["exitCode"]): ApplyEvent => ({
  event: "action-failed",
  id,
  durationMs: 1,
  trouble: trouble(exitCode),
});
const besides = (exitCode: Trouble["exitCode"], of: string | null): ApplyEvent => ({
  event: "trouble",
  dataset: of === null ? null : dataset(of),
  trouble: trouble(exitCode),
});
const unapproved = ({ id }: Action): ApplyEvent => ({
  event: "action-skipped",
  id,
  because: "unapproved",
  detail: "devbackup apply --approve it",
});
const finished = (remaining: readonly Action[] | null = [], unseen: readonly string[] = []): ApplyEvent => ({
  event: "finished",
  result: "failed",
  done: 1,
  durationMs: 1,
  remaining,
  unseen,
});
const warned = (code: Code, of: string | null): ApplyEvent => ({
  event: "finished",
  result: "nothing-to-do",
  done: 0,
  durationMs: 1,
  remaining: [],
  warnings: [{ code, host: null, dataset: of === null ? null : dataset(of), text: "it is so" }],
});

const ROWS: readonly (readonly [string, number, readonly ApplyEvent[], string])[] = [
  ["all went well", 0, [finished()], "dev photos"],
  ["a deletion alone waits", 0, [unapproved(letGo), finished([letGo])], "dev photos"],
  ["after_apply failed behind a backup that is done", 1, [besides(1, "dev"), finished()], "dev photos"],
  ["a warning of something else", 0, [warned("drill-overdue", "dev")], "dev photos"],
  ["an artifact is whole nowhere", 0, [warned("artifact-lost", "dev")], "photos"],
  ["a damaged snapshot can't be received again", 0, [warned("snapshot-lost", "dev")], "photos"],
  ["a backup failed", 1, [failed(artifact, 1), finished([artifact])], "photos"],
  ["a share that was verified is damaged", 6, [failed(share, 6), finished()], "photos"],
  ["what is not authentic waits for approval", 6, [unapproved(sign), finished([sign])], "photos"],
  ["damage of nobody knows which dataset", 6, [besides(6, null), finished()], ""],
  ["6 for a reason that no event tells", 6, [finished()], ""],
  ["damage, and another dataset is not done", 6, [failed(share, 6), finished([other])], ""],
  ["not everything could be looked at", 1, [finished([], ["the bucket does not answer"])], ""],
  ["there was no second plan", 4, [finished(null)], ""],
  ["nothing was begun", 3, [], ""],
];

for (const [name, exitCode, events, sound] of ROWS)
  test(`whose last success a run renews: ${name}, exit code ${exitCode}`, () => {
    const witness = createWitness();
    const labels = { dev: label("2026-03"), photos: label("2026-03") };
    const started = plan([share, sign, letGo, artifact, other], { labels });
    witness.note({ event: "started", plan: started, approved: [] });
    for (const event of events) witness.note(event);
    assert.equal([...witness.ending(exitCode).sound].join(" "), sound);
  });
