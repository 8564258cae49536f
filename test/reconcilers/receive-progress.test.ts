import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { watchReceived } from "../../src/reconcilers/receive/receive-progress.ts";
import { localHost } from "../../src/transport/local-host.ts";

const BYTES = 4 * 1024 ** 2;
/** zstd keeps the end of a block until the next one comes. */
const NEARLY = 0.95 * BYTES;

/** A process group that has brought so many bytes through zstd, and waits for more. */
function receiving(script: string, bytes: number) {
  const stream = `{ head -c ${bytes} /dev/urandom | zstd -q -c; sleep 60; } | zstd -q -d -c >/dev/null`;
  const child = spawn("sh", ["-c", `${script}\n${stream}`], { detached: true, stdio: "ignore" });
  return { end: () => process.kill(-(child.pid ?? Number.NaN), "SIGKILL") };
}

test("what has arrived is told of the receive that holds the lock, and of no other", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "devbackup-progress-"));
  const lock = `${folder}/.receive.lock` as AbsolutePath;
  const ours = receiving(`echo $$ >${lock}`, BYTES);
  const another = receiving("", 3 * BYTES);
  t.after(async () => {
    ours.end();
    another.end();
    await rm(folder, { recursive: true });
  });
  const host = localHost({ name: "ws" as HostName, become: "none", env: process.env });
  const told: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = watchReceived(host, { lock }, (bytes) => {
    told.push(bytes);
    if (bytes >= NEARLY) resolve();
  });
  await promise;
  stop();
  assert.ok(Math.max(...told) <= BYTES, String(told));
});

test("where nothing is received, nothing is told", async () => {
  const host = localHost({ name: "ws" as HostName, become: "none", env: process.env });
  const looked = Promise.withResolvers<string>();
  const seen: typeof host = {
    ...host,
    run: async (script, options) => {
      const result = await host.run(script, options);
      looked.resolve(result.stdout);
      return result;
    },
  };
  const stop = watchReceived(seen, { lock: "/nowhere/lock" as AbsolutePath }, () => assert.fail());
  assert.equal(await looked.promise, "");
  stop();
});
