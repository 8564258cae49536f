import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { takeLock } from "../../src/apply/lock.ts";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { desired } from "../reconcilers/world.ts";

const [spec = assert.fail()] = desired().datasets;
const holder = { who: "dev@ws", pid: 7, since: "2026-06-01T00:00:00Z" };

test("one at a time; the folders that it makes above the repository can be walked through", async (context) => {
  const top = mkdtempSync("/tmp/lock-");
  const host = localHost({ name: "ls" as HostName, become: "none", env: process.env });
  context.after(async () => {
    await host.close();
    rmSync(top, { recursive: true });
  });
  const dataset = { ...spec, repository: join(top, "data/backups/dev") as AbsolutePath };
  const lock = await takeLock(host, dataset, holder);
  await assert.rejects(takeLock(host, dataset, { ...holder, pid: 8 }), (error) => {
    assert.ok(error instanceof DevbackupError);
    assert.equal(error.trouble.exitCode, 3);
    assert.equal(error.trouble.why, "held by dev@ws, process 7, since 2026-06-01T00:00:00Z");
    return true;
  });
  lock.assertHeld();
  await lock.release();
  await (await takeLock(host, dataset, holder)).release();
  const mode = (path: string) => (statSync(join(top, path)).mode & 0o777).toString(8);
  assert.deepEqual(["data", "data/backups", "data/backups/dev"].map(mode), ["755", "755", "750"]);
});
