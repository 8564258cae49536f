import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import { renderManifest } from "../../src/domain/manifest.ts";
import type { AbsolutePath } from "../../src/domain/names.ts";
import { observe } from "../../src/observe/observe.ts";
import type { Bucket } from "../../src/transport/bucket/bucket.ts";
import type { Host } from "../../src/transport/host.ts";
import { history } from "../domain/history.ts";
import { desired } from "../reconcilers/world.ts";

const rows = history(
  "2026-01 full 100, 2026-02 incr 10, 2026-03 incr 10, 2026-04 incr 10, 2026-05 incr 10, 2026-06 incr 10",
);
const [older, newer, resized, archived, broughtBack, gone] = rows.map(
  ({ objectKey }) => objectKey ?? assert.fail(),
);

test("an object that was there before the artifact of its name and size is asked for its hash, an archived one whether it was brought back, no other", async (context) => {
  const repository = mkdtempSync("/tmp/observe-") as AbsolutePath;
  context.after(() => rmSync(repository, { recursive: true }));
  mkdirSync(join(repository, "manifests"));
  writeFileSync(join(repository, "manifests/snapshots_v2.tsv"), renderManifest(rows));
  const state = desired();
  const [spec = assert.fail()] = state.datasets;
  const here: DatasetSpec = { ...spec, repository, workstation: spec.server };
  const host: Partial<Host> = {
    name: spec.server,
    run: async (script) => {
      const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
      return { exitCode: status ?? -1, stdout, stderr };
    },
  };
  const object = (key = "", sizeBytes: number, at: string) => ({
    key,
    sizeBytes,
    etag: "e",
    lastModified: new Date(at),
  });
  const asked: string[] = [];
  const bucket: Partial<Bucket> = {
    list: async () => [
      object(older, 100, "2025-12-31T00:00:00Z"),
      object(newer, 10, "2026-01-01T00:00:01Z"),
      object(resized, 11, "2025-12-31T00:00:00Z"),
      ...[archived, broughtBack, gone].map((key) => ({
        ...object(key, 10, "2026-08-01T00:00:00Z"),
        archive: "GLACIER",
      })),
    ],
    unfinishedUploads: async () => ({ kind: "known", value: [] }),
    head: async (key) => {
      asked.push(key);
      if (key === gone) return undefined;
      const archive = key === archived ? { archive: "GLACIER" } : {};
      return {
        ...object(key, 100, "2025-12-31T00:00:00Z"),
        sha256: "its own",
        opaqueEtag: false,
        ...archive,
      };
    },
  };
  const look = (buckets?: Awaited<ReturnType<typeof observe>>["buckets"]) =>
    observe({
      desired: { ...state, datasets: [here] },
      host: async () => host as Host,
      bucket: async () => bucket as Bucket,
      nonce: "c0ffee",
      now: new Date(),
      hosts: new Set([here.workstation, here.server]),
      target: null,
      recover: null,
      reopen: () => assert.fail("there is a manifest"),
      recall: async () => ({ kind: "absent" }),
      ...(buckets !== undefined && { buckets }),
    });
  const { buckets } = await look();
  assert.deepEqual(asked, [older, archived, broughtBack, gone]);
  const facts = buckets?.get(spec.name);
  const seen = (key = "") => (facts?.kind === "known" ? facts.value.objects.get(key) : assert.fail());
  assert.equal(seen(older)?.sha256, "its own");
  assert.deepEqual(
    [archived, broughtBack, gone].map((key) => seen(key)?.archive),
    ["GLACIER", undefined, "GLACIER"],
  );
  asked.splice(0);
  await look(buckets);
  assert.deepEqual(asked, [archived, gone], "what is told is not asked once more");
});
