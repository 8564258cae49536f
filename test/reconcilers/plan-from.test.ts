import assert from "node:assert/strict";
import { test } from "node:test";
import { absent, known, unknown } from "../../src/domain/fact.ts";
import { history } from "../domain/history.ts";
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

const THREE = "2026-01 full 100, 2026-02 incr 10, 2026-03 incr 10";
const MONTH = ["snapshot", "artifact", "register", "hydrate", "working-copy", "upload"];
const monthOf = (at: string) => [...MONTH.map((kind) => `${kind}:dev@${at}`), "upload-manifest:dev"];
const { facts, bucket } = settled(THREE);
const source = facts.source.kind === "known" ? facts.source.value : assert.fail();
const store = facts.store.kind === "known" ? facts.store.value : assert.fail();
const copy = facts.workingCopy.kind === "known" ? facts.workingCopy.value : assert.fail();
const objects = bucket.kind === "known" ? bucket.value.objects : assert.fail();
const made = history(`${THREE}, 2026-04 incr 10`).slice(3);

interface Row extends Partial<Case> {
  readonly name: string;
  readonly actions?: readonly string[];
  readonly problems?: readonly string[];
  readonly warnings?: readonly string[];
  /** What the reasons of the actions must say, one expression an action id. */
  readonly says?: Readonly<Record<string, RegExp>>;
  readonly hazards?: Readonly<Record<string, string>>;
}

const rows: readonly Row[] = [
  { name: "all is well", target: "2026-03" },
  { name: "a new period", actions: monthOf("2026-04"), says: { "artifact:dev@2026-04": /^increment: / } },
  {
    name: "fresh machines",
    rows: "",
    target: "2026-01",
    tools: new Set(["btrfs", "flock"]),
    change: {
      source: known({ ...source, kind: "absent" }),
      snapshots: absent,
      workstationLayout: known({ place: HOME, present: new Map() }),
      recipient: absent,
      serverLayout: known({ place: SRV, present: new Map() }),
      key: known({ identityRights: null, derived: null, published: null }),
      store: absent,
      hydrated: absent,
      pushedManifest: absent,
    },
    actions: [
      "packages:ws",
      "packages:ls",
      "layout:ws/dev",
      "layout:ls/dev",
      "subvolume:dev",
      "key:dev",
      "recipient:dev",
      ...monthOf("2026-01"),
    ],
    says: {
      "artifact:dev@2026-01": /^anchor: this is the first backup$/,
      "packages:ls": /zstd, age, openssl, curl/,
    },
  },
  {
    name: "no cloud",
    cloud: false,
    actions: MONTH.slice(0, -1).map((kind) => `${kind}:dev@2026-04`),
    warnings: ["no-cloud"],
  },
  // the source
  {
    name: "a plain directory is converted, when approved",
    target: "2026-03",
    change: { source: known({ ...source, kind: "directory", uuid: null }) },
    actions: ["subvolume:dev"],
    hazards: { "subvolume:dev": "disruptive" },
  },
  {
    name: "an empty directory is no loss",
    rows: "",
    target: "2026-01",
    change: { source: known({ ...source, kind: "directory", empty: true, uuid: null }) },
    actions: ["subvolume:dev", ...monthOf("2026-01")],
  },
  {
    name: "an empty directory where a dataset was: its disk is not mounted, and no backup is made of nothing",
    change: { source: known({ ...source, kind: "directory", empty: true, uuid: null }) },
    problems: ["dataset-gone"],
  },
  {
    name: "the dataset is gone",
    change: { source: known({ ...source, kind: "absent", uuid: null }) },
    problems: ["dataset-gone"],
  },
  {
    name: "an empty directory beside the original of a conversion that was cut off",
    rows: "",
    target: "2026-01",
    change: {
      source: known({ ...source, kind: "directory", empty: true, originalBeside: true, copyBeside: true }),
    },
    problems: ["dataset-moved"],
  },
  {
    name: "not on Btrfs",
    change: { source: known({ ...source, place: { ...HOME, fsType: "ext4" } }) },
    problems: ["not-on-btrfs"],
  },
  {
    name: "a nested subvolume",
    change: { source: known({ ...source, holes: ["x"] }) },
    problems: ["nested"],
  },
  {
    name: "a swap file",
    change: { source: known({ ...source, swapFiles: ["/s"] }) },
    problems: ["swap-file"],
  },
  {
    name: "no such owner",
    change: { source: known({ ...source, ownerExists: false }) },
    problems: ["no-such-user"],
  },
  {
    name: "the original stands beside a path that is gone",
    change: { source: known({ ...source, kind: "absent", originalBeside: true }) },
    problems: ["dataset-moved"],
  },
  { name: "an unknown is never absent", change: { source: unknown("no") }, problems: ["unknown-state"] },
  // labels
  { name: "a label that exists", target: "2026-02", problems: ["label-exists"] },
  { name: "a label in the past", target: "2025-12", problems: ["label-in-the-past"] },
  { name: "a clock that went back", target: "2026-02", labelled: false, problems: ["clock-went-back"] },
  {
    name: "a clock here that is ahead of both machines'",
    target: "2036-06",
    labelled: false,
    problems: ["clocks-differ"],
    warnings: ["clock-skew", "clock-skew"],
    system: ticking("2026-04-30T00:00:00Z"),
  },
  {
    name: "clocks there that lie before what is registered",
    labelled: false,
    actions: monthOf("2026-04"),
    warnings: ["clock-skew", "clock-skew"],
    system: ticking("1970-01-01T00:00:00Z"),
  },
  {
    name: "something writable under the label's name",
    change: { snapshots: folder(HOME, [...entries(), ["dev@2026-04", subvolume("x", { readOnly: false })]]) },
    problems: ["label-taken"],
  },
  {
    name: "a snapshot of something else under the label's name",
    change: {
      snapshots: folder(HOME, [...entries(), ["dev@2026-04", subvolume("x", { parentUuid: "other" })]]),
    },
    problems: ["label-taken"],
  },
  {
    name: "snapshots on another file system",
    change: { workstationLayout: known({ place: SRV, present: workstationPresent() }) },
    problems: ["snapshots-elsewhere"],
  },
  {
    name: "a snapshot of an earlier run is sent first",
    target: "2026-05",
    change: { snapshots: taken("2026-01", "2026-02", "2026-03", "2026-04") },
    actions: [
      "snapshot:dev@2026-05",
      ...["artifact", "register", "hydrate", "upload"].flatMap((kind) => [
        `${kind}:dev@2026-04`,
        `${kind}:dev@2026-05`,
      ]),
      "working-copy:dev@2026-05",
      "upload-manifest:dev",
    ],
    says: { "artifact:dev@2026-05": /or anchor if|with no increments|increment/ },
  },
  // parents
  {
    name: "the parent is gone from the workstation",
    change: { snapshots: taken("2026-01", "2026-02") },
    actions: monthOf("2026-04"),
    says: { "artifact:dev@2026-04": /^anchor: the parent dev@2026-03 is gone from ws$/ },
  },
  {
    name: "the parent is gone from the server, and can be received again",
    change: { hydrated: received("2026-01", "2026-02") },
    actions: ["hydrate:dev@2026-03", ...monthOf("2026-04")],
    says: { "artifact:dev@2026-04": /^increment/ },
  },
  {
    name: "the parent is gone from the server, its artifact too",
    change: { hydrated: received("2026-01"), store: withFiles("2026-01 full 100") },
    actions: monthOf("2026-04"),
    warnings: ["artifact-lost", "artifact-lost"],
    says: {
      "artifact:dev@2026-04":
        /^anchor: the parent dev@2026-03 is gone from ls, and so is the artifact of 2026-02/,
    },
  },
  {
    name: "an artifact that the newest label needs is lost: said, and nothing is begun that can't end",
    target: "2026-03",
    change: {
      hydrated: received("2026-01"),
      store: withFiles("2026-01 full 100"),
      workingCopy: known({ ...copy, noted: null, parentUuid: "ls-2026-01" }),
    },
    warnings: ["artifact-lost", "artifact-lost"],
  },
  {
    name: "the two sides have different parents under one name",
    change: {
      hydrated: folder(SRV, [["dev@2026-03", subvolume("ls-2026-03", { receivedUuid: "somebody else's" })]]),
    },
    actions: monthOf("2026-04"),
    says: { "artifact:dev@2026-04": /^anchor: .* not the same snapshot$/ },
  },
  // the server
  {
    name: "made, and not registered",
    target: "2026-04",
    change: {
      snapshots: taken("2026-01", "2026-02", "2026-03", "2026-04"),
      store: known({ ...store, files: filesOf(history(`${THREE}, 2026-04 incr 10`)), made }),
    },
    actions: monthOf("2026-04").slice(2),
  },
  {
    name: "made on a parent that the manifest, put back from an older copy, does not have",
    rows: "2026-01 full 100",
    target: "2026-05",
    change: {
      snapshots: taken("2026-01", "2026-05"),
      store: known({
        ...store,
        files: filesOf([...history("2026-01 full 100"), ...made]),
        made,
      }),
    },
    actions: ["set-aside:dev/dev@2026-04.incr.from_2026-03.send.zst.age", ...monthOf("2026-05").slice(1)],
  },
  {
    name: "a receive of ours was cut off",
    target: "2026-03",
    change: {
      hydrated: folder(SRV, [
        ["dev@2026-02", subvolume("ls-2026-02", { receivedUuid: "ws-2026-02" })],
        ["dev@2026-03", subvolume("p", { readOnly: false })],
      ]),
      store: known({ ...store, receiving: new Set(["dev@2026-03"]) }),
    },
    actions: ["hydrate:dev@2026-03"],
  },
  {
    name: "what stands under a hydrated name is not ours",
    target: "2026-03",
    change: {
      hydrated: folder(SRV, [
        ["dev@2026-02", subvolume("ls-2026-02", { receivedUuid: "ws-2026-02" })],
        ["dev@2026-03", subvolume("ls-2026-03", { readOnly: false })],
      ]),
    },
    actions: ["hydrate:dev@2026-03"],
    hazards: { "hydrate:dev@2026-03": "destructive" },
  },
  {
    name: "a file among the artifacts that nobody knows",
    target: "2026-03",
    change: { store: known({ ...store, files: new Map([...store.files, ["artifacts/incr/x", 1]]) }) },
    actions: ["set-aside:dev/x"],
  },
  {
    name: "no room",
    change: { serverLayout: known({ place: { ...SRV, freeBytes: 1e6 }, present: layoutPresent() }) },
    problems: ["no-space"],
  },
  {
    name: "the manifest is damaged",
    target: "2026-03",
    change: { manifest: known({ sha256: "m", reading: { kind: "damaged", line: 2, why: "x" } }) },
    problems: ["manifest-damaged"],
  },
  {
    name: "the manifest is lost",
    target: "2026-03",
    change: { manifest: absent },
    problems: ["manifest-lost"],
  },
  {
    name: "state.env is stale",
    target: "2026-03",
    change: { stateEnv: known("LATEST_LABEL=2026-02\n") },
    actions: ["manifest:dev"],
  },
  {
    name: "the key is gone and artifacts need it",
    target: "2026-03",
    change: { key: known({ identityRights: null, derived: null, published: null }) },
    problems: ["key-lost"],
  },
  {
    name: "a repository that is not there, though the workstation knows its key: no new key, and so no new chain, unasked",
    rows: "",
    target: "2026-01",
    change: { key: known({ identityRights: null, derived: null, published: null }) },
    actions: ["key:dev", "recipient:dev", ...monthOf("2026-01")],
    hazards: { "key:dev": "destructive" },
    says: { "key:dev": /is its disk mounted/ },
  },
  {
    name: "the key can be read by others",
    target: "2026-03",
    change: { key: known({ identityRights: "644 0", derived: rec(), published: rec() }) },
    actions: ["key:dev"],
  },
  {
    name: "another recipient on the workstation",
    target: "2026-03",
    change: { recipient: known("age1other") },
    actions: ["recipient:dev"],
  },
  // the working copy
  {
    name: "the working copy is at an older label",
    target: "2026-03",
    change: { workingCopy: known({ ...copy, parentUuid: "ls-2026-02", noted: null, written: true }) },
    actions: ["working-copy:dev@2026-03"],
    says: { "working-copy:dev@2026-03": /stands at 2026-02, and something was written/ },
  },
  {
    name: "somebody else's directory at the working copy's path",
    target: "2026-03",
    change: { workingCopy: known({ ...copy, kind: "other", parentUuid: null }) },
    actions: ["working-copy:dev@2026-03"],
    hazards: { "working-copy:dev@2026-03": "destructive" },
  },
  // the bucket
  {
    name: "an object is gone",
    target: "2026-03",
    bucket: known({
      objects: without("dev/artifacts/anchors/dev@2026-01.full.send.zst.age"),
      unfinished: known([]),
    }),
    actions: ["upload:dev@2026-01"],
  },
  {
    name: "an object has another size",
    target: "2026-03",
    bucket: known({
      objects: resized("dev/artifacts/anchors/dev@2026-01.full.send.zst.age"),
      unfinished: known([]),
    }),
    actions: ["upload:dev@2026-01"],
    hazards: { "upload:dev@2026-01": "destructive" },
  },
  {
    name: "the manifest in the bucket is another",
    target: "2026-03",
    change: { pushedManifest: known({ manifestSha256: "m1", etag: "other", sizeBytes: 5 }) },
    actions: ["upload-manifest:dev"],
  },
  {
    name: "the manifest in the bucket was not sent from this repository",
    target: "2026-03",
    change: { pushedManifest: absent },
    actions: ["upload-manifest:dev"],
    hazards: { "upload-manifest:dev": "destructive" },
  },
  {
    name: "a bucket that holds an older chain",
    rows: "",
    target: "2026-01",
    change: { pushedManifest: absent },
    bucket,
    actions: monthOf("2026-01"),
    hazards: { "upload:dev@2026-01": "destructive", "upload-manifest:dev": "destructive" },
  },
  {
    name: "an object that has the artifact's size and another hash",
    target: "2026-03",
    bucket: known({
      objects: noted("dev/artifacts/anchors/dev@2026-01.full.send.zst.age", "cd".repeat(32)),
      unfinished: known([]),
    }),
    actions: ["upload:dev@2026-01"],
    hazards: { "upload:dev@2026-01": "destructive" },
  },
  {
    name: "an object that was looked at more closely, and is the artifact",
    target: "2026-03",
    bucket: known({
      objects: noted("dev/artifacts/anchors/dev@2026-01.full.send.zst.age", "ab".repeat(32)),
      unfinished: known([]),
    }),
  },
  {
    name: "an upload that nobody goes on with",
    target: "2026-03",
    bucket: known({
      objects,
      unfinished: known([{ key: "dev/artifacts/x", uploadId: "u1", initiated: undefined }]),
    }),
    actions: ["abort-upload:dev/u1"],
  },
  {
    name: "the bucket does not answer: the backup at home goes on",
    bucket: unknown("timed out"),
    actions: monthOf("2026-04").slice(0, 5),
    warnings: ["cloud-unknown"],
  },
  // the system
  {
    name: "a system that could not be looked at is not taken for one that has all it needs",
    target: "2026-03",
    system: unknown("the probe was cut off"),
    problems: ["unknown-state"],
  },
  {
    name: "no package manager that we know",
    target: "2026-03",
    tools: new Set(["btrfs", "zstd", "age", "openssl", "flock"]),
    distribution: ["plan9"],
    problems: ["unknown-distribution"],
  },
];

for (const { name, actions = [], problems = [], warnings = [], says = {}, hazards = {}, ...given } of rows)
  test(name, () => {
    const plan = planOf({ rows: THREE, target: "2026-04", ...given });
    assert.deepEqual([...new Set(plan.problems.map(({ code }) => code))], [...new Set(problems)]);
    assert.deepEqual(
      plan.warnings.map(({ code }) => code),
      ["no-escrow", ...warnings],
    );
    if (problems.length > 0) return;
    assert.deepEqual(new Set(plan.actions.map(({ id }) => id)), new Set(actions));
    assert.equal(plan.actions.length, actions.length);
    const byId = new Map(plan.actions.map((action) => [action.id as string, action]));
    for (const [id, pattern] of Object.entries(says)) assert.match(byId.get(id)?.reason ?? "", pattern, id);
    for (const action of plan.actions) assert.equal(action.hazard, hazards[action.id] ?? "none", action.id);
  });

test("a damaged manifest makes no artifact a stranger", () => {
  const manifest = known({ sha256: "m", reading: { kind: "damaged" as const, line: 2, why: "x" } });
  const { actions } = planOf({ rows: THREE, target: "2026-03", change: { manifest } });
  assert.deepEqual(
    actions.filter(({ kind }) => kind === "set-aside"),
    [],
  );
});

function entries() {
  return facts.snapshots.kind === "known" ? [...facts.snapshots.value.entries] : [];
}
function withFiles(text: string) {
  return known({ ...store, files: filesOf(history(text)) });
}
function workstationPresent() {
  const layout = facts.workstationLayout;
  return layout.kind === "known" ? layout.value.present : new Map<string, string>();
}
function layoutPresent() {
  return facts.serverLayout.kind === "known" ? facts.serverLayout.value.present : new Map<string, string>();
}
function rec() {
  return facts.key.kind === "known" ? facts.key.value.derived : null;
}
function without(key: string) {
  return new Map([...objects].filter(([at]) => at !== key));
}
function ticking(time: string) {
  const tools = new Set(["btrfs", "zstd", "age", "openssl", "curl", "flock"]);
  return known({ epochSeconds: Date.parse(time) / 1000, distribution: ["debian"], tools });
}
function noted(key: string, sha256: string) {
  const object = objects.get(key) ?? assert.fail();
  return new Map([...objects, [key, { ...object, sha256 }]]);
}
function resized(key: string) {
  return new Map(
    [...objects].map(([at, object]) => [at, at === key ? { ...object, sizeBytes: 1 } : object] as const),
  );
}
