import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RetentionSpec } from "../../src/desired-state/desired-state.ts";
import { absent, known, unknown } from "../../src/domain/fact.ts";
import type { DatasetStatus, Standing, Status } from "../../src/status/status.ts";
import { PLACES } from "../../src/status/status.ts";
import { folder, HOME, type M1, received, SRV, subvolume, taken } from "../reconcilers/world.ts";
import { type Given, objects, statusIn, store, world } from "./states.ts";

const MARK: Readonly<Record<Standing, string>> = {
  whole: "+",
  missing: "x",
  damaged: "!",
  unknown: "?",
  "not-wanted": "-",
  due: ".",
};

/** `2026-01 +++++` for each label (workstation, artifact, manifest, server, cloud), `2026-02..2026-04 3` for a gap. */
const matrix = ({ history }: DatasetStatus): string =>
  history
    .map((entry) =>
      entry.kind === "gap"
        ? `${entry.from}..${entry.to} ${entry.count}`
        : `${entry.label} ${PLACES.map((place) => MARK[entry.places[place]]).join("")}`,
    )
    .join(", ");

const only = ({ datasets }: Status): DatasetStatus => datasets[0] ?? assert.fail("no dataset");

const KEEP_ALL: RetentionSpec = {
  workstationSnapshots: { kind: "all" },
  serverSnapshots: { kind: "all" },
  serverArtifacts: { kind: "all" },
  cloudArtifacts: { kind: "all" },
  auto: false,
};
const THREE: Given = { rows: "2026-04 full 100, 2026-05 incr 10, 2026-06 incr 12" };
const SECOND = "artifacts/incr/dev@2026-05.incr.from_2026-04.send.zst.age";

const archivedIn = (given: Given, path: string) => {
  const { bucket } = world(given);
  if (bucket.kind !== "known") throw new RangeError("no bucket");
  const kept = [...bucket.value.objects].map(
    ([key, object]) => [key, key.endsWith(path) ? { ...object, archive: "GLACIER" } : object] as const,
  );
  return known({ ...bucket.value, objects: new Map(kept) });
};

const rows: readonly {
  name: string;
  given: Given;
  matrix: string;
  verdict: Status["verdict"];
  /** The first of the reasons, and how many there are. */
  because?: RegExp;
  reasons?: number;
}[] = [
  {
    name: "nothing yet",
    given: { rows: "" },
    matrix: "2026-06 .....",
    verdict: "overdue",
    because: /^no backup is registered$/,
  },
  {
    name: "all is well",
    given: THREE,
    matrix: "2026-04 +++++, 2026-05 +++++, 2026-06 +++++",
    verdict: "well",
  },
  {
    name: "no cloud is no doubt",
    given: { ...THREE, cloud: false },
    matrix: "2026-04 ++++-, 2026-05 ++++-, 2026-06 ++++-",
    verdict: "well",
  },
  {
    name: "a new period, within what is allowed",
    given: { rows: "2026-04 full 100, 2026-05 incr 10" },
    matrix: "2026-04 +++++, 2026-05 +++++, 2026-06 .....",
    verdict: "well",
  },
  {
    name: "periods that passed without a backup, and overdue",
    given: { rows: "2026-01 full 100, 2026-03 incr 10" },
    matrix: "2026-01 +++++, 2026-02..2026-02 1, 2026-03 +++++, 2026-04..2026-05 2, 2026-06 .....",
    verdict: "overdue",
    because: /^the newest backup, 2026-03, is 92 days old: more than the 40 days that are allowed$/,
  },
  {
    name: "older snapshots that are let go are not missed",
    given: { ...THREE, change: { snapshots: taken("2026-06"), hydrated: received("2026-06") } },
    matrix: "2026-04 -++-+, 2026-05 -++-+, 2026-06 +++++",
    verdict: "well",
  },
  {
    name: "the newest snapshot is: on the server it is due again",
    given: { ...THREE, change: { snapshots: taken("2026-05"), hydrated: received("2026-05") } },
    matrix: "2026-04 -++-+, 2026-05 +++++, 2026-06 x++.+",
    verdict: "well",
  },
  {
    name: "what retention has let go is not missed",
    given: {
      rows: "2026-03 full 100, 2026-04 incr 10, 2026-05 full 100, 2026-06 incr 12",
      spec: { retention: { ...KEEP_ALL, serverArtifacts: { kind: "chains", count: 1 } } },
      change: {
        store: store(
          { rows: "2026-03 full 100, 2026-04 incr 10, 2026-05 full 100, 2026-06 incr 12" },
          (files) => {
            for (const path of files.keys()) if (/2026-0[34]/.test(path)) files.delete(path);
          },
        ),
      },
    },
    matrix: "2026-03 +-+++, 2026-04 +-+++, 2026-05 +++++, 2026-06 +++++",
    verdict: "well",
  },
  {
    name: "an artifact is gone from the server",
    given: { ...THREE, change: { store: store(THREE, (files) => files.delete(SECOND)) } },
    matrix: "2026-04 +++++, 2026-05 +x+++, 2026-06 +++++",
    verdict: "in-doubt",
    because: /^ls: the artifact of 2026-05 is missing on the server$/,
  },
  {
    name: "an artifact is damaged on the server",
    given: { ...THREE, change: { store: store(THREE, (files) => files.set(SECOND, 3)) } },
    matrix: "2026-04 +++++, 2026-05 +!+++, 2026-06 +++++",
    verdict: "in-doubt",
    because: /^ls: the artifact of 2026-05 is damaged on the server$/,
  },
  {
    name: "what is lost everywhere is said once, with what it costs",
    given: {
      ...THREE,
      change: { store: store(THREE, (files) => files.delete(SECOND)), hydrated: received("2026-06") },
      bucket: objects(THREE, (key, bytes) => (key.endsWith(SECOND) ? null : bytes)),
    },
    matrix: "2026-04 +++-+, 2026-05 +x+-x, 2026-06 +++++",
    verdict: "in-doubt",
    because:
      /^ls: artifacts\/incr\/dev@2026-05\S+ is missing on the server and missing in the bucket; it costs 1 label/,
    reasons: 1,
  },
  {
    name: "an object that was there is missed; the newest waits to be sent",
    given: {
      ...THREE,
      bucket: objects(THREE, (key, bytes) => (/artifacts\/(anchors|.*2026-06)/.test(key) ? null : bytes)),
    },
    matrix: "2026-04 ++++x, 2026-05 +++++, 2026-06 ++++.",
    verdict: "in-doubt",
    because: /^the artifact of 2026-04 is missing in the bucket$/,
  },
  {
    name: "an object in an archive is no copy to rely on",
    given: { ...THREE, bucket: archivedIn(THREE, SECOND) },
    matrix: "2026-04 +++++, 2026-05 ++++?, 2026-06 +++++",
    verdict: "in-doubt",
    because:
      /^1 object in the bucket is in an archive class \(GLACIER\), and no copy to rely on .* brought it back: 2026-05$/,
  },
  {
    name: "what verify found can't be read: nobody knows of the objects",
    given: { ...THREE, change: { verified: unknown("Input/output error") } },
    matrix: "2026-04 ++++?, 2026-05 ++++?, 2026-06 ++++?",
    verdict: "in-doubt",
    because: /^ls: what verify has found of dev could not be looked at.*: Input\/output error$/,
    reasons: 1,
  },
  {
    name: "what drills have proven can't be read",
    given: { ...THREE, change: { drills: unknown("Input/output error") } },
    matrix: "2026-04 +++++, 2026-05 +++++, 2026-06 +++++",
    verdict: "in-doubt",
    because: /^ls: what drills of dev have proven could not be looked at: Input\/output error$/,
    reasons: 1,
  },
  {
    name: "an object of another size",
    given: { ...THREE, bucket: objects(THREE, (key, bytes) => (key.endsWith(SECOND) ? 3 : bytes)) },
    matrix: "2026-04 +++++, 2026-05 ++++!, 2026-06 +++++",
    verdict: "in-doubt",
  },
  {
    name: "the bucket could not be looked at",
    given: { ...THREE, bucket: unknown("no answer") },
    matrix: "2026-04 ++++?, 2026-05 ++++?, 2026-06 ++++?",
    verdict: "in-doubt",
    because: /^the bucket could not be looked at/,
  },
  {
    name: "a manifest that is not the one that was signed",
    given: {
      ...THREE,
      change: {
        manifest: (({ manifest }) =>
          manifest.kind === "known"
            ? known({ ...manifest.value, signature: "wrong" as const, sha256: "22".repeat(32) as typeof M1 })
            : manifest)(world(THREE).facts),
      },
    },
    matrix: "2026-04 ++!++, 2026-05 ++!++, 2026-06 ++!++",
    verdict: "in-doubt",
  },
  {
    name: "the server has lost its manifest",
    given: { ...THREE, change: { manifest: absent } },
    matrix: "2026-04 +?x+?, 2026-05 +?x+?, 2026-06 +?x+?",
    verdict: "in-doubt",
  },
  {
    name: "a hydrated snapshot that was found damaged",
    given: {
      ...THREE,
      change: {
        hydrated: folder(SRV, [
          ["dev@2026-05", subvolume("a", { receivedUuid: "ws-2026-05" })],
          ["dev@2026-06", subvolume("b", { receivedUuid: "ws-2026-06", damaged: true })],
        ]),
      },
    },
    matrix: "2026-04 +++-+, 2026-05 +++++, 2026-06 +++!+",
    verdict: "in-doubt",
    because: /^ls: the snapshot of 2026-06 is damaged on the server$/,
  },
  {
    name: "what has a label's name and is no snapshot",
    given: {
      ...THREE,
      change: {
        snapshots: folder(HOME, [
          ["dev@2026-06", null],
          ["dev@2026-05", subvolume("x")],
        ]),
      },
    },
    matrix: "2026-04 -++++, 2026-05 +++++, 2026-06 !++++",
    verdict: "well",
  },
];

describe("status", () => {
  for (const { name, given, matrix: expected, verdict, because, reasons } of rows)
    test(name, () => {
      const status = statusIn(given);
      assert.equal(matrix(only(status)), expected);
      assert.deepEqual(
        [status.verdict, verdict !== "well" || status.because.length === 0],
        [verdict, true],
        status.because.join("\n"),
      );
      if (reasons !== undefined) assert.equal(status.because.length, reasons, status.because.join("\n"));
      if (because !== undefined) assert.match(status.because[0] ?? "", because);
    });
});
