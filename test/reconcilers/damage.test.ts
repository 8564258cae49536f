import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { known, unknown } from "../../src/domain/fact.ts";
import type { SeenObject } from "../../src/reconcilers/facts.ts";
import { bucketWith, OTHER, ROWS, told } from "./damages.ts";
import { objects, store, THREE } from "./rows.ts";
import { filesOf, planOf, received } from "./world.ts";

const [ANCHOR, SECOND, THIRD] = ROWS.map(({ localPath }) => localPath) as [string, string, string];
const held = (change: (files: Map<string, number>) => void, damaged: readonly string[] = []) => {
  const files = filesOf(ROWS);
  change(files);
  return known({ ...store, files, damaged: new Map(damaged.map((path) => [path, OTHER])) });
};
const keyOf = (path: string) => `dev/${path}`;
const inBucket = (change: (kept: Map<string, SeenObject>) => void) => {
  const kept = new Map<string, SeenObject>(objects);
  change(kept);
  return bucketWith(undefined, kept);
};
const object = (path: string): SeenObject => objects.get(keyOf(path)) ?? assert.fail(path);

describe("an artifact", () => {
  told([
    {
      damage: "gone from the server: fetched",
      change: { store: held((files) => files.delete(SECOND)) },
      named: /an increment on 2026-01, of the anchor 2026-01: ls does not have it/,
      mended: { "fetch:dev@2026-02": "none" },
    },
    {
      damage: "truncated on the server: fetched, and what is there is kept",
      change: { store: held((files) => files.set(ANCHOR, 99)) },
      named: /the anchor: the file on ls is damaged, and is moved into tmp\/set-aside/,
      mended: { "fetch:dev@2026-01": "none" },
    },
    {
      damage: "found to be another, or unreadable, when it was read: the same",
      change: { store: held(() => undefined, [SECOND]) },
      named: /the file on ls is damaged, and is moved into tmp\/set-aside/,
      mended: { "fetch:dev@2026-02": "none" },
    },
    {
      damage: "gone from the bucket: sent again",
      bucket: inBucket((kept) => kept.delete(keyOf(SECOND))),
      named: /10 B registered, and not in the bucket/,
      mended: { "upload:dev@2026-02": "none" },
    },
    {
      damage:
        "truncated in the bucket: sent again where that is approved, since another may have put it there",
      bucket: inBucket((kept) => kept.set(keyOf(SECOND), { ...object(SECOND), sizeBytes: 9 })),
      named: /the object there has 9 bytes, the artifact 10; it is replaced/,
      mended: { "upload:dev@2026-02": "destructive" },
    },
    {
      damage: "damaged on the server and gone from the bucket: what it costs, and nothing is sent of it",
      change: { store: held(() => undefined, [SECOND]), hydrated: received("2026-01") },
      bucket: inBucket((kept) => kept.delete(keyOf(SECOND))),
      warned: "artifact-lost",
      named:
        /2026-02\S+ is damaged on the server and missing in the bucket; it costs 2 labels: 2026-02, 2026-03/,
      mended: {},
    },
    {
      damage: "lost everywhere, while its snapshots still stand: no label is lost yet",
      change: { store: held((files) => files.delete(THIRD)) },
      bucket: inBucket((kept) => kept.delete(keyOf(THIRD))),
      warned: "artifact-lost",
      named:
        /2026-03\S+ is missing on the server and missing in the bucket; its snapshot still stands on ls, and without ls it costs 1 label: 2026-03/,
      mended: {},
    },
    {
      damage: "lost on the server, where the bucket could not be asked: said as that",
      change: { store: held((files) => files.delete(SECOND)) },
      bucket: unknown("timed out"),
      warned: "artifact-lost, cloud-unknown",
      named: /2026-02\S+ is missing on the server and unknown in the bucket/,
      mended: {},
    },
  ]);

  test("an object that is left unreplaced ends a run with 6, so that a schedule notices", () => {
    const bucket = inBucket((kept) => kept.set(keyOf(SECOND), { ...object(SECOND), sizeBytes: 9 }));
    const { actions } = planOf({ rows: THREE, target: "2026-03", bucket });
    assert.deepEqual(
      actions.map(({ exitCode }) => exitCode),
      [6],
    );
  });
});

describe("what else the bucket has", () => {
  told([
    {
      damage: "its manifest gone",
      bucket: inBucket((kept) => kept.delete("dev/manifests/snapshots_v2.tsv.age")),
      named: /it is not in the bucket yet/,
      mended: { "upload-manifest:dev": "none" },
    },
    {
      damage: "the signature beside it truncated",
      bucket: inBucket((kept) => {
        const sig = kept.get("dev/manifests/snapshots_v2.tsv.sig") ?? assert.fail();
        kept.set(sig.key, { ...sig, sizeBytes: 1, etag: "another" });
      }),
      named: /its signature: what is there is not what was sent/,
      mended: { "upload-manifest:dev": "none" },
    },
    {
      damage: "its escrow replaced, or an older one",
      bucket: inBucket((kept) => {
        const escrow = kept.get("dev/keys/escrow.age") ?? assert.fail();
        kept.set(escrow.key, { ...escrow, etag: "another" });
      }),
      named: /what is there is not what was sent/,
      mended: { "upload-escrow:dev": "none" },
    },
  ]);
});
