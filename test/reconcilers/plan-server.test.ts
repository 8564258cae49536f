import assert from "node:assert/strict";
import { test } from "node:test";
import { absent, known, unknown } from "../../src/domain/fact.ts";
import { history } from "../domain/history.ts";
import {
  bucket,
  copy,
  layoutPresent,
  made,
  monthOf,
  noted,
  objects,
  rec,
  resized,
  store,
  THREE,
  testRows,
  without,
} from "./rows.ts";
import { filesOf, folder, M1, planOf, SRV, subvolume, taken } from "./world.ts";

const later = "dev/artifacts/incr/dev@2026-04.incr.from_2026-03.send.zst.age";
const FIRST = history("2026-01 full 100");
const withLater = new Map([
  ...objects,
  ...[...objects.values()].slice(0, 1).map((one) => [later, { ...one, key: later }] as const),
]);

testRows([
  // what is due is no part of what was asked for
  {
    name: "a label is due, and cloud alone is asked for: what is registered goes there, and nothing is owed",
    stages: ["cloud"],
    bucket: known({
      objects: without("dev/artifacts/incr/dev@2026-03.incr.from_2026-02.send.zst.age"),
      unfinished: known([]),
    }),
    actions: ["upload:dev@2026-03"],
  },
  {
    name: "the same, where all of it is there; and a clock that went back is no matter",
    stages: ["cloud", "hydrate", "retention"],
    target: "2026-02",
    labelled: false,
  },
  {
    name: "the same, with an artifact that waits for its row",
    stages: ["cloud"],
    change: {
      snapshots: taken("2026-01", "2026-02", "2026-03", "2026-04"),
      store: known({ ...store, files: filesOf(history(`${THREE}, 2026-04 incr 10`)), made }),
    },
    warnings: ["left-out", "left-out"],
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
        ["dev@2026-03", subvolume("p", { readOnly: false, receiving: true })],
      ]),
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
    change: {
      manifest: known({
        sha256: M1,
        reading: { kind: "damaged", line: 2, why: "x" },
        signature: "good",
        signatureSha256: M1,
      }),
    },
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
    change: { key: known({ rights: null, derived: null, published: null }) },
    problems: ["key-lost"],
  },
  {
    name: "a repository that is not there, though the workstation knows its key: no new key, and so no new chain, unasked",
    rows: "",
    target: "2026-01",
    change: { key: known({ rights: null, derived: null, published: null }) },
    actions: ["key:dev", "recipient:dev", ...monthOf("2026-01")],
    hazards: { "key:dev": "destructive" },
    says: { "key:dev": /is its disk mounted/ },
  },
  {
    name: "notes of what was last sent that cannot be read: nothing is replaced on the strength of that",
    target: "2026-04",
    change: { pushedManifest: unknown("input/output error"), pushedEscrow: unknown("input/output error") },
    warnings: ["note-unread", "note-unread"],
    actions: monthOf("2026-04").filter((id) => id !== "upload-manifest:dev"),
  },
  {
    name: "what a working copy on another file system was made from cannot be looked at",
    target: "2026-04",
    change: {
      workingCopy: known({ ...copy, place: { ...SRV, fsUuid: "other" }, noted: null }),
      workingCopyBase: unknown("input/output error"),
    },
    problems: ["unknown-state"],
  },
  {
    name: "a stranger's file in a repository that is new: moved out of the way at once",
    rows: "",
    target: "2026-01",
    change: { store: known({ ...store, files: new Map([["artifacts/incr/notes.txt", 3]]) }) },
    actions: ["set-aside:dev/notes.txt", ...monthOf("2026-01")],
  },
  {
    name: "two strangers' files of one name",
    target: "2026-03",
    change: {
      store: known({
        ...store,
        files: new Map([...store.files, ["artifacts/x", 1], ["artifacts/incr/x", 1], ["artifacts/y", 1]]),
      }),
    },
    actions: ["set-aside:dev/artifacts/incr/x", "set-aside:dev/artifacts/x", "set-aside:dev/y"],
  },
  {
    name: "the key is gone before the first artifact has its row: a new one would not open it",
    rows: "",
    target: "2026-01",
    change: {
      key: known({ rights: null, derived: null, published: null }),
      store: known({ ...store, files: filesOf(FIRST), made: FIRST }),
    },
    problems: ["key-lost"],
  },
  {
    name: "the key can be read by others",
    target: "2026-03",
    change: { key: known({ rights: "644 0", derived: rec(), published: rec() }) },
    actions: ["key:dev"],
  },
  {
    name: "another recipient on the workstation",
    target: "2026-03",
    change: { recipient: known("age1other") },
    actions: ["recipient:dev"],
    hazards: { "recipient:dev": "destructive" },
    says: { "recipient:dev": /age1other, which the artifacts so far are encrypted to/ },
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
    change: { pushedManifest: known({ sha256: M1, etag: "other", sizeBytes: 5 }) },
    actions: ["upload-manifest:dev"],
  },
  {
    name: "the same, with a later artifact beside it: the server was set back to an older state",
    target: "2026-03",
    change: { pushedManifest: known({ sha256: M1, etag: "other", sizeBytes: 5 }) },
    bucket: known({ objects: withLater, unfinished: known([]) }),
    warnings: ["behind-bucket"],
    actions: ["upload-manifest:dev"],
    hazards: { "upload-manifest:dev": "destructive" },
  },
  {
    name: "a later artifact beside the manifest that this repository sent: the manifest was made again without it",
    target: "2026-03",
    bucket: known({ objects: withLater, unfinished: known([]) }),
    warnings: ["behind-bucket"],
  },
  {
    name: "the manifest in the bucket was not sent from this repository",
    target: "2026-03",
    change: { pushedManifest: absent },
    actions: ["upload-manifest:dev"],
    hazards: { "upload-manifest:dev": "destructive" },
  },
  {
    name: "a bucket that holds a chain, and a server that knows of none: it is not begun anew over the old one",
    rows: "",
    target: "2026-01",
    change: { pushedManifest: absent },
    bucket,
    problems: ["found-in-bucket"],
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
    actions: monthOf("2026-04").slice(0, 6),
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
]);

test("a damaged manifest makes no artifact a stranger", () => {
  const manifest = known({
    sha256: M1,
    reading: { kind: "damaged" as const, line: 2, why: "x" },
    signature: "good" as const,
    signatureSha256: M1,
  });
  const { actions } = planOf({ rows: THREE, target: "2026-03", change: { manifest } });
  assert.deepEqual(
    actions.filter(({ kind }) => kind === "set-aside"),
    [],
  );
});

test("what leaves the bucket without word of the new labels is no success", () => {
  const change = { pushedManifest: absent, pushedEscrow: absent };
  const { actions } = planOf({ rows: THREE, target: "2026-03", change });
  assert.deepEqual(
    actions.map(({ id, hazard, exitCode }) => [id, hazard, exitCode]),
    [
      ["upload-manifest:dev", "destructive", 6],
      ["upload-escrow:dev", "destructive", 6],
    ],
  );
});
