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

const rows = history("2026-01 full 100, 2026-02 incr 10, 2026-03 incr 10");
const [older, newer, resized] = rows.map(({ objectKey }) => objectKey ?? assert.fail());

test("an object that was there before the artifact of its name and size is asked for its hash, no other", async (context) => {
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
    ...{ key, sizeBytes, etag: "e" },
    lastModified: new Date(at),
  });
  const asked: string[] = [];
  const bucket: Partial<Bucket> = {
    list: async () => [
      object(older, 100, "2025-12-31T00:00:00Z"),
      object(newer, 10, "2026-01-01T00:00:01Z"),
      object(resized, 11, "2025-12-31T00:00:00Z"),
    ],
    unfinishedUploads: async () => ({ kind: "known", value: [] }),
    head: async (key) => {
      asked.push(key);
      return { ...object(key, 100, "2025-12-31T00:00:00Z"), sha256: "its own", opaqueEtag: false };
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
  assert.deepEqual(asked, [older]);
  const facts = buckets?.get(spec.name);
  assert.equal(facts?.kind === "known" ? facts.value.objects.get(older ?? "")?.sha256 : facts, "its own");
  await look(buckets);
  assert.deepEqual(asked, [older], "once is enough");
});
