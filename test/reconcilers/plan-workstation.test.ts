import { absent, known, unknown } from "../../src/domain/fact.ts";
import {
  copy,
  entries,
  layoutPresent,
  MONTH,
  monthOf,
  objects,
  source,
  store,
  testRows,
  ticking,
  withFiles,
  without,
  workstationPresent,
} from "./rows.ts";
import { folder, HOME, received, SRV, subvolume, taken } from "./world.ts";

testRows([
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
      key: known({ rights: null, derived: null, published: null }),
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
    warnings: ["nothing-there"],
  },
  {
    name: "a new system on the workstation's old disk: first the tools to look at it with",
    tools: new Set(["flock"]),
    change: { source: unknown("no"), snapshots: unknown("no"), hydrated: unknown("no") },
    actions: ["packages:ws", "packages:ls"],
    warnings: ["tools-first", "tools-first"],
  },
  {
    name: "tools hide nothing of what else could not be looked at",
    tools: new Set(["flock"]),
    change: { snapshots: unknown("no"), source: known({ ...source, ownerExists: false }) },
    problems: ["no-such-user"],
    warnings: ["tools-first"],
  },
  {
    name: "no cloud",
    cloud: false,
    actions: MONTH.slice(0, -1).map((kind) => `${kind}:dev@2026-04`),
    warnings: ["no-cloud"],
  },
  {
    name: "folders that somebody has closed further stay so",
    target: "2026-03",
    change: {
      workstationLayout: known({
        place: HOME,
        present: new Map([...workstationPresent().keys()].map((path) => [path, "700 0 0"])),
      }),
    },
  },
  {
    name: "a folder of somebody's own becomes the repository only when that is approved",
    target: "2026-03",
    change: {
      serverLayout: known({
        place: SRV,
        present: new Map([...layoutPresent(), ["/srv/dev", "2775 1000 1000"]]),
      }),
    },
    actions: ["layout:ls/dev"],
    hazards: { "layout:ls/dev": "disruptive" },
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
    warnings: ["nothing-there"],
  },
  {
    name: "another subvolume at the path than the one that this period's snapshot was taken of",
    target: "2026-03",
    change: { source: known({ ...source, uuid: "another" }) },
    warnings: ["taken-elsewhere"],
  },
  {
    name: "brought back from a snapshot: it is no other",
    target: "2026-03",
    change: { source: known({ ...source, uuid: "another", parentUuid: "ws-2026-01" }) },
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
    warnings: ["clock-skew", "clock-skew", "period-missed"],
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
      ...["artifact", "register", "fingerprint", "hydrate", "upload"].flatMap((kind) => [
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
    name: "the parent is gone from the server, its artifact too, and from the bucket",
    bucket: known({
      objects: new Map([...objects].filter(([key]) => !/@2026-0[23]/.test(key))),
      unfinished: known([]),
    }),
    change: { hydrated: received("2026-01"), store: withFiles("2026-01 full 100") },
    actions: monthOf("2026-04"),
    warnings: ["artifact-lost", "artifact-lost"],
    says: {
      "artifact:dev@2026-04":
        /^anchor: the parent dev@2026-03 is gone from ls, and so is the artifact of 2026-02/,
    },
  },
  {
    name: "the chain's anchor is lost everywhere: nothing more is put on it, though its snapshots stand",
    bucket: known({
      objects: without("dev/artifacts/anchors/dev@2026-01.full.send.zst.age"),
      unfinished: known([]),
    }),
    change: { store: known({ ...store, files: new Map([...store.files].slice(1)) }) },
    actions: monthOf("2026-04"),
    warnings: ["artifact-lost"],
    says: {
      "artifact:dev@2026-04": /^anchor: the artifact of 2026-01, which dev@2026-03 is made from, is lost/,
    },
  },
  {
    name: "the parent is gone from the server, its artifact too, and the bucket has it: fetched and received first",
    change: { hydrated: received("2026-01"), store: withFiles("2026-01 full 100") },
    actions: [
      ...["2026-02", "2026-03"].flatMap((at) => [`fetch:dev@${at}`, `hydrate:dev@${at}`]),
      ...monthOf("2026-04"),
    ],
    says: { "artifact:dev@2026-04": /^increment/ },
  },
  {
    name: "an artifact that the newest label needs is lost: said, and nothing is begun that can't end",
    cloud: false,
    target: "2026-03",
    change: {
      hydrated: received("2026-01"),
      store: withFiles("2026-01 full 100"),
      workingCopy: known({ ...copy, noted: null, parentUuid: "ls-2026-01" }),
    },
    warnings: ["artifact-lost", "artifact-lost", "no-cloud"],
  },
  {
    name: "the two sides have different parents under one name",
    change: {
      hydrated: folder(SRV, [["dev@2026-03", subvolume("ls-2026-03", { receivedUuid: "somebody else's" })]]),
    },
    actions: monthOf("2026-04"),
    says: { "artifact:dev@2026-04": /^anchor: .* not the same snapshot$/ },
  },
]);
