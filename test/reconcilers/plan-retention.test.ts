import assert from "node:assert/strict";
import { test } from "node:test";
import { known, unknown } from "../../src/domain/fact.ts";
import type { KeepRule } from "../../src/domain/retention.ts";
import { isApproved, parseApproval } from "../../src/plan/approval.ts";
import type { Action } from "../../src/plan/plan.ts";
import { parseSavedPlan, renderSavedPlan, retold, type SavedPlan } from "../../src/plan/saved.ts";
import type { DeleteSnapshots } from "../../src/reconcilers/retention/delete-snapshots.ts";
import { planText } from "../../src/report/plan-text.ts";
import { history } from "../domain/history.ts";
import { copy, monthOf, type objects, store } from "./rows.ts";
import {
  type Case,
  filesOf,
  folder,
  HOME,
  planOf,
  received,
  SRV,
  settled,
  subvolume,
  taken,
} from "./world.ts";

const last = (count: number): KeepRule => ({ kind: "last", count });
const chains = (count: number): KeepRule => ({ kind: "chains", count });

/** Two chains and the beginning of a third; the fifth month is asked for again, so that nothing else is due. */
const FIVE = "2026-01 full 100, 2026-02 incr 10, 2026-03 full 100, 2026-04 incr 10, 2026-05 full 100";
const key = (label: string) =>
  history(FIVE).find((row) => row.label === label)?.objectKey ?? assert.fail(label);
const five = settled(FIVE);
const bucketOf = (map: typeof objects) => known({ objects: map, unfinished: known([]) });
const inFive = five.bucket.kind === "known" ? five.bucket.value.objects : assert.fail();

const MONTHS = history(FIVE).map(({ label }) => label);
/** All of them on the server, one found damaged. */
const hydratedBut = (damaged: string) =>
  folder(
    SRV,
    MONTHS.map((at) => [
      `dev@${at}`,
      subvolume(`ls-${at}`, { receivedUuid: `ws-${at}`, ...(at === damaged && { damaged: true as const }) }),
    ]),
  );

interface Row extends Partial<Case> {
  readonly name: string;
  /** By the place in the id: the labels that go. */
  readonly goes?: Readonly<Record<string, string>>;
  readonly others?: readonly string[];
  readonly warnings?: readonly string[];
  /** Something that the details of all of it must say. */
  readonly says?: RegExp;
}

const ROWS: readonly Row[] = [
  { name: "all: nothing goes" },
  {
    name: "the newest of each",
    retention: { workstationSnapshots: last(3), serverSnapshots: last(2) },
    goes: { "workstation-snapshots": "2026-01 2026-02", "server-snapshots": "2026-01 2026-02 2026-03" },
    says: /dev@2026-01, its artifact 100 B: older than the newest 3.*kept: 2026-03, 2026-04 \(one of the newest 3\); 2026-05 \(parent of the next increment\)/,
  },
  {
    name: "artifacts of older chains, from the server",
    retention: { serverArtifacts: chains(1) },
    goes: { "server-artifacts": "2026-01 2026-02 2026-03 2026-04" },
    says: /dev@2026-01, 100 B: older than the newest chain.*kept: 2026-05 \(of the newest chain\)/,
  },
  {
    name: "artifacts of older chains, from the bucket",
    retention: { cloudArtifacts: last(2) },
    goes: { "cloud-artifacts": "2026-01 2026-02" },
  },
  {
    name: "both limited: what both let go stays, and it is said",
    retention: { serverArtifacts: chains(1), cloudArtifacts: chains(1) },
    warnings: ["retention-last-copy"],
  },
  {
    name: "without a cloud no artifact goes, and it is said",
    cloud: false,
    retention: { serverArtifacts: chains(1), workstationSnapshots: last(1) },
    goes: { "workstation-snapshots": "2026-01 2026-02 2026-03 2026-04" },
    warnings: ["no-cloud", "retention-last-copy"],
  },
  {
    name: "the bucket can't be looked at: no artifact goes, and what the server can make again does",
    bucket: unknown("refused"),
    retention: { serverArtifacts: chains(1), serverSnapshots: last(1) },
    goes: { "server-snapshots": "2026-01 2026-02 2026-03 2026-04" },
    warnings: ["cloud-unknown"],
  },
  {
    name: "what was found damaged in the bucket can't be read: no artifact goes from the server",
    change: { verified: unknown("input/output error") },
    retention: { serverArtifacts: chains(1) },
    warnings: ["unknown-state"],
  },
  {
    name: "what the bucket has in an archive is no copy to rely on: its chain stays on the server, and is not sent again",
    bucket: bucketOf(
      new Map(
        [...inFive].map(([at, object]) => [
          at,
          at === key("2026-02") ? { ...object, archive: "GLACIER" } : object,
        ]),
      ),
    ),
    retention: { serverArtifacts: chains(1), workstationSnapshots: last(1) },
    goes: {
      "server-artifacts": "2026-03 2026-04",
      "workstation-snapshots": "2026-01 2026-02 2026-03 2026-04",
    },
    warnings: ["object-archived"],
    says: /2026-01, 2026-02 \(the copy of 2026-02 in the bucket is archived, and a chain goes whole or not at all\)/,
  },
  {
    name: "what the bucket has lost is sent again first, and then it goes from the server",
    bucket: bucketOf(new Map([...inFive].filter(([at]) => at !== key("2026-02")))),
    retention: { serverArtifacts: chains(1) },
    goes: { "server-artifacts": "2026-01 2026-02 2026-03 2026-04" },
    others: ["upload:dev@2026-02"],
  },
  {
    name: "what was let go from the server is not fetched, and no word of it",
    change: { store: known({ ...store, files: filesOf(history(FIVE).slice(4)) }) },
    retention: { serverArtifacts: chains(1) },
  },
  {
    name: "what was let go from the bucket is not sent again",
    bucket: bucketOf(new Map([...inFive].filter(([at]) => at !== key("2026-01") && at !== key("2026-02")))),
    retention: { cloudArtifacts: chains(2) },
  },
  {
    name: "damaged on the server and let go: it is not mended, it goes",
    change: {
      store: known({
        ...store,
        files: new Map([...filesOf(history(FIVE)), [history(FIVE)[0]?.localPath ?? "", 1]]),
      }),
    },
    retention: { serverArtifacts: chains(1) },
    goes: { "server-artifacts": "2026-01 2026-02 2026-03 2026-04" },
  },
  {
    name: "an artifact that is whole nowhere keeps the snapshots that only it could make again",
    change: {
      store: known({ ...store, files: filesOf(history(FIVE).filter(({ label }) => label !== "2026-01")) }),
    },
    bucket: bucketOf(new Map([...inFive].filter(([at]) => at !== key("2026-01")))),
    retention: { workstationSnapshots: last(1), serverSnapshots: last(1) },
    // on the workstation they go: the server's stay
    goes: {
      "workstation-snapshots": "2026-01 2026-02 2026-03 2026-04",
      "server-snapshots": "2026-03 2026-04",
    },
    warnings: ["artifact-lost"],
    says: /2026-01, 2026-02 \(it can't be made again: the artifact of 2026-01 is whole nowhere\)/,
  },
  {
    name: "a damaged snapshot that the rule lets go is not received again, it goes",
    change: { hydrated: hydratedBut("2026-02") },
    retention: { serverSnapshots: last(2) },
    goes: { "server-snapshots": "2026-01 2026-02 2026-03" },
  },
  {
    name: "one that the rule keeps is set aside, and received again",
    change: { hydrated: hydratedBut("2026-04") },
    retention: { serverSnapshots: last(2) },
    goes: { "server-snapshots": "2026-01 2026-02 2026-03" },
    others: ["set-aside-snapshot:dev@2026-04", "hydrate:dev@2026-04"],
  },
  {
    name: "one that can't be made again stays, and so does the workstation's",
    change: {
      hydrated: hydratedBut("2026-01"),
      store: known({ ...store, files: filesOf(history(FIVE).filter(({ label }) => label !== "2026-01")) }),
    },
    bucket: bucketOf(new Map([...inFive].filter(([at]) => at !== key("2026-01")))),
    retention: { workstationSnapshots: last(1), serverSnapshots: last(1) },
    goes: {
      "workstation-snapshots": "2026-02 2026-03 2026-04",
      "server-snapshots": "2026-03 2026-04",
    },
    warnings: ["artifact-lost", "snapshot-lost"],
  },
  {
    name: "what is not ours, writable, half received, or no snapshot of a registered label stays",
    change: {
      snapshots: folder(HOME, [
        ["dev@2026-01", subvolume("a", { parentUuid: "x", readOnly: false })],
        ["dev@2026-02", subvolume("b", { receivedUuid: "x", receiving: true })],
        ["dev@2026-03", subvolume("c")],
        ["dev@2026-04", subvolume("d", { parentUuid: "another" })],
        ["dev@2025-12", subvolume("e", { parentUuid: "source" })],
        ["dev@notes", subvolume("f", { parentUuid: "source" })],
        ["dev@2026-05", subvolume("ws-2026-05", { parentUuid: "source" })],
      ]),
    },
    retention: { workstationSnapshots: last(1) },
  },
  {
    name: "what the working copy stands on stays until it is brought on",
    change: {
      workingCopy: known({ ...copy, parentUuid: "ls-2026-02", noted: null }),
      hydrated: received("2026-01", "2026-02", "2026-03", "2026-04", "2026-05"),
    },
    retention: { serverSnapshots: last(1) },
    stages: ["retention"],
    goes: { "server-snapshots": "2026-01 2026-03 2026-04" },
    says: /2026-02 \(the working copy stands on it\)/,
  },
  {
    name: "with a month that is due: as it will be when that is made",
    target: "2026-06",
    retention: { workstationSnapshots: last(2), serverArtifacts: chains(1) },
    goes: {
      "workstation-snapshots": "2026-01 2026-02 2026-03 2026-04",
      "server-artifacts": "2026-01 2026-02 2026-03 2026-04",
    },
    others: monthOf("2026-06"),
  },
  {
    name: "alone, with a month that is due and is not made: the newest that is registered counts",
    target: "2026-06",
    stages: ["retention"],
    retention: { workstationSnapshots: last(2) },
    goes: { "workstation-snapshots": "2026-01 2026-02 2026-03" },
  },
  {
    name: "the manifest has fallen behind the bucket's: nothing goes",
    rows: "2026-01 full 100, 2026-02 incr 10, 2026-03 full 100, 2026-04 incr 10",
    target: "2026-04",
    bucket: five.bucket,
    retention: { workstationSnapshots: last(1), serverArtifacts: chains(1) },
    warnings: ["behind-bucket"],
  },
  {
    name: "what is locked in the bucket stays",
    bucket: known({
      objects: new Map(
        [...inFive].map(([at, object]) => [
          at,
          { ...object, lastModified: new Date("2026-05-30T00:00:00Z") },
        ]),
      ),
      unfinished: known([]),
      lockDays: known(30),
    }),
    retention: { cloudArtifacts: chains(1) },
  },
];

for (const { name, goes = {}, others = [], warnings = [], says, ...given } of ROWS)
  test(name, () => {
    const plan = planOf({ rows: FIVE, target: "2026-05", ...given });
    assert.deepEqual(plan.problems, []);
    const lets = plan.actions.filter(({ kind }) => kind === "retention");
    assert.deepEqual(
      Object.fromEntries(lets.map(({ id, assumes }) => [id.slice("retention:dev/".length), assumes.letGo])),
      goes,
    );
    assert.deepEqual(
      new Set(plan.actions.filter(({ kind }) => kind !== "retention").map(({ id }) => id)),
      new Set(others),
    );
    assert.deepEqual(plan.warnings.map(({ code }) => code).sort(), [...warnings].sort());
    for (const action of lets) {
      assert.equal(action.hazard, "destructive");
      assert.equal(action.stage, "retention");
      // what makes the newest copies comes first
      for (const id of others.filter((each) => /^(register|hydrate|upload|upload-manifest):/.test(each)))
        assert((action.needs as readonly string[]).includes(id), id);
    }
    if (says !== undefined) assert.match(lets.flatMap(({ details }) => details).join(" "), says);
  });

const LATER: Case = { rows: FIVE, target: "2026-05", retention: { serverSnapshots: last(1) } };
const lets = (given: Case): Action =>
  planOf(given).actions.find(({ kind }) => kind === "retention") ?? assert.fail("nothing goes");

test("it is approved by id, by kind, or once and for all in the desired state", () => {
  const asked = lets(LATER);
  const approved = (...words: string[]) => isApproved(asked, parseApproval(words));
  assert.deepEqual(
    [approved(), approved("hydrate"), approved("retention"), approved(asked.id)],
    [false, false, true, true],
  );
  const auto = { ...LATER, retention: { ...LATER.retention, auto: true } };
  assert(isApproved(lets(auto), parseApproval([])));
  const options = { width: 100, color: false, verbose: false };
  assert.match(planText(planOf(auto), options), /destructive: approved by retention\.auto/);
  assert.doesNotMatch(planText(planOf(auto), options), /waits? for approval/);
  assert.match(
    planText(planOf(LATER), options),
    /1 action waits for approval:\n.*--approve retention:dev\/server-snapshots/,
  );
});

test("a saved plan's file can't grant it", () => {
  const plan = planOf(LATER);
  const forged = {
    ...plan,
    actions: plan.actions.map((action) => ({ ...action, approvedBy: "retention.auto" as const })),
  };
  const saved = parseSavedPlan(
    renderSavedPlan({
      kind: "devbackup-plan",
      formatVersion: 1,
      desiredSha256: "",
      labelled: true,
      selection: { host: null, stages: null },
      restore: null,
      plan: forged,
    } satisfies SavedPlan),
  );
  assert(saved !== undefined);
  for (const fresh of [plan, { ...plan, actions: [] }])
    for (const action of retold(saved.plan, fresh).actions) assert(!isApproved(action, parseApproval([])));
  const auto = planOf({ ...LATER, retention: { ...LATER.retention, auto: true } });
  for (const action of retold(plan, auto).actions) assert(isApproved(action, parseApproval([])));
});

test("a restore lets nothing go, and fetches what the server has let go", () => {
  const plan = planOf({
    ...LATER,
    retention: { serverSnapshots: last(1), serverArtifacts: chains(1), workstationSnapshots: last(1) },
    change: {
      store: known({ ...store, files: filesOf(history(FIVE).slice(4)) }),
      hydrated: received("2026-05"),
      snapshots: taken("2026-05"),
    },
    restore: { label: history(FIVE)[1]?.label ?? assert.fail(), to: null },
  });
  assert.deepEqual(plan.problems, []);
  const kinds = plan.actions.map(({ id }) => id as string);
  assert.deepEqual(
    kinds.filter((id) => id.startsWith("retention")),
    [],
  );
  for (const label of ["2026-01", "2026-02"]) assert(kinds.includes(`fetch:dev@${label}`), label);
});

test("a damaged snapshot goes by the UUID that was seen", () => {
  const hydrated = hydratedBut("2026-02");
  const [action = assert.fail()] = planOf({
    ...LATER,
    retention: { serverSnapshots: last(3) },
    change: { hydrated },
  }).actions;
  const { snapshots } = action.input as DeleteSnapshots;
  assert.deepEqual(
    snapshots.map(({ uuid }) => uuid),
    ["ls-2026-01", "ls-2026-02"],
  );
});

for (const [name, given, read] of [
  ["both places let them go, and there is no bucket", {}, { workstation: "1 2 3", server: "1 2 3" }],
  ["the other place keeps them", { retention: { workstationSnapshots: last(2) } }, { workstation: "" }],
  [
    "the other place has some of them alone: the chains of the rest",
    {
      retention: { workstationSnapshots: last(2) },
      change: { hydrated: received("2026-01", "2026-04", "2026-05") },
    },
    { workstation: "1 2 3" },
  ],
  [
    "what the other place has of them was found damaged",
    { retention: { workstationSnapshots: last(1) }, change: { hydrated: hydratedBut("2026-02") } },
    { workstation: "1 2" },
  ],
  [
    "nobody could look at the other place",
    { retention: { workstationSnapshots: last(2) }, change: { hydrated: unknown("no") } },
    { workstation: "1 2 3" },
  ],
  ["the bucket has them whole", { cloud: true }, { workstation: "", server: "" }],
  [
    "the bucket has all but one of them whole",
    {
      cloud: true,
      bucket: bucketOf(new Map([...inFive].filter(([at]) => at !== key("2026-01")))),
      stages: ["retention"],
    },
    { workstation: "1", server: "1" },
  ],
] as const satisfies readonly (readonly [string, Partial<Case>, object])[])
  test(`what is read before snapshots go: ${name}`, () => {
    const both = { workstationSnapshots: last(2), serverSnapshots: last(2) };
    const plan = planOf({ rows: FIVE, target: "2026-05", cloud: false, retention: both, ...given });
    const found = plan.actions
      .filter(({ kind }) => kind === "retention")
      .map(({ id, input, details }) => {
        const { first } = input as DeleteSnapshots;
        const months = first.artifacts.map(
          ({ path }) => / dev@2026-0(\d)/.exec(path.replace(/.*\//, " "))?.[1],
        );
        assert.equal(
          details.some((line) => line.startsWith("read to the end before that")),
          months.length > 0,
        );
        return [id.replace(/.*\/(.*)-snapshots/, "$1"), months.join(" ")];
      });
    assert.deepEqual(Object.fromEntries(found), read);
  });
