import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stringify } from "yaml";
import { worstOf } from "../../src/cli/each-server.ts";

const ROOT = join(import.meta.dirname, "../..");
const VERSION = "data:text/javascript,globalThis.DEVBACKUP_VERSION='test'";

describe("verify and drill, where nothing is backed up yet", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync("/tmp/each-server-");
    const here = { connection: "local", become: "none" };
    const dataset = (name: string) => ({
      path: `/home/${name}`,
      snapshots: "/home/snapshots",
      owner: "root",
      repository: join(folder, name),
    });
    writeFileSync(
      join(folder, "devbackup.yaml"),
      stringify({
        version: 1,
        hosts: { ws: { role: "workstation", ...here }, ls: { role: "server", ...here } },
        datasets: { dev: dataset("dev"), photos: dataset("photos") },
      }),
    );
  });
  after(() => rmSync(folder, { recursive: true }));

  const ran = (...args: string[]) =>
    spawnSync(
      process.execPath,
      ["--import", import.meta.resolve("tsx"), "--import", VERSION, "src/cli/main.ts", ...args],
      { cwd: ROOT, env: { ...process.env, HOME: folder, DEVBACKUP_CONFIG: folder }, encoding: "utf8" },
    );
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = ran(...args);
    return { status, said: (stdout + stderr).replace(/\s+/g, " ") };
  };

  test("it is said of each dataset, with what makes the first, and nothing is made", () => {
    const { status, said } = run("verify");
    assert.equal(status, 1, said);
    for (const name of ["dev", "photos"])
      assert.match(
        said,
        new RegExp(`nothing of ${name} is backed up yet.*next: devbackup apply --dataset ${name}\\b`),
      );
    assert.deepEqual(
      ["dev", "photos"].filter((name) => existsSync(join(folder, name))),
      [],
    );
  });

  test("what is wrong with one says nothing of the next, and the worst counts", () => {
    mkdirSync(join(folder, "dev/manifests"), { recursive: true });
    writeFileSync(join(folder, "dev/manifests/snapshots_v2.tsv"), "damaged\n");
    const { status, said } = run("drill");
    assert.equal(status, 6, said);
    assert.match(said, /nothing of photos is backed up yet/);
    assert.match(said, /the manifest of dev cannot be read/);
  });

  test("with --json there is one document, with every error in it", () => {
    const { status, stdout } = ran("verify", "--json");
    assert.equal(status, 6);
    const { datasets, errors } = JSON.parse(stdout);
    assert.deepEqual([datasets, errors.map(({ exitCode }: { exitCode: number }) => exitCode)], [[], [6, 1]]);
  });

  test("the worst code counts, and one that is not known is no success", () => {
    const rows = [
      [[0, 5, 1], 5],
      [[1, 6, 5], 6],
      [[0, 7], 1],
      [[0, 0], 0],
      [[], 0],
    ] as const;
    for (const [codes, worst] of rows) assert.equal(worstOf(codes), worst);
  });
});
