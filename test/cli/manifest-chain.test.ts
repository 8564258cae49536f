import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { type Manifest, renderManifest } from "../../src/domain/manifest.ts";
import { history } from "../domain/history.ts";
import { type S3Server, startR2 } from "../lab/s3/servers.ts";

const ROOT = join(import.meta.dirname, "../..");
const ROWS = history("2026-01 full 100, 2026-02 incr 20, 2026-03 incr 3");

interface Document {
  readonly datasets: readonly {
    readonly dataset: string;
    readonly label: string;
    readonly restorable: boolean | null;
    readonly fetchBytes: number;
    readonly receiveBytes: number;
    readonly steps: readonly {
      readonly label: string;
      readonly server: string;
      readonly hydrated: boolean | null;
      readonly bucket: string;
      readonly from: string;
      readonly onlyCopy: string | null;
    }[];
    readonly holes: readonly { readonly label: string; readonly costs: readonly string[] }[];
    readonly unknown: readonly string[];
  }[];
}

describe("manifest chain", () => {
  let store: S3Server;
  before(async () => {
    store = await startR2();
  });
  after(() => store?.stop());

  /** A repository on this machine and a folder of the bucket that hold `ROWS`, and the program beside them. */
  async function world(prefix: string) {
    const folder = mkdtempSync("/tmp/chain-");
    const repository = join(folder, "repository");
    const file = ({ localPath }: Manifest[number]) => join(repository, localPath);
    const write = (path: string, contents: string | Uint8Array) => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, contents);
    };
    const client = new S3Client({
      endpoint: store.endpoint,
      region: store.region,
      credentials: store,
      forcePathStyle: true,
    });
    after(() => {
      client.destroy();
      rmSync(folder, { recursive: true });
    });
    const put = (row: Manifest[number], bytes: number) =>
      client.send(
        new PutObjectCommand({
          Bucket: store.bucket,
          Key: `${prefix}/dev/${row.localPath}`,
          Body: Buffer.alloc(bytes),
        }),
      );
    const rows = ROWS.map((row) => ({ ...row, objectKey: `${prefix}/dev/${row.localPath}` }));
    write(join(repository, "manifests/snapshots_v2.tsv"), renderManifest(rows));
    for (const row of ROWS) write(file(row), Buffer.alloc(row.sizeBytes));
    const config = join(folder, "devbackup.yaml");
    // nobody answers at the workstation's address: it must not be asked
    write(
      config,
      `version: 1
hosts:
  ws: {role: workstation, connection: ssh, address: 127.0.0.1, port: 1, user: nobody}
  ls: {role: server, connection: local, become: none}
datasets:
  dev: {path: /home/dev/code, snapshots: /home/dev/snapshots, owner: dev, repository: ${repository}, working_copy: null}
cloud:
  endpoint: ${store.endpoint}
  bucket: ${store.bucket}
  prefix: ${prefix}/
  region: ${store.region}
  access_key_id: {env: CHAIN_KEY_ID}
  secret_access_key: {env: CHAIN_SECRET}
`,
    );
    const run = async (args: readonly string[], keys: boolean) => {
      const start = 'globalThis.DEVBACKUP_VERSION = "0"; await import("./src/cli/main.ts")';
      const child = spawn(
        process.execPath,
        [
          "--import",
          "tsx",
          "--input-type=module",
          "-e",
          start,
          "--",
          "manifest",
          "chain",
          ...args,
          "--config",
          config,
        ],
        {
          cwd: ROOT,
          env: {
            ...process.env,
            HOME: folder,
            ...(keys && { CHAIN_KEY_ID: store.accessKeyId, CHAIN_SECRET: store.secretAccessKey }),
          },
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
      return { exitCode: await exited, stdout, stderr };
    };
    const ask = async (label: string, { keys = true } = {}) => {
      const { exitCode, stdout, stderr } = await run([label, "--json"], keys);
      assert.match(stdout, /^\{/, stderr);
      const document: Document = JSON.parse(stdout);
      const [found = assert.fail(stdout)] = document.datasets;
      const told = found.steps.map((step) => `${step.server} ${step.bucket} ${step.from}`);
      return { exitCode, told, ...found };
    };
    const [anchor = assert.fail(), increment = assert.fail(), last = assert.fail()] = ROWS;
    return {
      run,
      ask,
      put,
      file,
      anchor,
      increment,
      last,
      fill: () => Promise.all(ROWS.map((row) => put(row, row.sizeBytes))),
    };
  }

  test("everything in both places comes from the server", async () => {
    const { ask, fill } = await world("both");
    await fill();
    const found = await ask("2026-02");
    assert.equal(found.exitCode, 0);
    assert.deepEqual(found.told, ["whole whole server", "whole whole server"]);
    assert.deepEqual([found.fetchBytes, found.receiveBytes, found.restorable], [0, 120, true]);
    assert.deepEqual(found.unknown, []);
  });

  test("what the server lost comes from the bucket, and is the only copy", async () => {
    const { run, ask, fill, file, anchor, increment } = await world("lost");
    await fill();
    rmSync(file(anchor));
    truncateSync(file(increment), 7);
    const found = await ask("2026-03");
    assert.equal(found.exitCode, 0);
    assert.deepEqual(found.told, ["missing whole bucket", "damaged whole bucket", "whole whole server"]);
    assert.deepEqual([found.fetchBytes, found.receiveBytes], [120, 123]);
    assert.deepEqual(
      found.steps.map(({ onlyCopy }) => onlyCopy),
      ["bucket", "bucket", null],
    );
    const { exitCode, stdout } = await run(["2026-03"], true);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^● {3}2026-01 .* missing +no +✓ +bucket/m);
    assert.match(stdout, /A restore of 2026-03 fetches 120 B from the bucket and receives 123 B\./);
    assert.match(stdout, /2026-02: costs 2026-02, 2026-03 \(2 labels\); the only copy is in the bucket/);
  });

  test("a hole is exit code 6", async () => {
    const { run, ask, put, fill, file, increment } = await world("hole");
    await fill();
    rmSync(file(increment));
    await put(increment, 1);
    const found = await ask("2026-03");
    assert.equal(found.exitCode, 6);
    assert.deepEqual(found.told, ["whole whole server", "missing damaged nowhere", "whole whole server"]);
    assert.equal(found.restorable, false);
    assert.deepEqual(
      found.holes.map(({ label, costs }) => [label, costs]),
      [["2026-02", ["2026-02", "2026-03"]]],
    );
    const { exitCode, stdout } = await run(["2026-03"], true);
    assert.equal(exitCode, 6);
    assert.match(stdout, /2026-03 can't be restored\./);
    assert.equal((await ask("2026-01")).exitCode, 0, "what lies below the hole can be restored");
  });

  test("a bucket that cannot be opened is unknown: what the server has is told, what it lacks is in doubt", async () => {
    const { ask, file, increment } = await world("locked");
    const found = await ask("2026-03", { keys: false });
    assert.equal(found.exitCode, 0);
    assert.deepEqual(found.told, Array(3).fill("whole unknown server"));
    assert.match(found.unknown.join("\n"), /^Could not look at the bucket: .*CHAIN_KEY_ID/);
    rmSync(file(increment));
    const doubtful = await ask("2026-03", { keys: false });
    assert.equal(doubtful.exitCode, 1);
    assert.equal(doubtful.restorable, null);
    assert.equal(doubtful.told[1], "missing unknown unknown");
  });

  test("a label that is not there, or is none", async () => {
    const { run, fill } = await world("labels");
    await fill();
    const gone = await run(["2026-04"], true);
    assert.equal(gone.exitCode, 1);
    assert.match(gone.stderr, /ls: the manifest of dev has no label 2026-04/);
    const wrong = await run(["2026-13"], true);
    assert.equal(wrong.exitCode, 1);
    assert.match(wrong.stderr, /2026-13 is no label/);
  });
});
