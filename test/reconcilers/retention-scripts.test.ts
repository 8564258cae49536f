import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type AbsolutePath, fileName, type HostName, type Sha256 } from "../../src/domain/names.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { deleteArtifact, deleteArtifacts } from "../../src/reconcilers/retention/delete-artifacts.ts";
import { deleteSnapshots } from "../../src/reconcilers/retention/delete-snapshots.ts";
import { type ReadFirst, readAll } from "../../src/reconcilers/retention/read-first.ts";
import type { Bucket } from "../../src/transport/bucket/bucket.ts";
import type { Hashed } from "../../src/transport/bucket/hash.ts";
import type { BucketHead } from "../../src/transport/bucket/object.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { history } from "../domain/history.ts";
import { type SmallDisk, shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { troubleOf } from "../transport/trouble.ts";
import { desired } from "./world.ts";

const LS = "ls" as HostName;
const MIB = 1024 ** 2;
const MISSING: Hashed = { kind: "missing" };
/** Of btrfs, what only looks is let by. */
const TOOLS = ["btrfs", "rm", "sync"];

/** A machine on which the n-th call of what changes something kills the script, and all that it has started; 0 for none. */
function killable(folder: string) {
  const [tools, count, at] = [join(folder, "tools"), join(folder, "count"), join(folder, "at")];
  mkdirSync(tools);
  for (const tool of TOOLS) {
    const text = `#!/bin/sh
case "${tool} $*" in btrfs*" show "* | btrfs*" get "* | btrfs*" rootid "*) PATH=\${PATH#*:}; exec ${tool} "$@" ;; esac
n=$(($(cat ${count}) + 1)); echo "$n" >${count}
[ "$n" != "$(cat ${at})" ] || kill -s KILL 0
PATH=\${PATH#*:}; exec ${tool} "$@"\n`;
    writeFileSync(join(tools, tool), text);
    chmodSync(join(tools, tool), 0o755);
  }
  const killAt = (call: number): void => {
    writeFileSync(count, "0\n");
    writeFileSync(at, `${call}\n`);
  };
  killAt(0);
  const env = { ...process.env, PATH: `${tools}:${process.env.PATH}` };
  return { host: localHost({ name: LS, become: "none", env }), killAt };
}

const NOTHING: ReadFirst = { server: LS, repository: "/srv" as AbsolutePath, artifacts: [] };

const survives = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

describe("snapshots that go", { skip: whyNoDisk() }, () => {
  function place(context: TestContext) {
    const { path } = smallDisk(context, 512);
    const { host, killAt } = killable(path);
    const folder = join(path, "snapshots") as AbsolutePath;
    mkdirSync(folder);
    shell('btrfs -q subvolume create "$1/source"', path);
    /** Takes one that alone holds so many MiB, and tells its UUID. */
    const take = (name: string, mebibytes = 0) => ({
      name,
      uuid: shell(
        `head -c "$4" /dev/urandom >"$1/source/data"; btrfs -q subvolume snapshot -r "$1/source" "$2/$3"; rm "$1/source/data"
btrfs subvolume show "$2/$3" | sed -n "s/^[[:space:]]*UUID:[[:space:]]*//p"`,
        ...[path, folder, name, String(mebibytes * MIB)],
      ).trim(),
    });
    const lock = join(folder, ".receive.lock") as AbsolutePath;
    const letGo = (snapshots: readonly { name: string; uuid: string }[]) =>
      deleteSnapshots(LS, { kind: "snapshots", folder, lock, fromAfar: true, snapshots, first: NOTHING }, {
        host: () => host,
        signal: new AbortController().signal,
        assertHeld: () => undefined,
      } as never);
    const names = () => readdirSync(folder).filter((name) => !name.startsWith("."));
    return { folder, path, lock, take, letGo, names, killAt };
  }

  test("they are gone, their space is free by then, and the others stand", async (context) => {
    const { take, letGo, names } = place(context);
    const [first, second] = [take("dev@2026-01", 20), take("dev@2026-02", 20)];
    take("dev@2026-03", 1);
    const told = await letGo([first, second]);
    const [, mebibytes] = /^2 snapshots, ([\d.]+) MiB came free$/.exec(told) ?? [];
    assert(Number(mebibytes) > 35, told);
    assert.deepEqual(names(), ["dev@2026-03"]);
    assert.match(await letGo([first, second]), /^2 snapshots, 0 B came free$/);
  });

  test("where one of them is not what was looked at, none goes", async (context) => {
    const { take, letGo, names, folder, path } = place(context);
    const good = take("dev@2026-01");
    const another = { ...take("dev@2026-02"), uuid: good.uuid };
    const writable = take("dev@2026-03");
    shell('btrfs property set -f "$1" ro false', join(folder, "dev@2026-03"));
    mkdirSync(join(folder, "dev@2026-04"));
    symlinkSync("dev@2026-01", join(folder, "dev@2026-05"));
    const before = names();
    for (const wrong of [
      another,
      writable,
      { ...good, name: "dev@2026-04" },
      { ...good, name: "dev@2026-05" },
    ]) {
      const { code, why } = await troubleOf(letGo([good, wrong]));
      assert.equal(code, "retention-failed");
      assert.match(
        why ?? "",
        /dev@2026-0\d is not the read-only snapshot that was looked at|dev@2026-05 is no folder/,
      );
      assert.deepEqual(names(), before);
    }
    // a folder that others can write to is nobody's to delete in
    chmodSync(folder, 0o777);
    assert.match((await troubleOf(letGo([good]))).why ?? "", /can be changed by others than root/);
    assert.deepEqual(names(), before);
    assert(existsSync(join(path, "source")));
  });

  test("who held the lock before is not left standing in it, and a receive that hangs is ended", async (context) => {
    const { path, lock, take, letGo, names } = place(context);
    const [first, second] = [take("dev@2026-01"), take("dev@2026-02")];
    writeFileSync(
      join(path, "tools/sync"),
      `#!/bin/sh\ncat ${lock} >>${path}/holder\nexec /usr/bin/sync "$@"\n`,
    );
    // does not wait
    writeFileSync(
      join(path, "tools/flock"),
      '#!/bin/sh\n[ "$1" != -w ] || shift 2\nexec /usr/bin/flock -n "$@"\n',
      {
        mode: 0o755,
      },
    );
    const hung = spawn("flock", [lock, "sh", "-c", 'echo $PPID >"$0"; echo held; exec sleep 600', lock], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const ended = once(hung, "exit");
    await once(hung.stdout, "data");
    await letGo([first]);
    await ended;
    // the group of one that was killed, which by now may be anybody's
    writeFileSync(lock, "4242\n");
    await letGo([second]);
    assert.deepEqual(names(), []);
    assert.equal(readFileSync(join(path, "holder"), "utf8"), "");
  });

  test("killed before any one of its commands, the next run ends it", async (context) => {
    const { take, letGo, names, killAt } = place(context);
    const stays = take("dev@2026-09");
    let whole = false;
    for (let call = 1; !whole; call += 1) {
      const going = ["dev@2026-01", "dev@2026-02"].map((name) => take(name));
      killAt(call);
      whole = await survives(letGo(going));
      killAt(0);
      await letGo(going);
      assert.deepEqual(names(), [stays.name], `killed at call ${call}`);
      assert(call < 60, "it was never not killed");
    }
  });
});

describe("artifacts that go", () => {
  const content = "x".repeat(100);
  const [row = assert.fail()] = history("2026-01 full 100").map((each) => ({
    ...each,
    sha256: sha256Of(content),
  }));

  function place(context: TestContext, head: Partial<BucketHead> | undefined, hashed: Hashed = MISSING) {
    const top = shell("mktemp -d /var/tmp/retention-XXXXXX").trim();
    context.after(() => shell('rm -rf "$1"', top));
    const [declared = assert.fail()] = desired().datasets;
    const spec = { ...declared, repository: join(top, "repository") as AbsolutePath };
    for (const folder of ["artifacts/anchors", "tmp"])
      mkdirSync(join(spec.repository, folder), { recursive: true });
    const file = join(spec.repository, row.localPath);
    const inTmp = (end: string) => join(spec.repository, "tmp", fileName(file) + end);
    const marks = [".damaged", ".upload"].map(inTmp);
    const objectMark = inTmp(".object-damaged");
    const key = `dev/${row.localPath}`;
    const deleted: string[] = [];
    const seen = { etag: "e", lastModified: new Date("2026-01-02T00:00:00Z") };
    const bucket: Partial<Bucket> = {
      head: async () => head && ({ ...seen, ...head } as BucketHead),
      hash: async () => hashed,
      delete: async (each) => void deleted.push(each),
    };
    const { host, killAt } = killable(top);
    const lost = { yes: false };
    const tools = {
      host: () => host,
      bucket: async () => bucket,
      signal: new AbortController().signal,
      assertHeld: () => {
        if (lost.yes) throw new Error("the lock is another's");
      },
    };
    const letGo = (kind: "files" | "objects") =>
      deleteArtifacts(
        LS,
        { kind, artifacts: [deleteArtifact(spec, row, key, 100)] },
        tools as unknown as Tools,
      );
    const put = (text = content) => {
      for (const mark of marks) writeFileSync(mark, "");
      writeFileSync(file, text);
    };
    put();
    return { file, marks, objectMark, deleted, letGo, killAt, put, key, lost };
  }

  test("of the server: the file and its marks", async (context) => {
    const { letGo, file, marks } = place(context, { sizeBytes: 100, sha256: row.sha256 });
    assert.equal(await letGo("files"), "1 artifact, 100 B came free");
    assert.deepEqual([file, ...marks].filter(existsSync), []);
    assert.equal(await letGo("files"), "1 artifact, 100 B came free");
  });

  for (const [what, head] of [
    ["gone", undefined],
    ["of another size", { sizeBytes: 99, sha256: row.sha256 }],
    ["in an archive", { sizeBytes: 100, sha256: row.sha256, archive: "DEEP_ARCHIVE" }],
  ] as const)
    test(`of the server, where the object is ${what} by now: it stays`, async (context) => {
      const { letGo, file } = place(context, head);
      const { code, exitCode } = await troubleOf(letGo("files"));
      assert.deepEqual([code, exitCode], ["retention-last-copy", 6]);
      assert(existsSync(file));
    });

  const noNote = { sizeBytes: 100 };
  const bytes = (sha256: Sha256): Hashed => ({ kind: "hashed", sha256, sizeBytes: 100, etag: "e" });

  test("of the server, where the object has no note: it is read, and the file goes where it is the same", async (context) => {
    const { letGo, file } = place(context, noNote, bytes(row.sha256));
    assert.equal(await letGo("files"), "1 artifact, 100 B came free");
    assert(!existsSync(file));
  });

  const other = "0".repeat(64) as Sha256;
  for (const [what, head, hashed, marked] of [
    ["has no note, and is another", noNote, bytes(other), "sha256"],
    ["has no note, and goes while it is read", noNote, MISSING, null],
    ["has no note, and is archived meanwhile", noNote, { kind: "archived", archive: "GLACIER" }, null],
    ["has no note, and is replaced while it is read", noNote, { kind: "changed", why: "412" }, null],
    ["is noted as another", { ...noNote, sha256: other }, MISSING, "note"],
  ] as const)
    test(`of the server, where the object ${what}: it stays, and the next plan knows`, async (context) => {
      const { letGo, file, objectMark } = place(context, head, hashed);
      assert.equal((await troubleOf(letGo("files"))).code, "retention-last-copy");
      assert(existsSync(file));
      assert.equal(
        existsSync(objectMark) ? readFileSync(objectMark, "utf8") : null,
        marked && `e 2026-01-02T00:00:00.000Z ${marked} ${other}\n`,
      );
    });

  test("of the server, where the file has changed since: it stays", async (context) => {
    const { letGo, file, put } = place(context, { sizeBytes: 100, sha256: row.sha256 });
    put("changed");
    assert.match((await troubleOf(letGo("files"))).why ?? "", /has changed since it was looked at/);
    assert.equal(readFileSync(file, "utf8"), "changed");
  });

  test("of the server, killed before any one of its commands: the next run ends it", async (context) => {
    const { letGo, file, marks, killAt, put } = place(context, { sizeBytes: 100, sha256: row.sha256 });
    let whole = false;
    for (let call = 1; !whole; call += 1) {
      put();
      killAt(call);
      whole = await survives(letGo("files"));
      killAt(0);
      // what is known of a file stays known as long as it is there
      assert(!existsSync(file) || marks.every(existsSync), `killed at call ${call}`);
      await letGo("files");
      assert.deepEqual([file, ...marks].filter(existsSync), [], `killed at call ${call}`);
      assert(call < 20, "it was never not killed");
    }
  });

  test("of the bucket: the server's is read to its end first", async (context) => {
    const { letGo, deleted, key, put, marks, objectMark } = place(context, undefined);
    writeFileSync(objectMark, "");
    assert.equal(await letGo("objects"), "1 object, 100 B came free");
    assert.deepEqual(deleted, [key]);
    assert(!existsSync(objectMark));
    put("y".repeat(100));
    const { code, exitCode } = await troubleOf(letGo("objects"));
    assert.deepEqual([code, exitCode], ["artifact-damaged", 6]);
    assert.deepEqual(deleted, [key]);
    assert.match(readFileSync(marks[0] ?? "", "utf8"), /^[0-9a-f]{64} 100 /);
  });

  test("of the bucket, where the lock was lost while the server's was read: it stays", async (context) => {
    const { letGo, deleted, lost } = place(context, undefined);
    lost.yes = true;
    await assert.rejects(letGo("objects"), /the lock is another's/);
    assert.deepEqual(deleted, []);
  });
});

test("of the bucket, where the server's is whole in memory alone: it stays", {
  skip: whyNoDisk(),
}, async (context) => {
  const disk = smallDisk(context);
  const [declared = assert.fail()] = desired().datasets;
  const spec = { ...declared, repository: join(disk.path, "repository") as AbsolutePath };
  const [made = assert.fail()] = history("2026-01 full 100");
  const bytes = Buffer.alloc(200_000, "whole");
  const row = { ...made, sizeBytes: bytes.length, sha256: sha256Of(bytes) };
  const file = join(spec.repository, row.localPath);
  for (const folder of ["artifacts/anchors", "tmp", "locks"])
    mkdirSync(join(spec.repository, folder), { recursive: true });
  // as a fetch of this very run leaves it
  writeFileSync(file, bytes);
  disk.spoil(file);
  const host = localHost({ name: LS, become: "none", env: process.env });
  const deleted: string[] = [];
  const tools = {
    host: () => host,
    signal: new AbortController().signal,
    assertHeld: () => undefined,
    bucket: async () => ({ delete: async (key: string) => void deleted.push(key) }),
  } as Partial<Record<keyof Tools, unknown>> as Tools;
  const artifacts = [deleteArtifact(spec, row, "dev/x", row.sizeBytes)];
  const { code } = await troubleOf(deleteArtifacts(LS, { kind: "objects", artifacts }, tools));
  assert.equal(code, "artifact-damaged");
  assert.deepEqual(deleted, []);
});

describe("before the last snapshot of a label goes", { skip: whyNoDisk() }, () => {
  function place(context: TestContext) {
    const disk = smallDisk(context, 512);
    const repository = join(disk.path, "repository") as AbsolutePath;
    const folder = join(disk.path, "snapshots") as AbsolutePath;
    for (const each of [folder, join(repository, "tmp"), join(repository, "locks")])
      mkdirSync(each, { recursive: true });
    const uuid = shell(
      'btrfs -q subvolume create "$1/source"; btrfs -q subvolume snapshot -r "$1/source" "$2/dev@2026-01"; btrfs subvolume show "$2/dev@2026-01" | sed -n "s/^[[:space:]]*UUID:[[:space:]]*//p"',
      ...[disk.path, folder],
    ).trim();
    const bytes = Buffer.alloc(200_000, "whole");
    const path = join(repository, "a") as AbsolutePath;
    writeFileSync(path, bytes);
    const mark = join(repository, "tmp/a.damaged") as AbsolutePath;
    const first: ReadFirst = {
      server: LS,
      repository,
      artifacts: [{ path, sha256: sha256Of(bytes), damagedMark: mark, of: ["dev@2026-01"] }],
    };
    const lost = { yes: false };
    const tools = {
      host: () => localHost({ name: LS, become: "none", env: process.env }),
      signal: new AbortController().signal,
      assertHeld: () => {
        if (lost.yes) throw new Error("the lock is another's");
      },
    };
    const letGo = () => {
      const what = { fromAfar: true, snapshots: [{ name: "dev@2026-01", uuid }], first };
      const lock = join(folder, ".receive.lock") as AbsolutePath;
      return deleteSnapshots(LS, { kind: "snapshots", folder, lock, ...what }, tools as unknown as Tools);
    };
    const stands = () => existsSync(join(folder, "dev@2026-01"));
    return { disk, path, bytes, mark, first, tools, letGo, stands, lost };
  }

  interface Rotting {
    readonly disk: SmallDisk;
    readonly path: AbsolutePath;
    readonly bytes: Buffer;
  }
  const flipped = ({ path, bytes }: Rotting) =>
    writeFileSync(path, bytes.toString("latin1").replace("whole", "whold"));
  const spoilt = ({ disk, path }: Rotting) => disk.spoil(path);

  for (const [what, rot] of [
    ["a bit is another", flipped],
    ["the disk has lost what is in memory still", spoilt],
  ] as const)
    test(`its artifact is read, and where ${what} it stays, and the next plan knows`, async (context) => {
      const made = place(context);
      rot(made);
      const { code, exitCode, what: told } = await troubleOf(made.letGo());
      assert.deepEqual([code, exitCode], ["retention-last-copy", 6]);
      assert.match(told, /^dev@2026-01 can't be made again/);
      assert(made.stands() && existsSync(made.mark));
    });

  test("where the lock was lost meanwhile, it stays; else it goes", async (context) => {
    const { letGo, stands, lost } = place(context);
    lost.yes = true;
    await assert.rejects(letGo(), /the lock is another's/);
    assert(stands());
    lost.yes = false;
    await letGo();
    assert(!stands());
  });

  test("one run reads it once, for both places, and another run again", async (context) => {
    const { first, tools, path } = place(context);
    await readAll(first, tools);
    writeFileSync(path, "other");
    await readAll(first, tools);
    assert.equal(
      (await troubleOf(readAll(first, { ...tools, signal: new AbortController().signal }))).code,
      "retention-last-copy",
    );
  });
});
