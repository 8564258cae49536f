import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { openJournal } from "../../src/apply/journal.ts";
import { takeLock } from "../../src/apply/lock.ts";
import { keepSeen, recall } from "../../src/controller/memory.ts";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import type { Fact } from "../../src/domain/fact.ts";
import { type AbsolutePath, fileName, type HostName } from "../../src/domain/names.ts";
import type { DevbackupError } from "../../src/domain/trouble.ts";
import type { Action } from "../../src/plan/plan.ts";
import { finishScript } from "../../src/reconcilers/artifact/artifact.ts";
import { ingestScript } from "../../src/reconcilers/artifact/artifact-send.ts";
import { publishedFile } from "../../src/reconcilers/keys/key-files.ts";
import { keys } from "../../src/reconcilers/keys/keys.ts";
import { signKey } from "../../src/reconcilers/keys/sign-key.ts";
import { signatureFunctions } from "../../src/reconcilers/keys/signature.ts";
import { repositoryFolders, serverLayoutProbe } from "../../src/reconcilers/machine/folders.ts";
import type { Place } from "../../src/reconcilers/machine/place.ts";
import { manifestFile, manifestProbe } from "../../src/reconcilers/manifest/store.ts";
import { writeManifest } from "../../src/reconcilers/manifest/write-manifest.ts";
import type { Probe } from "../../src/reconcilers/probe.ts";
import type { Reconciler, Tools } from "../../src/reconcilers/reconciler.ts";
import { subvolume } from "../../src/reconcilers/snapshot/subvolume.ts";
import { PROBE_LIBRARY } from "../../src/reconcilers/snapshot/subvolumes.ts";
import type { Host } from "../../src/transport/host.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { pipe } from "../../src/transport/pipe.ts";
import { quote } from "../../src/transport/quote.ts";
import { history, label } from "../domain/history.ts";
import { type SmallDisk, shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { troubleOf } from "../transport/trouble.ts";
import { desired, M1 } from "./world.ts";

const MIB = 1024 ** 2;
const [declared = assert.fail()] = desired().datasets;
const host = localHost({ name: "ls" as HostName, become: "none", env: process.env });

/** A repository on a small disk, and the dataset's snapshots beside it. */
function place(
  context: TestContext,
  mebibytes?: number,
): { disk: SmallDisk; spec: DatasetSpec; tmp: string } {
  const disk = smallDisk(context, mebibytes);
  const at = (name: string) => join(disk.path, name) as AbsolutePath;
  const spec = { ...declared, repository: at("repository"), path: at("code"), snapshots: at("snapshots") };
  shell('btrfs -q subvolume create "$1" 2>/dev/null || btrfs subvolume create "$1"', spec.repository);
  for (const { path } of repositoryFolders(spec)) mkdirSync(path, { recursive: true });
  return { disk, spec, tmp: join(spec.repository, "tmp") };
}

const run = <Input>(reconciler: Reconciler<Input>, input: Input, on: Host = host): Promise<string | null> =>
  reconciler.run(
    { id: "test", host: host.name, dataset: "dev", input } as unknown as Action<Input>,
    {
      host: () => on,
      now: () => new Date(),
      signal: new AbortController().signal,
      progress: () => undefined,
      assertHeld: () => undefined,
    } as unknown as Tools,
  );

async function look<Value>({ script, parse }: Probe<Value>): Promise<Fact<Value>> {
  const { exitCode, stdout, stderr } = await host.run(`${PROBE_LIBRARY}${script}`);
  return exitCode === 0 ? parse(stdout) : { kind: "unknown", why: stderr };
}
async function placeOf(spec: DatasetSpec): Promise<Place> {
  const layout = await look(serverLayoutProbe(spec));
  return layout.kind === "known" ? layout.value.place : assert.fail(JSON.stringify(layout));
}

describe("a disk that takes no more", { skip: whyNoDisk() }, () => {
  after(() => host.close());

  test("the probe tells a quota, a read-only mount, and a Btrfs that made itself read-only", async (context) => {
    const { disk, spec } = place(context);
    assert.deepEqual([(await placeOf(spec)).readOnly, (await placeOf(spec)).quota], [false, null]);
    shell('btrfs quota enable "$1"; btrfs qgroup limit 50M "$1"', spec.repository);
    head(join(spec.repository, "tmp/dev@2026-01.full.send.zst.age"), 20 * MIB);
    shell('sync -f "$1"', spec.repository);
    const layout = await look(serverLayoutProbe(spec));
    assert.equal(layout.kind === "known" && layout.value.remainsBytes, 20 * MIB);
    const { quota } = await placeOf(spec);
    assert.equal(quota?.limitBytes, 50 * MIB);
    assert.ok(Math.abs((quota?.leftBytes ?? 0) - 30 * MIB) < MIB, `${quota?.leftBytes}`);
    shell('mount -o remount,ro "$1"', disk.path);
    assert.equal((await placeOf(spec)).readOnly, true);
    shell('mount -o remount,rw "$1"', disk.path);
    assert.equal((await placeOf(spec)).readOnly, false);
    disk.breakDown();
    assert.equal((await placeOf(spec)).readOnly, true);
  });

  test("not a byte free: the lock is taken, the journal stops nothing, and room is made", async (context) => {
    const { disk, spec, tmp } = place(context);
    const holder = { who: "dev@ws", pid: 7, since: new Date().toISOString() };
    const other = { ...holder, who: "root@ls" };
    await (await takeLock(host, spec, holder)).release();
    writeFileSync(join(tmp, "large"), Buffer.alloc(MIB));
    disk.fill();
    assert.throws(() => writeFileSync(join(tmp, "y"), "one byte"), /ENOSPC/);
    const lock = await takeLock(host, spec, holder);
    assert.equal((await troubleOf(takeLock(host, spec, other))).exitCode, 3);
    assert.match((await troubleOf(takeLock(host, spec, other))).why ?? "", /held by dev@ws, process 7/);
    const fenced = lock.fenced(host);
    await openJournal(fenced, spec, holder, () => new Date())({ event: "apply-started", actions: [] });
    assert.equal((await fenced.run(`rm -f -- ${join(tmp, "large")}`)).exitCode, 0);
    assert.match(readdirSync(join(spec.repository, "logs")).join(), /^apply-.*\.jsonl$/);
    await lock.release();
    disk.unfill();
    await (await takeLock(host, spec, holder)).release();
    assert.equal(statSync(join(spec.repository, "locks/ballast")).size, MIB);
  });

  test("without its ballast, the lock says what to do", async (context) => {
    const { disk, spec } = place(context);
    disk.fill();
    const { code, why, state, next } = await troubleOf(
      takeLock(host, spec, { who: "dev@ws", pid: 7, since: new Date().toISOString() }),
    );
    assert.deepEqual([code, state], ["lock-failed", "Nothing was changed"]);
    assert.match(why ?? "", /No space left on device/);
    assert.match(next ?? "", /^free some space on ls: .*, then: devbackup apply$/);
  });

  test("keys: none is put into its place that did not reach the disk whole", async (context) => {
    const { disk, spec } = place(context);
    const identity = { how: "create" as const, dataset: spec };
    const folder = join(spec.repository, "keys");
    const inPlace = () => readdirSync(folder).filter((name) => !name.includes(".new"));
    disk.fill();
    const trouble = await troubleOf(run(keys, identity));
    assert.match(trouble.why ?? "", /No space left on device/);
    assert.deepEqual(inPlace(), []);
    disk.unfill();
    await run(keys, identity);
    const recipient = readFileSync(publishedFile(spec), "utf8");
    assert.match(recipient, /^age1/);
    disk.fill();
    assert.match((await troubleOf(run(keys, { ...identity, how: "publish" }))).why ?? "", /No space left/);
    assert.equal(readFileSync(publishedFile(spec), "utf8"), recipient);
  });

  test("the manifest: it and its signature stay, and the next write goes through", async (context) => {
    const { disk, spec } = place(context);
    await run(signKey, { how: "create", dataset: spec });
    const rows = history("2026-01 full 100, 2026-02 incr 10");
    await writeManifest(host, spec, { rows: rows.slice(0, 1), onSha256: null });
    const before = await look(manifestProbe(spec));
    const on = before.kind === "known" ? before.value : assert.fail();
    assert.equal(on.signature, "good");
    disk.fill();
    const { why } = await troubleOf(writeManifest(host, spec, { rows, onSha256: on.sha256 }));
    assert.match(why ?? "", /No space left on device/);
    assert.deepEqual(await look(manifestProbe(spec)), before);
    // as where there was room for all but the signature
    const signing = await host.run(`set -eu\n${signatureFunctions(spec)}sign '${manifestFile(spec)}'`);
    assert.match(signing.stderr, /No space left on device/);
    assert.deepEqual(await look(manifestProbe(spec)), before);
    disk.unfill();
    await writeManifest(host, spec, { rows, onSha256: on.sha256 });
    const last = await look(manifestProbe(spec));
    assert.deepEqual(last.kind === "known" && last.value.reading, { kind: "valid", rows });
  });

  test("an artifact that has come leaves nothing in tmp/ where there is no room for its row", async (context) => {
    const { disk, spec, tmp } = place(context);
    const [t, f] = [join(tmp, "dev@2026-01.full.send.zst.age"), join(spec.repository, "artifacts/anchors/a")];
    writeFileSync(t, Buffer.alloc(MIB));
    disk.fill();
    const script = `set -eu\n${finishScript(t as AbsolutePath, MIB, f as AbsolutePath)}`;
    const settled = await host.run(script, { stdin: "row\n" });
    assert.notEqual(settled.exitCode, 0);
    assert.match(settled.stderr, /No space left on device/);
    assert.deepEqual(readdirSync(tmp), []);
    disk.unfill();
    writeFileSync(t, Buffer.alloc(MIB));
    assert.deepEqual(await host.run(script, { stdin: "row\n" }), { exitCode: 0, stdout: "", stderr: "" });
    assert.deepEqual(readdirSync(tmp), [`${fileName(t as AbsolutePath)}.row`]);
  });

  test("what the controller remembers stays, where its own disk takes no more", async (context) => {
    const { disk } = place(context);
    const memory = { folder: join(disk.path, "state/dev") };
    await keepSeen(memory, { signer: null, newest: null });
    const before = await recall(memory);
    const newest = { label: label("2026-01"), ts: "2026-01-01T00:00:00Z", manifestSha256: M1 };
    const refused = async (why: RegExp) => {
      const trouble = await troubleOf(keepSeen(memory, { signer: null, newest }));
      assert.equal(trouble.code, "memory-unwritten");
      assert.match(trouble.why ?? "", why);
      assert.deepEqual(readdirSync(memory.folder), ["seen.json"]);
      assert.deepEqual(await recall(memory), before);
    };
    disk.fill();
    await refused(/no space left/);
    shell('mount -o remount,ro "$1"', disk.path);
    await refused(/read-only file system/);
    shell('mount -o remount,rw "$1"', disk.path);
    disk.unfill();
    await keepSeen(memory, { signer: null, newest });
    assert.notDeepEqual(await recall(memory), before);
  });

  test("what an artifact's bytes run into is said as it is", async (context) => {
    const { disk, spec, tmp } = place(context);
    const file = join(tmp, "artifact") as AbsolutePath;
    const ingest = async (mebibytes: number, script = ingestScript(file)) => {
      const { sink } = await pipe({
        from: host,
        source: `head -c ${mebibytes}M /dev/urandom`,
        to: host,
        sink: script,
      });
      return sink;
    };
    assert.equal((await ingest(1)).exitCode, 0);
    shell('btrfs quota enable "$1"; btrfs qgroup limit 50M "$1"', spec.repository);
    assert.match((await ingest(60)).stderr, /Disk quota exceeded/);
    shell('rm "$2"; btrfs quota disable "$1"', spec.repository, file);
    disk.fill(20 * MIB);
    assert.match((await ingest(60)).stderr, /No space left on device/);
    shell('rm -f "$1"', file);
    disk.unfill();
    // a page in all: what openssl writes has none left
    const noRun = `unshare -m sh -c 'mount -t tmpfs -o size=4k tmpfs /run; echo >/run/taken; eval "$1"' sh ${quote(ingestScript(file))}`;
    const refused = await ingest(1, noRun);
    assert.notEqual(refused.exitCode, 0);
    assert.match(refused.stderr, /\/run: No space left on device/);
    disk.breakDown();
    assert.match((await ingest(1)).stderr, /Read-only file system/);
  });

  const conversion = (spec: DatasetSpec) => ({ how: "convert" as const, path: spec.path, owner: "root" });
  const tree = (path: string) => shell('cd "$1"; find . | LC_ALL=C sort', path);

  test("a conversion whose proof finds no room converts nothing, and leaves no copy", async (context) => {
    const { disk, spec } = place(context);
    mkdirSync(join(spec.path, "folder"), { recursive: true });
    head(join(spec.path, "folder/file"), MIB);
    const before = tree(disk.path);
    // as where /tmp is full; both lists are empty then, and as such alike
    const failing = `sort() { echo 'sort: write failed: /tmp/sortX: No space left on device' >&2; return 2; }\n`;
    const broken = { ...host, run: (script: string) => host.run(failing + script) };
    const { why, state } = await troubleOf(run(subvolume, conversion(spec), broken));
    assert.match(why ?? "", /No space left on device/);
    assert.match(state ?? "", /The directory is as it was/);
    assert.equal(tree(disk.path), before);
    await run(subvolume, conversion(spec));
    assert.equal(statSync(spec.path).ino, 256);
  });

  test("a conversion that the disk has no room for leaves the directory, and no copy", async (context) => {
    const { disk, spec } = place(context);
    mkdirSync(spec.path);
    shell(
      'cd "$1"; i=0; while [ $i -lt 40 ]; do head -c 300K /dev/urandom >"$i"; chattr +C . 2>/dev/null || :; i=$((i + 1)); done',
      spec.path,
    );
    const before = tree(spec.path);
    disk.fill();
    // reflinks of files without and with checksums do not go together: these are copied
    const trouble = await run(subvolume, conversion(spec)).then(
      () => null,
      (error: DevbackupError) => error.trouble,
    );
    assert.match(trouble?.why ?? "it went through", /No space left on device/);
    assert.equal(tree(spec.path), before);
    assert.deepEqual(readdirSync(disk.path).sort(), ["code", "fill", "repository"]);
  });
});

function head(path: string, bytes: number): void {
  shell('head -c "$2" /dev/urandom >"$1"', path, String(bytes));
}
