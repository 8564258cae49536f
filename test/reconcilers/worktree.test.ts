import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { worktree } from "../../src/reconcilers/receive/worktree.ts";
import { sourceProbe } from "../../src/reconcilers/snapshot/source.ts";
import { PROBE_LIBRARY } from "../../src/reconcilers/snapshot/subvolumes.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { desired } from "./world.ts";

describe("the dataset, put at a label", { skip: whyNoDisk() }, () => {
  /** A workstation where `script` runs right before the new copy is made. */
  function workstation(context: TestContext, script: (path: string) => string) {
    const { path } = smallDisk(context);
    const tools = join(path, "tools");
    shell(
      'cd "$1"; mkdir tools home snaps roots; btrfs -q subvolume create s; echo 1 >s/file; btrfs -q subvolume snapshot -r s snaps/dev@2026-01; echo 4242 >snaps/.receive.lock',
      path,
    );
    writeFileSync(
      join(tools, "btrfs"),
      `#!/bin/sh\ncase "$*" in *"subvolume snapshot "*) ${script(path)};; esac\nPATH=\${PATH#*:}; exec btrfs "$@"\n`,
    );
    chmodSync(join(tools, "btrfs"), 0o755);
    const env = { ...process.env, PATH: `${tools}:${process.env.PATH}` };
    const host = localHost({ name: "ws" as HostName, become: "none", env });
    const put = () =>
      worktree.run(
        {
          host: host.name,
          input: {
            path: join(path, "home/code"),
            snapshot: join(path, "snaps/dev@2026-01"),
            name: "dev@2026-01",
            aside: join(path, "home/code.set-aside"),
            lock: join(path, "snaps/.receive.lock"),
          },
        } as never,
        { host: () => host, now: () => new Date("2026-03-01") } as never,
      );
    return { path, put };
  }

  test("a link, put where the copy is made at that very moment, is not followed", async (context) => {
    const { path, put } = workstation(
      context,
      (at) => `ln -s ${at}/roots ${at}/home/code.devbackup-restored`,
    );
    await assert.rejects(put());
    assert.deepEqual(readdirSync(join(path, "roots")), []);
  });

  test("what has just been put there is as it was put there, however often one looks, also where atimes are kept", async (context) => {
    const { path, put } = workstation(context, () => ":");
    assert.match(shell('findmnt -no OPTIONS -T "$1"', path), /relatime/);
    await put();
    const [spec = assert.fail()] = desired().datasets;
    const { script, parse } = sourceProbe({ ...spec, path: join(path, "home/code") as AbsolutePath });
    for (const emptied of [false, true]) {
      if (emptied) shell('rm "$1/home/code/file"', path);
      for (const _ of ["once", "again"]) {
        const fact = parse(shell(`${PROBE_LIBRARY}${script}`, path));
        assert.ok(fact.kind === "known");
        const { kind, empty, written } = fact.value;
        assert.deepEqual({ kind, empty, written }, { kind: "subvolume", empty: emptied, written: emptied });
      }
    }
  });

  test("who held the lock before is not left standing in it: whoever waits for it ends that one", async (context) => {
    const { path, put } = workstation(context, (at) => `cat ${at}/snaps/.receive.lock >${at}/holder`);
    await put();
    assert.equal(readFileSync(join(path, "holder"), "utf8"), "");
    assert.equal(readFileSync(join(path, "home/code/file"), "utf8"), "1\n");
  });
});
