import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { generateX25519Identity } from "age-encryption";
import { stringify } from "yaml";
import { takeLock } from "../../src/apply/lock.ts";
import { applyCommand } from "../../src/cli/apply.ts";
import { load } from "../../src/cli/load.ts";
import { manifestImportCommand } from "../../src/cli/manifest-import.ts";
import { savePlan } from "../../src/cli/plan-file.ts";
import { type RequestFlags, readRequest } from "../../src/cli/request.ts";
import { openTerminal } from "../../src/cli/terminal.ts";
import type { DatasetSpec, DesiredState } from "../../src/desired-state/desired-state.ts";
import type { HostName } from "../../src/domain/names.ts";
import type { Trouble } from "../../src/domain/trouble.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { action, id, plan } from "../report/examples.ts";
import { troubleOf } from "../transport/trouble.ts";

describe("what is suggested is what was typed", () => {
  let folder: string;
  let config: string;
  let whole: DesiredState;
  const host = localHost({ name: "ls" as HostName, become: "none", env: process.env });
  const flags = () => ({ config, color: false, quiet: true });
  before(async () => {
    folder = mkdtempSync("/tmp/suggested-");
    config = join(folder, "devbackup.yaml");
    const here = { connection: "local", become: "none" };
    const dataset = (name: string) => ({
      path: `/proc/${name}`,
      snapshots: `/proc/snapshots-of-${name}`,
      owner: "root",
      repository: join(folder, name),
    });
    writeFileSync(
      config,
      stringify({
        version: 1,
        hosts: { ws: { role: "workstation", ...here }, ls: { role: "server", ...here } },
        datasets: { dev: dataset("dev"), notes: dataset("notes") },
      }),
    );
    writeFileSync(join(folder, "key"), `${await generateX25519Identity()}\n`, { mode: 0o600 });
    whole = (await load(flags(), openTerminal(flags())))?.desired ?? assert.fail("it is not valid");
  });
  after(async () => {
    await host.close();
    rmSync(folder, { recursive: true });
  });

  const saved = async (asked: RequestFlags): Promise<string> => {
    const { desired, request } = readRequest(whole, asked, new Date());
    const labels = Object.fromEntries(desired.datasets.map(({ name }) => [name, "2026-03" as never]));
    const file = join(folder, "plan");
    rmSync(file, { force: true });
    await savePlan(file, desired, request, plan([action({ id: id("snapshot:x") })], { labels }));
    return file;
  };
  const whileLocked = async (work: () => Promise<unknown>): Promise<Trouble> => {
    const holder = { who: "root@ls", pid: 1, since: new Date().toISOString() };
    const lock = await takeLock(host, whole.datasets[0] as DatasetSpec, holder);
    return troubleOf(work()).finally(() => lock.release());
  };

  test("by an apply that is refused the lock: the very command, for nothing was begun", async () => {
    const file = await saved({ restore: "latest", dataset: "dev" });
    const approve = ["key:dev", "a:it's"];
    const { code, next } = await whileLocked(() => applyCommand(file, { ...flags(), yes: true, approve }));
    assert.equal(code, "locked");
    assert.equal(
      next,
      `wait for it to end, then: devbackup apply ${file} --config ${config} --yes --approve key:dev --approve 'a:it'\\''s'`,
    );
  });

  test("by another command that is refused the lock", async () => {
    const { code, next } = await whileLocked(() =>
      manifestImportCommand("/srv/fetched", { ...flags(), dataset: "dev", yes: true }),
    );
    assert.equal(code, "locked");
    assert.equal(
      next,
      `wait for it to end, then: devbackup manifest import /srv/fetched --config ${config} --dataset dev --yes`,
    );
  });

  test("by an apply whose plan no longer fits", async () => {
    const file = await saved({ dataset: "dev", label: "2026-03" });
    const { code, next } = await troubleOf(applyCommand(file, flags()));
    assert.equal(code, "drift");
    assert.equal(next, `devbackup plan --config ${config} --label 2026-03 --dataset dev`);
  });

  test("by another command that wants the plan looked at", async () => {
    const { code, next } = await troubleOf(
      manifestImportCommand("/srv/fetched", { ...flags(), dataset: "notes" }),
    );
    assert.equal(code, "manifest-lost");
    assert.ok(next?.startsWith(`devbackup plan --config ${config} --dataset notes says whether`), next);
  });
});
