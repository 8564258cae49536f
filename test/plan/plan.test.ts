import assert from "node:assert/strict";
import { test } from "node:test";
import { approvedIds, isApproved, parseApproval } from "../../src/plan/approval.ts";
import { assemble, type Draft, type Selection } from "../../src/plan/assemble.ts";
import { driftOf, firstDrift, hiddenIn } from "../../src/plan/drift.ts";
import type { Action, ActionId, Stage } from "../../src/plan/plan.ts";
import { parseSavedPlan, renderSavedPlan, retold } from "../../src/plan/saved.ts";
import { action, plan } from "../report/examples.ts";

const EVERYTHING: Selection = { host: null, stages: null };

const step = (id: string, stage: Stage, needs: string[] = [], more: Partial<Action> = {}): Action =>
  action({ id: id as ActionId, stage, needs: needs as ActionId[], ...more });

const draft = (actions: Action[]): Draft => ({
  createdAt: new Date(0),
  mode: "backup",
  labels: new Map(),
  warnings: [],
  notes: [],
  problems: [],
  actions,
});

const ids = (actions: Action[], selection = EVERYTHING) =>
  assemble(draft(actions), selection).actions.map(({ id }) => id);

test("what is needed comes first, then the order of stages", () => {
  const actions = [
    step("upload:a", "cloud", ["register:a"]),
    step("register:a", "register", ["artifact:a"]),
    step("snapshot:a", "snapshot", ["packages:ws"]),
    step("artifact:a", "artifact", ["snapshot:a"]),
    step("packages:ws", "provision"),
  ];
  assert.deepEqual(ids(actions), ["packages:ws", "snapshot:a", "artifact:a", "register:a", "upload:a"]);
});

test("a second period's hydration does not wait for a stage, only for what it needs", () => {
  const actions = [
    step("artifact:1", "artifact"),
    step("hydrate:1", "hydrate", ["artifact:1"]),
    step("artifact:2", "artifact", ["hydrate:1"]),
  ];
  assert.deepEqual(ids(actions), ["artifact:1", "hydrate:1", "artifact:2"]);
});

test("actions that wait for each other are a defect", () => {
  assert.throws(() => ids([step("a:1", "cloud", ["b:1"]), step("b:1", "cloud", ["a:1"])]), /waits for/);
});

test("two datasets that need the same packages get one action", () => {
  const install = step("packages:ws", "provision", [], { dataset: null });
  assert.deepEqual(ids([install, install]), ["packages:ws"]);
  assert.throws(() => ids([step("snapshot:a", "snapshot"), step("snapshot:a", "snapshot")]), /two actions/);
});

test("needs that nothing answers are met already", () => {
  const [only] = assemble(draft([step("snapshot:a", "snapshot", ["packages:ws"])]), EVERYTHING).actions;
  assert.deepEqual(only?.needs, []);
});

test("what waits for something outside the selection is left out, and said", () => {
  const actions = [step("artifact:a", "artifact"), step("register:a", "register", ["artifact:a"])];
  const made = assemble(draft(actions), { host: null, stages: ["register"] });
  assert.deepEqual(made.actions, []);
  assert.deepEqual(
    made.warnings.map(({ text }) => text),
    ["register:a is left out: it needs artifact:a, which is not selected"],
  );
});

test("a selection of kinds keeps their order and leaves out the rest", () => {
  const actions = [
    step("escrow:a", "provision"),
    step("key:a", "provision"),
    step("upload-escrow:a", "cloud", ["escrow:a"]),
  ];
  const kinds = ["escrow", "upload-escrow"];
  assert.deepEqual(ids(actions, { host: null, stages: null, kinds }), ["escrow:a", "upload-escrow:a"]);
});

test("the summary counts", () => {
  const made = assemble(
    draft([step("a:1", "cloud"), step("b:1", "cloud", [], { change: "delete", hazard: "destructive" })]),
    EVERYTHING,
  );
  assert.deepEqual(made.summary, { total: 2, create: 1, update: 0, delete: 1, hazardous: 1 });
});

test("drift: what was known must be the same, what was not may be anything, a hazard may not grow", () => {
  const planned = step("artifact:a", "artifact", [], { assumes: { parent: "2026-01", snapshot: null } });
  const now = (more: Partial<Action>) => driftOf(planned, { ...planned, ...more });
  assert.equal(now({}), null);
  assert.equal(now({ assumes: { parent: "2026-01", snapshot: "x" } }), null);
  assert.match(
    now({ assumes: { parent: "2026-02", snapshot: null } }) ?? "",
    /parent was 2026-01, and is 2026-02/,
  );
  assert.match(now({ assumes: {} }) ?? "", /is gone/);
  assert.match(now({ hazard: "destructive" }) ?? "", /has become destructive/);
});

test("drift: of a saved plan, an action that nobody needs any more is drift too, and new ones are not", () => {
  const [a, b] = [step("a:1", "cloud"), step("b:1", "cloud")];
  assert.equal(firstDrift(plan([a]), plan([a, b]), { saved: true }), null);
  assert.match(firstDrift(plan([a, b]), plan([a]), { saved: true })?.why ?? "", /nothing left to do/);
  assert.equal(firstDrift(plan([a, b]), plan([a]), { saved: false }), null);
});

test("drift: what nobody could look at is neither needed nor unneeded", () => {
  const upload = step("upload:a", "cloud");
  const text = "the bucket could not be looked at";
  const away = plan([], {
    warnings: [{ code: "unknown-state", host: null, dataset: upload.dataset, text, hides: "cloud" }],
  });
  assert.equal(firstDrift(plan([upload]), away, { saved: true }), null);
  assert.equal(hiddenIn(away, upload)?.text, text);
  assert.equal(hiddenIn(away, step("hydrate:a", "hydrate")), undefined);
});

test("approval by id, by kind, or of everything; without hazard none is needed", () => {
  const risky = step("subvolume:dev", "provision", [], { kind: "subvolume", hazard: "disruptive" });
  assert.equal(isApproved(step("a:1", "cloud"), parseApproval([])), true);
  assert.equal(isApproved(risky, parseApproval([])), false);
  assert.equal(isApproved(risky, parseApproval(["subvolume:other"])), false);
  for (const word of ["subvolume:dev", "subvolume", "all"])
    assert.equal(isApproved(risky, parseApproval([word])), true, word);
  const copy = step("working-copy:dev@2026-03", "hydrate", [], {
    kind: "working-copy",
    hazard: "destructive",
  });
  assert.equal(isApproved(copy, parseApproval(["hydrate"])), false, "a kind, not the stage of that name");
  assert.deepEqual(approvedIds([risky, step("a:1", "cloud")], parseApproval(["all"])), ["subvolume:dev"]);
});

test("a saved plan keeps everything but the inputs, and what is none is not read", () => {
  const saved = {
    kind: "devbackup-plan" as const,
    formatVersion: 1 as const,
    desiredSha256: "00",
    labelled: false,
    selection: EVERYTHING,
    restore: null,
    plan: plan([step("a:1", "cloud", [], { input: { secret: "x" } })]),
  };
  const text = renderSavedPlan(saved);
  assert.doesNotMatch(text, /secret/);
  assert.equal(parseSavedPlan(text)?.plan.actions[0]?.id, "a:1");
  for (const part of ["labels", "summary", "warnings", "problems", "assumes"])
    assert.equal(
      parseSavedPlan(text.replace(new RegExp(`"${part}": (?=[{[])`), '"other": ')),
      undefined,
      part,
    );
  const elsewhere = text.replace('"dev": "2026-03"', '"dev": "2026-03/../../etc"');
  assert.notEqual(elsewhere, text);
  assert.equal(parseSavedPlan(elsewhere), undefined);
  for (const bad of ["", "{}", "null", "[]", text.replace("devbackup-plan", "other"), text.slice(0, -10)])
    assert.equal(parseSavedPlan(bad), undefined, bad.slice(0, 20));
});

test("a saved plan is shown in a fresh plan's words, and carried out by what it assumed", () => {
  const now = step("worktree:dev", "hydrate", [], {
    hazard: "destructive",
    summary: "replace the dataset",
    reason: "it stands at another label",
  });
  const gone = step("gone:1", "cloud", [], { summary: "what is no longer planned" });
  const forged = { ...now, hazard: "none" as const, summary: "look at the dataset", assumes: { uuid: "a" } };
  const shown = retold(plan([forged, gone]), plan([now]));
  assert.deepEqual(
    shown.actions.map(({ summary, reason, hazard, assumes }) => [summary, reason, hazard, assumes]),
    [
      [now.summary, now.reason, "none", { uuid: "a" }],
      [gone.summary, gone.reason, "none", gone.assumes],
    ],
  );
});
