import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { expectExit, planned } from "../lab/expect.ts";
import { footprint } from "../lab/footprint.ts";
import { fromOutside } from "../lab/from-outside.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { noResidue } from "../lab/residue.ts";

const [FIRST, SECOND] = ["2090-01", "2090-02"];

describe("no room", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let config: readonly string[];
  const repository = "/srv/btrfs-backups/dev";
  const elsewhere = "/disk/dev";

  before(async () => {
    lab = await startLab();
    config = await declared(repository);
    await lab.must(
      "ws",
      "btrfs -q subvolume create /home/dev/code; head -c 20M /dev/urandom >/home/dev/code/one",
    );
    await expectExit(lab, 0, ["apply", "--yes", "--label", FIRST, ...config]);
  });
  after(() => lab?.stop());

  const declared = async (at: string): Promise<readonly string[]> => [
    "--config",
    await lab.desiredState({ cloud: undefined, datasets: { dev: { repository: at, working_copy: null } } }),
  ];

  /** Refused with this problem on the server; nothing was begun anywhere. */
  const refused = async (code: string, says: RegExp): Promise<void> => {
    const untouched = await footprint(lab);
    const { problems } = await planned(lab, ["--label", SECOND, ...config]);
    assert.deepEqual(
      problems.map((problem) => problem.code),
      [code],
    );
    assert.match(problems[0]?.text ?? "", says);
    const apply = await lab.devbackup(["apply", "--yes", "--label", SECOND, ...config]);
    assert.equal(apply.exitCode, 1, apply.stdout + apply.stderr);
    assert.match((apply.stdout + apply.stderr).replace(/\s+/g, " "), says);
    assert.equal(await footprint(lab), untouched);
  };

  /** In the middle of the second label: what it says, and that it leaves nothing but the snapshot behind. */
  const fails = async (at: string, says: RegExp, args: readonly string[]): Promise<void> => {
    const manifest = await lab.must("ls", `cat ${at}/manifests/snapshots_v2.tsv 2>/dev/null; :`);
    const { exitCode, stdout, stderr } = await lab.devbackup(["apply", "--yes", ...args]);
    const said = (stdout + stderr).replace(/\s+/g, " ");
    assert.equal(exitCode, 1, said);
    assert.match(said, says);
    assert.equal(await lab.must("ls", `cat ${at}/manifests/snapshots_v2.tsv 2>/dev/null; :`), manifest);
    await noResidue(lab, 20_000);
  };

  /** The same once more, with room: as if nothing had happened. */
  const goesOn = async (at: string, args: readonly string[], more: readonly string[] = []): Promise<void> => {
    await expectExit(lab, 0, ["apply", "--yes", ...args, ...more]);
    assert.deepEqual((await planned(lab, args)).actions, []);
    assert.equal(await lab.must("ls", `ls -A ${at}/tmp`), "");
    const row = await lab.must("ls", `tail -n 1 ${at}/manifests/snapshots_v2.tsv`);
    assert.match(row, new RegExp(`\t${args[1]}\t`));
  };

  test("a server's disk without a byte free is seen in the plan, with its numbers", async () => {
    await lab.fill("ls", "0");
    try {
      await refused("no-space", /(\d+ MiB|0 B|\d+ KiB) free at .*needed: .*64 MiB to spare/);
    } finally {
      await lab.unfill("ls");
    }
  });

  test("so are file systems that are mounted read-only, on either machine", async () => {
    for (const [machine, folder] of [
      ["ls", "/srv"],
      ["ws", "/home"],
    ] as const) {
      await fromOutside(lab, machine, ["mount", "-o", "remount,ro", folder]);
      try {
        await refused("read-only", new RegExp(`the file system at ${folder}/.* is read-only`));
      } finally {
        await fromOutside(lab, machine, ["mount", "-o", "remount,rw", folder]);
      }
    }
  });

  test("over quota in the middle of an artifact: nothing is registered, and with a higher one it goes on", async () => {
    await lab.must("ws", "head -c 100M /dev/urandom >/home/dev/code/two");
    const limit = (size: string) => fromOutside(lab, "ls", ["btrfs", "qgroup", "limit", size, "/srv"]);
    await fromOutside(lab, "ls", ["btrfs", "quota", "enable", "/srv"]);
    await limit("60M");
    await refused("over-quota", /left of the Btrfs quota of 60 MiB at .*needed: 64 MiB to spare/);
    await limit("110M");
    await fails(
      repository,
      /dev@2090-02\.\S+ could not be written.*Disk quota exceeded.*Nothing was registered.*safe to run again.*raise the quota on ls: .*, then: devbackup apply/,
      ["--label", SECOND, ...config],
    );
    assert.equal(await lab.must("ls", `ls -A ${repository}/tmp`), "");
    await limit("none");
    await goesOn(repository, ["--label", SECOND, ...config]);
    await fromOutside(lab, "ls", ["btrfs", "quota", "disable", "/srv"]);
  });

  test("a Btrfs that makes itself read-only meanwhile: mounted again, it goes on", async () => {
    const below = join(lab.dir, "below");
    const image = join(below, "image");
    await mkdir(below);
    // what the disk writes beyond 100M comes back as an error
    await execa("mount", ["-t", "tmpfs", "-o", "size=100M", "tmpfs", below]);
    const mount = async () => {
      const { stdout: device } = await execa("losetup", ["-f", "--show", image]);
      const script = 'rm -f /dev/below; mkdir -p /disk; mknod /dev/below b 7 "$1"; mount /dev/below /disk';
      await fromOutside(lab, "ls", ["sh", "-euc", script, "sh", device.replace("/dev/loop", "")]);
      await execa("losetup", ["-d", device]);
    };
    try {
      await execa("truncate", ["-s", "1G", image]);
      await execa("mkfs.btrfs", ["-q", image]);
      await mount();
      const args = ["--label", SECOND, ...(await declared(elsewhere))];
      // a repository of its own, with keys of its own
      const another = ["--approve", "all"];
      await fails(elsewhere, /(Read-only file system|Input\/output error).*safe to run again/, [
        ...args,
        ...another,
      ]);
      const { problems } = await planned(lab, args);
      // what is not in the kernel's cache any more can't even be read
      assert.match(JSON.stringify(problems), /"read-only"|Input\/output error/);
      await execa("mount", ["-o", "remount,size=1G", below]);
      await fromOutside(lab, "ls", ["umount", "/disk"]);
      await mount();
      await goesOn(elsewhere, args, another);
    } finally {
      await fromOutside(lab, "ls", ["umount", "/disk"]).catch(() => undefined);
      await execa("umount", ["-l", below]);
    }
  });
});
