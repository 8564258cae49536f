import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApplyEvent } from "../../src/apply/events.ts";
import type { Code } from "../../src/domain/code.ts";
import type { ManifestRow } from "../../src/domain/manifest.ts";
import { DevbackupError, type Trouble } from "../../src/domain/trouble.ts";
import { createWitness, type Ending } from "../../src/notify/ending.ts";
import { endMessage, lostMessage, type Message, type Run, startMessage } from "../../src/notify/message.ts";
import type { Plan, Warning } from "../../src/plan/plan.ts";
import {
  action,
  artifact,
  dataset,
  host,
  hydrate,
  id,
  label,
  plan as planWith,
  snapshot,
} from "../report/examples.ts";

const plan = ({ actions = [], ...rest }: Partial<Plan> = {}): Plan => planWith(actions, rest);

const RUN: Run = {
  what: "apply",
  command: "devbackup apply --config /etc/devbackup/desired-state",
  who: "root@ls",
  begunAt: new Date("2026-03-01T03:00:00Z"),
};
const ENDED = new Date("2026-03-01T03:02:00Z");
const deletion = action({
  id: id("retention:dev@2025-01"),
  stage: "retention",
  summary: "delete dev@2025-01",
  hazard: "destructive",
});
const warning = (code: Code, text: string): Warning => ({
  code,
  host: host("ls"),
  dataset: dataset("dev"),
  text,
});
const noCloud = warning("no-cloud", "no cloud is declared: there is no off-site copy");
const overdueDrill = warning("drill-overdue", "its last drill was long ago");
const row: ManifestRow = {
  ts: "2026-03-01T03:01:00Z",
  label: label("2026-03"),
  parent: null,
  sizeBytes: 312 << 20,
  sha256: "9f".repeat(32) as ManifestRow["sha256"],
  localPath: "artifacts/anchors/x",
  objectKey: null,
};
const unreachable: Trouble = {
  code: "host-unreachable",
  exitCode: 4,
  host: host("ls"),
  what: "no connection to chuck@backup.lan port 22",
  why: "connect ECONNREFUSED",
  state: "Nothing was changed",
  next: "devbackup plan",
};

const started = (some: Partial<Plan>): ApplyEvent => ({ event: "started", plan: plan(some), approved: [] });
const done = (...ids: string[]): ApplyEvent[] =>
  ids.map((each) => ({ event: "action-done", id: id(each), durationMs: 1, outcome: null }));
const finished = (some: Partial<Extract<ApplyEvent, { event: "finished" }>>): ApplyEvent => ({
  event: "finished",
  result: "done",
  done: 0,
  durationMs: 1,
  remaining: [],
  warnings: [],
  ...some,
});

function endingOf(end: number | Error, ...events: readonly ApplyEvent[]): Ending {
  const witness = createWitness();
  for (const event of events) witness.note(event);
  witness.saw(new Map([[dataset("dev"), row]]));
  return witness.ending(end);
}

const told = (end: number | Error, ...events: readonly ApplyEvent[]): Message =>
  endMessage(RUN, endingOf(end, ...events), ENDED);

const ALL = started({
  actions: [snapshot, artifact, hydrate],
  labels: { dev: label("2026-03") },
  warnings: [overdueDrill],
});
const ALL_DONE = done(snapshot.id, artifact.id, hydrate.id);

test("a backup: label, size and time in the title; a warning that the run has settled is none", () => {
  const message = told(0, ALL, ...ALL_DONE, finished({ warnings: [noCloud] }));
  assert.equal(message.occasion, "success");
  assert.equal(message.title, "devbackup: dev@2026-03 backed up (312 MiB, 2 min)");
  assert.match(message.text, /^By root@ls, begun \S+, took 2 min, exit code 0\.\n3 actions done\.\n/);
  assert.match(message.text, /Newest registered: dev@2026-03, 312 MiB, 2026-03-01T03:01:00Z\./);
  assert.match(message.text, /[^:]\n\nAdvice:\n- dev on ls: no cloud is declared/);
});

test("what waits for approval is a warning, with the command that approves it", () => {
  const message = told(
    0,
    started({ actions: [deletion], labels: { dev: label("2026-03") } }),
    {
      event: "action-skipped",
      id: deletion.id,
      because: "unapproved",
      detail: "devbackup apply --approve retention:dev@2025-01",
    },
    finished({ result: "left-undone", remaining: [deletion], warnings: [overdueDrill] }),
  );
  assert.equal(message.occasion, "warning");
  assert.equal(message.title, "devbackup: nothing to do; 1 action waits for approval; 1 warning");
  assert.match(
    message.text,
    /Waits for approval:\n- ls: delete dev@2025-01\nto approve: devbackup apply --config \S+ --approve retention:dev@2025-01\n/,
  );
  assert.doesNotMatch(message.text, /left to do/);
});

test("a failure: what, where, why, and what to type next, once each", () => {
  const error = new DevbackupError(unreachable);
  const message = told(
    error,
    ALL,
    ...done(snapshot.id),
    { event: "action-failed", id: artifact.id, durationMs: 1, trouble: unreachable },
    { event: "action-skipped", id: hydrate.id, because: "needs", detail: artifact.id },
    { event: "finished", result: "failed", done: 1, durationMs: 1, remaining: null },
  );
  assert.equal(message.occasion, "failure");
  assert.equal(message.title, "devbackup: backup failed: ls: no connection to chuck@backup.lan port 22");
  assert.equal(
    message.text.slice(message.text.indexOf("Failed:")),
    `Failed:
- ls: no connection to chuck@backup.lan port 22
  connect ECONNREFUSED
  Nothing was changed.
  next: devbackup plan

Warnings:
- dev on ls: its last drill was long ago
`,
  );
});

test("a plan that had problems, a run that left something or could not look, and one that was interrupted", () => {
  const witness = createWitness();
  const problem = {
    ...warning("key-lost", "the age identity is lost"),
    next: "devbackup apply --restore latest",
    exitCode: 6 as const,
  };
  witness.refused(plan({ problems: [problem] }));
  const refused = endMessage(RUN, witness.ending(6), ENDED);
  assert.equal(refused.title, "devbackup: backup failed: ls: the age identity is lost");
  assert.match(refused.text, /next: devbackup apply --restore latest\n/);
  const left = told(1, ALL, ...ALL_DONE, finished({ result: "left-undone", remaining: [deletion] }));
  assert.equal(left.title, "devbackup: backup left 1 action undone");
  assert.match(
    left.text,
    /1 action left to do; the next run takes it up\.\n\nnext: devbackup apply --config/,
  );
  const unseen = told(
    1,
    ALL,
    ...ALL_DONE,
    finished({ result: "left-undone", unseen: ["the bucket could not be looked at"] }),
  );
  assert.equal(unseen.title, "devbackup: backup could not be checked: the bucket could not be looked at");
  assert.equal(
    told(130, ALL, finished({ result: "interrupted" })).title,
    "devbackup: backup was interrupted",
  );
});

test("datasets of which nothing is left are sound, though another one failed", () => {
  const photos = action({ id: id("artifact:photos@2026-03"), dataset: dataset("photos") });
  const labels = { dev: label("2026-03"), photos: label("2026-03") };
  const some = (remaining: (typeof photos)[] | null, unseen: string[] = []): string[] => [
    ...endingOf(
      1,
      started({ actions: [artifact, photos], labels }),
      finished({ result: "failed", remaining, unseen }),
    ).sound,
  ];
  assert.deepEqual(some([photos]), ["dev"]);
  assert.deepEqual(some([{ ...photos, dataset: null }] as never), []);
  assert.deepEqual(some([photos], ["the bucket"]), []);
  assert.deepEqual(some(null), []);
  assert.deepEqual([...endingOf(0, started({ labels }), finished({})).sound], ["dev", "photos"]);
});

test("a message is printable and small, whatever a host says", () => {
  const hostile = {
    ...unreachable,
    what: `evil\u001b[2J\r\nBcc: x\u202e ${"long ".repeat(100)}`,
    why: `first\n${"\u0007x".repeat(5_000)}\n`.repeat(50),
  };
  const events: ApplyEvent[] = Array.from({ length: 40 }, (_, at) => ({
    event: "action-failed",
    id: artifact.id,
    durationMs: 1,
    trouble: { ...hostile, host: host(`h${at}`) },
  }));
  const { title, text } = told(1, ALL, ...events, finished({ result: "failed" }));
  assert.ok(title.length <= 120 && title.endsWith("…"), title);
  assert.ok(Buffer.byteLength(text) <= 3_500);
  assert.match(text, /the rest is left out; the log of the run has it\n$/);
  assert.doesNotMatch(title + text.replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u);
});

test("a defect of ours is told without its message, which may hold anything", () => {
  const { title, text } = told(new TypeError("cannot read hush of undefined"));
  assert.equal(title, "devbackup: backup failed: a defect of devbackup ended the run");
  assert.doesNotMatch(text, /hush/);
});

test("what begins, what is restored, and what died", () => {
  const labels = { dev: label("2026-03") };
  assert.equal(startMessage(RUN, plan({ labels })).title, "devbackup: backup of dev@2026-03 begins");
  const restored = told(
    0,
    started({ mode: "restore", labels, actions: [hydrate] }),
    ...done(hydrate.id),
    finished({}),
  );
  assert.equal(restored.title, "devbackup: dev@2026-03 restored (2 min)");
  const verified = endMessage(
    { ...RUN, what: "verify" },
    (() => {
      const witness = createWitness();
      witness.say("24 artifacts are whole");
      return witness.ending(0);
    })(),
    ENDED,
  );
  assert.equal(verified.title, "devbackup: verify: 24 artifacts are whole");
  const witness = createWitness();
  witness.say("dev: 5 copies looked at, 1 not known to be whole");
  const damaged = endMessage({ ...RUN, what: "verify" }, witness.ending(6), ENDED);
  assert.equal(damaged.occasion, "failure");
  assert.match(
    damaged.title,
    /^devbackup: verify failed with exit code 6: dev: 5 copies looked at, 1 not known/,
  );
  const lost = lostMessage(RUN, "it was killed by SIGKILL", 137);
  assert.deepEqual(
    [lost.occasion, lost.title],
    ["failure", "devbackup: backup died: it was killed by SIGKILL"],
  );
});
