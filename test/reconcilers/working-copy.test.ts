import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { repositoryFolders } from "../../src/reconcilers/machine/folders.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { twoLabels } from "./two-labels.ts";
import { desired } from "./world.ts";

const [declared = assert.fail()] = desired().datasets;

describe("whoever works in the working copy", { skip: whyNoDisk() }, () => {
  /** A server with two labels and the working copy at the first of them. */
  async function server(context: TestContext) {
    const { path } = smallDisk(context);
    const [copy, tools] = [join(path, "work"), join(path, "tools")];
    const spec = {
      ...declared,
      repository: join(path, "repository") as AbsolutePath,
      workingCopy: copy as AbsolutePath,
    };
    for (const folder of [...repositoryFolders(spec).map((each) => each.path), tools])
      mkdirSync(folder, { recursive: true });
    const env = { ...process.env, PATH: `${tools}:${process.env.PATH}` };
    const host = localHost({ name: "ls" as HostName, become: "none", env });
    const bring = twoLabels(spec, path, host);
    /** Runs `script` in front of a call of btrfs that has `words` in it. */
    const before = (words: string, script: string): void => {
      const file = join(tools, "btrfs");
      writeFileSync(
        file,
        `#!/bin/sh\ncase "$*" in *"${words}"*) ${script};; esac\nPATH=\${PATH#*:}; exec btrfs "$@"\n`,
      );
      chmodSync(file, 0o755);
    };
    await bring("2026-01");
    return { path, copy, bring, before, file: (name: string) => join(path, name) };
  }
  const until = async (file: string): Promise<void> => {
    while (!existsSync(file)) await sleep(20);
  };

  test("what they wrote a moment ago is kept, also where comparing it was cut off; what nobody wrote to goes", async (context) => {
    const { path, copy, bring, before, file } = await server(context);
    before("send --no-data", `[ -e ${path}/cut ] || { touch ${path}/cut; kill -s KILL 0; }`);
    await assert.rejects(bring("2026-02"));
    assert.equal(await bring("2026-02"), null);
    assert.deepEqual(readdirSync(path).sort(), ["cut", "repository", "s", "tools", "work"]);
    writeFileSync(join(copy, "mine"), "precious");
    rmSync(file("cut"));
    await assert.rejects(bring("2026-01"));
    const kept = /kept in (.+)/.exec(String(await bring("2026-01")))?.[1] ?? assert.fail("nothing was kept");
    assert.equal(readFileSync(join(kept, "mine"), "utf8"), "precious");
    assert.deepEqual(readdirSync(path).sort(), ["cut", "repository", "s", "tools", "work", "work.set-aside"]);
  });

  test("a file that is saved while the former copy is compared is kept, or refused to whoever saves it", async (context) => {
    const { path, copy, bring, before, file } = await server(context);
    before("send --no-data", `touch ${path}/comparing; until [ -e ${path}/saved ]; do sleep 0.02; done`);
    spawn("sh", [
      "-c",
      `cd ${copy}; touch ${path}/there; until [ -e ${path}/comparing ]; do sleep 0.02; done; (echo precious >mine) 2>${path}/said; echo $? >${path}/saving; mv ${path}/saving ${path}/saved`,
    ]);
    await until(file("there"));
    assert.equal(await bring("2026-02"), null);
    assert.notEqual(readFileSync(file("saved"), "utf8"), "0\n");
    assert.match(readFileSync(file("said"), "utf8"), /Read-only file system/);
    assert.equal(readFileSync(join(copy, "label"), "utf8"), "2026-02\n");
  });

  /** As a container does: the copy stands at another path, in a mount namespace of its own. */
  const elsewhere = (path: string, script: string) =>
    spawn(
      "unshare",
      [
        "-m",
        "--propagation",
        "private",
        "sh",
        "-euc",
        `mount --bind ${path}/work ${path}/elsewhere; ${script}`,
      ],
      { stdio: "inherit" },
    );
  const WRITERS = {
    "who has a file open behind another mount goes on writing to what is kept": (path: string) =>
      `exec 3>>${path}/elsewhere/db; touch ${path}/open; until [ -e ${path}/enough ]; do sleep 0.02; done; echo late >&3; touch ${path}/done`,
    "who has a file mapped behind another mount goes on writing to what is kept": (
      path: string,
    ) => `exec python3 -c '
import mmap, os, time
with open("${path}/elsewhere/db", "w+b") as file:
    file.truncate(5)
    mapped = mmap.mmap(file.fileno(), 5)
# Python keeps a descriptor of its own beside the mapping
os.closerange(3, 99)
open("${path}/open", "w").close()
while not os.path.exists("${path}/enough"): time.sleep(0.02)
mapped[:] = b"late\\n"
mapped.flush()
open("${path}/done", "w").close()'`,
  };
  for (const [name, script] of Object.entries(WRITERS))
    test(name, async (context) => {
      const { path, bring, file } = await server(context);
      mkdirSync(file("elsewhere"));
      const program = elsewhere(path, script(path));
      context.after(() => program.kill());
      await until(file("open"));
      const kept =
        /kept in (.+)/.exec(String(await bring("2026-02")))?.[1] ?? assert.fail("nothing was kept");
      writeFileSync(file("enough"), "");
      await until(file("done"));
      assert.equal(spawnSync("cat", [join(kept, "db")], { encoding: "utf8" }).stdout, "late\n");
    });

  test("a link, put where the new copy is made at that very moment, is not followed", async (context) => {
    const { path, copy, bring, before, file } = await server(context);
    mkdirSync(file("roots"), { mode: 0o700 });
    before("subvolume snapshot ", `ln -s ${path}/roots ${copy}.devbackup-new 2>/dev/null || :`);
    await assert.rejects(bring("2026-02"));
    assert.deepEqual(readdirSync(file("roots")), []);
    assert.equal(readFileSync(join(copy, "label"), "utf8"), "2026-01\n");
  });
});
