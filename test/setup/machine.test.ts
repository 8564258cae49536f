import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { lookAtMachine, lookAtPath } from "../../src/setup/machine.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";

suite("a real Btrfs is looked at", { skip: whyNoDisk() }, () => {
  const host = localHost({ name: "workstation" as HostName, become: "none", env: process.env });

  test("where it is mounted, with how much room", async (context) => {
    const { path } = smallDisk(context);
    const facts = await lookAtMachine(host);
    const mount = facts?.btrfs.find((each) => each.path === path);
    assert.ok(mount, JSON.stringify(facts));
    assert.ok(
      mount.freeBytes > 100 * 1024 ** 2 && mount.freeBytes < 256 * 1024 ** 2,
      String(mount.freeBytes),
    );
    assert.equal(mount.readOnly, false);
    assert.equal(facts?.user, shell('stat -c %U "$1"', facts?.home ?? "").trim());
    shell('mount -o remount,ro "$1"', path);
    const again = (await lookAtMachine(host))?.btrfs.find((each) => each.path === path);
    assert.deepEqual([again?.readOnly, again?.fsUuid], [true, mount.fsUuid]);
  });

  test("what stands at a path: subvolume, directory, file, link, nothing", async (context) => {
    const { path } = smallDisk(context);
    const at = (name: string) => join(path, name) as AbsolutePath;
    shell('btrfs -q subvolume create "$1/sub vol"; chown 65534 "$1/sub vol"; touch "$1/sub vol/x"', path);
    mkdirSync(at("folder"));
    writeFileSync(at("file"), "");
    symlinkSync(at("folder"), at("link"));
    const kindOf = async (name: string) => {
      const facts = await lookAtPath(host, at(name));
      return [facts?.kind, facts?.empty, facts?.owner, facts?.place.fsType];
    };
    assert.deepEqual(await kindOf("sub vol"), ["subvolume", false, "nobody", "btrfs"]);
    assert.deepEqual(await kindOf("folder"), ["directory", true, "root", "btrfs"]);
    assert.deepEqual(await kindOf("file"), ["other", false, undefined, "btrfs"]);
    assert.deepEqual(await kindOf("link"), ["other", false, undefined, "btrfs"]);
    assert.deepEqual(await kindOf("not/there/yet"), ["absent", false, undefined, "btrfs"]);
    const [inside, outside] = await Promise.all(
      ["folder", "sub vol"].map((name) => lookAtPath(host, at(name))),
    );
    assert.equal(inside?.place.fsUuid, outside?.place.fsUuid);
    assert.notEqual((await lookAtPath(host, "/dev/shm/x" as AbsolutePath))?.place.fsType, "btrfs");
  });
});
