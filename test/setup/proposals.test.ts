import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type BtrfsMount, type PathFacts, parseMachine, parsePath } from "../../src/setup/machine.ts";
import { btrfsInWords, proposePath, proposeRepository, proposeSnapshots } from "../../src/setup/proposals.ts";
import { judgeOnServer, judgePath, judgeSnapshots } from "../../src/setup/verdicts.ts";

const GIB = 1024 ** 3;

/** `/srv=a:8` is disk a with 8 GiB free, mounted at /srv; `/mnt=b:8:ro` is read-only. */
const mounts = (text: string): BtrfsMount[] =>
  text
    .split(" ")
    .filter(Boolean)
    .map((each) => {
      const [path = "", disk = ""] = each.split("=");
      const [fsUuid = "", free, ro] = disk.split(":");
      return { path, fsUuid, freeBytes: Number(free) * GIB, readOnly: ro === "ro" };
    });

const OPENSUSE = "/=a:40 /home=a:40 /opt=a:40 /root=a:40 /srv=a:40 /usr/local=a:40 /var=a:40";

suite("the folder to back up is proposed", () => {
  const rows: readonly { name: string; btrfs: string; folders?: string[]; path: string }[] = [
    { name: "a home on Btrfs", btrfs: "/home=a:8", path: "/home/chuck/code" },
    { name: "what is there", btrfs: "/home=a:8", folders: ["projects"], path: "/home/chuck/projects" },
    { name: "all of it Btrfs", btrfs: "/=a:8", folders: ["src"], path: "/home/chuck/src" },
    { name: "a home elsewhere", btrfs: "/data=a:8", folders: ["code"], path: "/data/code" },
    { name: "the roomier of two disks", btrfs: "/data=a:8 /big=b:80", path: "/big/code" },
    { name: "nothing that can be written", btrfs: "/data=a:8:ro", path: "/home/chuck/code" },
    { name: "no Btrfs", btrfs: "", folders: ["src"], path: "/home/chuck/code" },
  ];
  for (const { name, btrfs, folders = [], path } of rows)
    test(name, () => {
      const home = "/home/chuck";
      const inHome = folders.map((folder) => `${home}/${folder}`);
      assert.equal(proposePath({ user: "chuck", home, folders: inHome, btrfs: mounts(btrfs) }), path);
    });
});

suite("the folder of the snapshots is proposed", () => {
  const rows: readonly { name: string; btrfs: string; dataset: string; path: string }[] = [
    { name: "beside it", btrfs: "/home=a:8", dataset: "/home/ann/code", path: "/home/ann/snapshots" },
    { name: "a mount itself", btrfs: "/d=a:8 /mnt/top=a:8", dataset: "/d", path: "/mnt/top/snapshots" },
    { name: "one subvolume of several", btrfs: "/=a:8 /home=a:8", dataset: "/home", path: "/snapshots" },
    { name: "a mount without another", btrfs: "/d=a:8 /e=b:8", dataset: "/d", path: "/snapshots" },
    { name: "no Btrfs", btrfs: "", dataset: "/home/ann/code", path: "/home/ann/snapshots" },
  ];
  for (const { name, btrfs, dataset, path } of rows)
    test(name, () => assert.equal(proposeSnapshots({ btrfs: mounts(btrfs) }, dataset), path));
});

suite("the folder of the backups is proposed", () => {
  const rows: readonly { name: string; btrfs: string; apart?: string; path: string }[] = [
    { name: "a disk at /srv", btrfs: "/srv=a:8", path: "/srv/btrfs-backups/dev" },
    { name: "a disk at /mnt/big", btrfs: "/mnt/big=a:8", path: "/mnt/big/btrfs-backups/dev" },
    { name: "the most room", btrfs: "/srv=a:8 /mnt/x=b:9", path: "/mnt/x/btrfs-backups/dev" },
    { name: "all of it Btrfs", btrfs: "/=a:8", path: "/srv/btrfs-backups/dev" },
    { name: "a system of many subvolumes", btrfs: OPENSUSE, path: "/srv/btrfs-backups/dev" },
    {
      name: "one machine: not on the disk that is backed up",
      btrfs: "/home=a:90 /mnt/usb=b:8",
      apart: "a",
      path: "/mnt/usb/btrfs-backups/dev",
    },
    { name: "one machine, one disk", btrfs: "/home=a:90", apart: "a", path: "/home/btrfs-backups/dev" },
    { name: "no Btrfs", btrfs: "", path: "/srv/btrfs-backups/dev" },
  ];
  for (const { name, btrfs, apart, path } of rows)
    test(name, () => {
      const all = mounts(btrfs);
      const other = all.find(({ fsUuid }) => fsUuid === apart);
      assert.equal(proposeRepository({ btrfs: all }, "dev", other), path);
    });
});

test("what Btrfs there is: each disk once, the roomiest first, and not too many", () => {
  assert.equal(btrfsInWords(mounts(OPENSUSE)), "Btrfs at /srv (40 GiB free)");
  assert.equal(
    btrfsInWords(mounts("/a=a:1 /b=b:2:ro /c=c:3 /d=d:4 /e=e:5")),
    "Btrfs at /e (5 GiB free), /d (4 GiB free), 3 more",
  );
  assert.equal(btrfsInWords([]), undefined);
});

suite("a path is held against what is there", () => {
  const facts = (changed: Partial<PathFacts> & { fsType?: string; disk?: string; readOnly?: boolean }) => {
    const { fsType = "btrfs", disk = "a", readOnly = false, ...rest } = changed;
    const place = { fsType, fsUuid: disk, freeBytes: 8 * GIB, sizeBytes: 9 * GIB, readOnly, quota: null };
    return { place, kind: "subvolume", empty: false, owner: "ann", ...rest } as PathFacts;
  };
  const machine = { btrfs: mounts("/home=a:8 /srv=b:9") };
  const said = (verdict: ReturnType<typeof judgePath>): string =>
    verdict.kind === "wrong"
      ? `wrong: ${verdict.wrong}; right: ${verdict.right}`
      : `${verdict.kind}: ${verdict.text}`;
  const THERE = "a folder on Btrfs at /srv (9 GiB free), /home (8 GiB free)";

  const rows: readonly { name: string; verdict: () => ReturnType<typeof judgePath>; is: string }[] = [
    {
      name: "a subvolume",
      verdict: () => judgePath("/x", facts({}), machine),
      is: "good: /x is a subvolume of ann",
    },
    {
      name: "a directory",
      verdict: () => judgePath("/x", facts({ kind: "directory" }), machine),
      is: "mind: /x is a plain directory of ann: apply makes it a subvolume, if you approve",
    },
    {
      name: "nothing there, as after a slip",
      verdict: () => judgePath("/x", facts({ kind: "absent", owner: undefined }), machine),
      is: "wrong: there is no /x; right: the folder with your work",
    },
    {
      name: "nothing in it",
      verdict: () => judgePath("/x", facts({ kind: "directory", empty: true }), machine),
      is: "mind: /x holds nothing yet: the first apply makes an empty subvolume there",
    },
    {
      name: "another file system",
      verdict: () => judgePath("/x", facts({ fsType: "ext4" }), machine),
      is: `wrong: /x is on ext4, not on Btrfs; right: ${THERE}`,
    },
    {
      name: "no Btrfs anywhere",
      verdict: () => judgePath("/x", facts({ fsType: "ext4" }), { btrfs: [] }),
      is: "wrong: /x is on ext4, not on Btrfs; right: a Btrfs file system (mkfs.btrfs on a free partition), mounted there or above it",
    },
    {
      name: "a file",
      verdict: () => judgePath("/x", facts({ kind: "other" }), machine),
      is: "wrong: /x is no folder; right: the folder itself",
    },
    {
      name: "read-only",
      verdict: () => judgeOnServer("/x", facts({ readOnly: true }), machine, undefined),
      is: `wrong: /x is on a file system that is read-only; right: ${THERE}`,
    },
    {
      name: "snapshots on the same Btrfs",
      verdict: () => judgeSnapshots("/s", facts({}), { path: "/x", facts: facts({}) }, machine),
      is: "good: /s is on the same Btrfs",
    },
    {
      name: "snapshots on another Btrfs",
      verdict: () =>
        judgeSnapshots("/srv/s", facts({ disk: "b" }), { path: "/home/x", facts: facts({}) }, machine),
      is: "wrong: /srv/s is not on the file system of /home/x, and a snapshot cannot leave that; right: /home/snapshots",
    },
    {
      name: "backups on a disk of their own",
      verdict: () => judgeOnServer("/b", facts({ disk: "b" }), machine, facts({})),
      is: "good: /b is on Btrfs, 8 GiB free",
    },
    {
      name: "backups on the disk that they are of",
      verdict: () => judgeOnServer("/b", facts({}), machine, facts({})),
      is: "mind: /b is on Btrfs, 8 GiB free, on the disk that it backs up: one broken disk would take both",
    },
  ];
  for (const { name, verdict, is } of rows) test(name, () => assert.equal(said(verdict()), is));
});

test("an answer that is none, or that would paint a prompt, proposes nothing", () => {
  assert.equal(parseMachine(""), undefined);
  assert.equal(parsePath("kind directory\n"), undefined);
  assert.equal(parseMachine("user ann\nhome /home/\x1b[31mann\n"), undefined);
  const odd = parseMachine(
    "user ann\nhome /home/ann\nbtrfs /mnt/a\\x20b u 5 rw\nbtrfs /\\x1b[2J u 5 rw\nbtrfs /x u none rw\n",
  );
  assert.deepEqual(odd?.btrfs, [{ path: "/mnt/a b", fsUuid: "u", freeBytes: 5, readOnly: false }]);
});
