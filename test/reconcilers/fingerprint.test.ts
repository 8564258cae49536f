import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { differenceInWords } from "../../src/domain/tree-difference.ts";
import type { Action } from "../../src/plan/plan.ts";
import { compareWithFingerprint } from "../../src/reconcilers/proof/compare.ts";
import { fingerprint } from "../../src/reconcilers/proof/fingerprint.ts";
import { fingerprintFile, fingerprintsProbe } from "../../src/reconcilers/proof/fingerprint-files.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { label } from "../domain/history.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { desired } from "./world.ts";

const [declared = assert.fail()] = desired().datasets;
const [FIRST, SECOND] = [label("2026-01"), label("2026-02")];
const NAMES = [
  "tab\tand blank ",
  "line\nend",
  "-dash",
  "back\\slash",
  "quote'\"$(x)",
  "ümlaut",
  "=",
  "a//b".replace("//", "__"),
];

describe("a fingerprint, on a real Btrfs", { skip: whyNoDisk() }, () => {
  /** A dataset with a bit of everything, and its snapshots where the workstation has them. */
  function place(context: TestContext) {
    const { path: disk } = smallDisk(context);
    const spec: DatasetSpec = {
      ...declared,
      path: join(disk, "code") as AbsolutePath,
      snapshots: join(disk, "snapshots") as AbsolutePath,
      repository: join(disk, "repository") as AbsolutePath,
    };
    for (const folder of ["snapshots", "received", "repository/tmp", "repository/fingerprints"])
      mkdirSync(join(disk, folder), { recursive: true });
    shell('btrfs -q subvolume create "$1"; btrfs -q subvolume create "$1/nested"', spec.path);
    for (const name of NAMES) writeFileSync(join(spec.path, name), `of ${name}`);
    shell(
      `cd "$1"; : >empty; printf x >"$(printf 'no\\377utf8')"; mkdir -p folder/inner; head -c 300K /dev/urandom >folder/inner/big
       ln folder/inner/big linked; ln -s "to
nowhere//" folder/link; ln -s absent l; mkfifo pipe; mknod zero c 1 5; mknod disk b 7 300; truncate -s 64M holes
       chmod 4711 folder/inner/big; chown 1234:4321 linked folder; chown -h 5:6 l; touch -h -d '1969-01-02 03:04:05.678901234' l '=' folder`,
      spec.path,
    );
    const host = localHost({ name: "ws" as HostName, become: "none", env: process.env });
    context.after(() => host.close());
    const tools = { host: () => host, signal: new AbortController().signal, assertHeld: () => {} };
    return {
      spec,
      disk,
      host,
      at: (...inside: string[]) => join(spec.path, ...inside),
      snapshot: (of: typeof FIRST) =>
        shell(
          'btrfs -q subvolume snapshot -r "$1" "$2"; sync -f "$1"',
          spec.path,
          join(spec.snapshots, `dev@${of}`),
        ),
      take: (of: typeof FIRST, base: typeof FIRST | null = null, repository = spec.repository) =>
        fingerprint.run(
          { input: { dataset: { ...spec, repository }, label: of, base } } as Action<
            Parameters<typeof fingerprint.run>[0]["input"]
          >,
          tools as unknown as Tools,
        ),
      compare: async (of: typeof FIRST, tree: string) => {
        const found = await compareWithFingerprint(host, spec, of, tree as AbsolutePath, tools.signal);
        return { ...found, first: found.first.map(differenceInWords) };
      },
      records: (of: typeof FIRST, repository = spec.repository) =>
        zstdDecompressSync(execFileSync("cat", [fingerprintFile({ ...spec, repository }, of)])).toString(
          "latin1",
        ),
      left: () => [readdirSync(spec.snapshots), readdirSync(join(spec.repository, "tmp"))],
    };
  }

  test("what is sent and received is what was snapshotted; of the parent's files none is read again", async (context) => {
    const { spec, disk, host, at, snapshot, take, compare, records, left } = place(context);
    snapshot(FIRST);
    const count = NAMES.length + 5;
    assert.equal(await take(FIRST), `${count} files, all of them read`);
    writeFileSync(at("new"), "new");
    // as it was to everybody who does not look when its inode was last changed
    shell('cd "$1"; touch -r = ../ref; printf "OF =" >=; touch -r ../ref =', spec.path);
    shell('cd "$1"; mv -- -dash dash; chmod 600 empty; rm pipe', spec.path);
    snapshot(SECOND);
    // a hash that nobody could come to by reading tells where it was taken from
    const lie = "5".repeat(64);
    const lies = records(FIRST).replace(/[0-9a-f]{64}(?= f [^\0]*\.\/back\\slash\0)/, lie);
    assert.notEqual(lies, records(FIRST));
    const honest = execFileSync("cat", [fingerprintFile(spec, FIRST)]);
    chmodSync(fingerprintFile(spec, FIRST), 0o600);
    writeFileSync(fingerprintFile(spec, FIRST), zstdCompressSync(Buffer.from(lies, "latin1")));
    assert.equal(await take(SECOND, FIRST), `${count + 1} files, 4 of them read`);
    assert.match(records(SECOND), new RegExp(`${lie} f [^\0]*back`));
    writeFileSync(fingerprintFile(spec, FIRST), honest);
    await assert.rejects(take(SECOND, FIRST), /could not be written/);
    rmSync(fingerprintFile(spec, SECOND));
    assert.equal(await take(SECOND, FIRST), `${count + 1} files, 4 of them read`);
    shell(
      `cd "$1/received"; btrfs -q send "$1/snapshots/dev@2026-01" | btrfs -q receive . ; btrfs -q send -p "$1/snapshots/dev@2026-01" "$1/snapshots/dev@2026-02" | btrfs -q receive .`,
      disk,
    );
    for (const [of, files] of [
      [FIRST, count],
      [SECOND, count + 1],
    ] as const) {
      const { differing, first, ...found } = await compare(of, join(disk, `received/dev@${of}`));
      assert.deepEqual({ differing, first }, { differing: 0, first: [] });
      assert.equal(found.files, files);
      assert.ok(found.bytes > 64 * 1024 ** 2);
    }
    const read = await host.run(fingerprintsProbe(spec).script);
    assert.deepEqual(fingerprintsProbe(spec).parse(read.stdout), {
      kind: "known",
      value: new Set([FIRST, SECOND]),
    });
    assert.deepEqual(left(), [["dev@2026-01", "dev@2026-02"], []]);
    assert.equal(statSync(fingerprintFile(spec, SECOND)).mode & 0o777, 0o400);
  });

  test("an increment that changes nothing right in the top folder: what is received is what was snapshotted", async (context) => {
    const { disk, at, snapshot, take, compare } = place(context);
    snapshot(FIRST);
    await take(FIRST);
    writeFileSync(at("folder/inner/new"), "new");
    snapshot(SECOND);
    await take(SECOND, FIRST);
    shell(
      'cd "$1/received"; btrfs -q send "$1/snapshots/dev@2026-01" | btrfs -q receive . ; btrfs -q send -p "$1/snapshots/dev@2026-01" "$1/snapshots/dev@2026-02" | btrfs -q receive .',
      disk,
    );
    const { differing, first } = await compare(SECOND, join(disk, "received/dev@2026-02"));
    assert.deepEqual({ differing, first }, { differing: 0, first: [] });
  });

  test("a parent's fingerprint that does not fit: all is read", async (context) => {
    const { spec, snapshot, take, records } = place(context);
    snapshot(FIRST);
    await take(FIRST);
    const all = records(FIRST);
    snapshot(SECOND);
    for (const spoilt of [
      zstdCompressSync(Buffer.from(all.replace(/ f 644 /g, " f 640 "), "latin1")),
      zstdCompressSync(Buffer.from(all, "latin1")).subarray(0, -9),
    ]) {
      chmodSync(fingerprintFile(spec, FIRST), 0o600);
      writeFileSync(fingerprintFile(spec, FIRST), spoilt);
      assert.match((await take(SECOND, FIRST)) ?? "", /all of them read/);
      assert.equal(records(SECOND).replace("2026-02", "2026-01"), all);
      rmSync(fingerprintFile(spec, SECOND));
    }
  });

  test("where there is no room for it, there is none, and none that lacks a part", async (context) => {
    const { spec, snapshot, take, records } = place(context);
    const { path: full, fill, unfill } = smallDisk(context, 128);
    for (const folder of ["tmp", "fingerprints"]) mkdirSync(join(full, folder));
    shell('for i in $(seq 4000); do echo "$i" >"$1/of-a-name-that-is-long-$i"; done', spec.path);
    snapshot(FIRST);
    const repository = full as AbsolutePath;
    await take(FIRST, null, repository);
    const [all, file] = [records(FIRST, repository), fingerprintFile({ ...spec, repository }, FIRST)];
    let refused = 0;
    for (const kibibytes of [0, 200, 800, 1600]) {
      rmSync(file);
      fill(kibibytes * 1024);
      await take(FIRST, null, repository).catch(() => refused++);
      unfill();
      if (existsSync(file)) assert.equal(records(FIRST, repository), all, `${kibibytes} KiB`);
      else await take(FIRST, null, repository);
      assert.deepEqual(readdirSync(join(full, "tmp")), []);
    }
    assert.ok(refused > 1);
  });

  const tree = (disk: string) => join(disk, "received/copy");
  const CHANGES: Readonly<Record<string, readonly [string, readonly string[]]>> = {
    "a byte of a file that keeps its time": [
      "touch -r folder/inner/big t; printf x | dd of=linked bs=1 seek=1000 conv=notrunc status=none; touch -r t linked; rm t; touch -r ../ref .",
      ["folder/inner/big: other contents", "linked: other contents"],
    ],
    "a mode": ["chmod 600 empty", ["empty: other mode"]],
    "an owner, and a group": ["chown 9:8 zero", ["zero: other owner, group"]],
    "a time": ["touch -h -d @7.5 l", ["l: other modification time"]],
    "a link": [
      "ln -sfn other l; chown -h 5:6 l; touch -h -d '1969-01-02 03:04:05.678901234' l; touch -r ../ref .",
      ["l: other size, target"],
    ],
    "a file that is gone": ["rm -- -dash; touch -r ../ref .", ["-dash: missing"]],
    "a file that has come": [
      "touch folder/inner/x; touch -r ../ref folder/inner",
      ["folder/inner: other modification time", "folder/inner/x: not in what was backed up"],
    ],
    "another type": [
      "rm pipe; mkdir -m 644 pipe; touch -r ../ref .",
      ["pipe: other type, hard links, modification time"],
    ],
    "two files that were one": [
      "cp -p --remove-destination linked t; mv t linked; touch -r ../ref .",
      ["folder/inner/big: other hard links", "linked: other hard links"],
    ],
    "another device": [
      "rm zero; mknod zero c 1 7; touch -r ../ref .",
      ["zero: other modification time, target"],
    ],
    "the folder itself": ["chmod 700 .", [".: other mode"]],
  };
  test("each kind of difference is named by its path", async (context) => {
    const { spec, disk, snapshot, take, compare } = place(context);
    snapshot(FIRST);
    await take(FIRST);
    for (const [what, [change, named]] of Object.entries(CHANGES)) {
      shell(
        `btrfs -q subvolume snapshot "$1" "$2"; touch -r "$1" "$2/../ref"; cd "$2"; ${change}`,
        join(spec.snapshots, "dev@2026-01"),
        tree(disk),
      );
      const { differing, first } = await compare(FIRST, tree(disk));
      assert.deepEqual(first, named, what);
      assert.equal(differing, named.length, what);
      shell('btrfs -q subvolume delete "$1"', tree(disk));
    }
  });
});
