import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { artifactPath, snapshotName } from "../../src/domain/artifact.ts";
import type { Manifest } from "../../src/domain/manifest.ts";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { NEVER_VERIFIED, parseRecord } from "../../src/domain/verification.ts";
import { damagedMark } from "../../src/reconcilers/artifact/prove-script.ts";
import { identityFile } from "../../src/reconcilers/keys/key-files.ts";
import { hydratedFolder, repositoryFolders } from "../../src/reconcilers/machine/folders.ts";
import { fingerprintFile, fingerprintFolder } from "../../src/reconcilers/proof/fingerprint-files.ts";
import { LISTING } from "../../src/reconcilers/proof/listing.ts";
import {
  damagedSnapshotMark,
  marksOnServer,
  serverLock,
} from "../../src/reconcilers/receive/receive-script.ts";
import { setAsideSnapshot } from "../../src/reconcilers/receive/set-aside-snapshot.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { entryOf, PROBE_LIBRARY, subvolumeFolderProbe } from "../../src/reconcilers/snapshot/subvolumes.ts";
import { readScript } from "../../src/reconcilers/verify/gently.ts";
import { recordFile, verifiedProbe } from "../../src/reconcilers/verify/record.ts";
import type { Thing } from "../../src/reconcilers/verify/things.ts";
import { unreadFolder } from "../../src/reconcilers/verify/unread.ts";
import { verifyThings } from "../../src/reconcilers/verify/verify-things.ts";
import type { Bucket } from "../../src/transport/bucket/bucket.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import type { Host } from "../../src/transport/host.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { history, label } from "../domain/history.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { desired } from "./world.ts";

const [declared = assert.fail()] = desired().datasets;
const host = localHost({ name: "ls" as HostName, become: "none", env: process.env });
const LABELS = ["2026-01", "2026-02", "2026-03"].map(label);

/** Three months, sent, encrypted, registered and received, as a backup leaves them. */
function repository(context: TestContext) {
  const disk = smallDisk(context);
  const spec = { ...declared, repository: join(disk.path, "repository") as AbsolutePath };
  shell('btrfs -q subvolume create "$1/code"; mkdir "$1/snapshots"', disk.path);
  for (const { path } of repositoryFolders(spec)) mkdirSync(path, { recursive: true, mode: 0o700 });
  mkdirSync(fingerprintFolder(spec), { recursive: true });
  shell('age-keygen -o "$1" 2>/dev/null', identityFile(spec));
  const rows: Manifest = LABELS.map((at, index) => {
    const parent = LABELS[index - 1] ?? null;
    const localPath = artifactPath({ dataset: spec.name, label: at, parent });
    const file = join(spec.repository, localPath);
    shell(
      `cd "$1"; head -c 20K /dev/urandom >code/$2; btrfs -q subvolume snapshot -r code snapshots/dev@$2
       btrfs -q send \${3:+-p snapshots/dev@$3} snapshots/dev@$2 2>/dev/null | zstd -q | age -R "$(age-keygen -y "$4" >"$1/r"; echo "$1/r")" >"$5"
       age -d -i "$4" "$5" | zstd -q -d | btrfs -q receive "$6"`,
      ...[disk.path, at, parent ?? "", identityFile(spec), file, hydratedFolder(spec.repository)],
    );
    const bytes = readFileSync(file);
    const what = { ts: "2026-01-01T00:00:00Z", label: at, parent, localPath, objectKey: null };
    return { ...what, sizeBytes: bytes.length, sha256: sha256Of(bytes) };
  });
  const probe = subvolumeFolderProbe(
    spec.server,
    hydratedFolder(spec.repository),
    spec.name,
    marksOnServer(spec),
  );
  const look = async () => probe.parse((await host.run(`${PROBE_LIBRARY}${probe.script}`)).stdout);
  const entry = async (at: string) =>
    entryOf(await look(), snapshotName(spec.name, label(at))) ?? assert.fail(`${at} does not stand`);
  const artifacts = (check: "hash" | "deep"): Thing[] =>
    rows.map((row, index) => {
      const below = rows[index - 1];
      const at = { place: "server" as const, label: row.label, identity: row.sha256 };
      const parent = below === undefined ? null : { ...at, label: below.label, identity: below.sha256 };
      return { ...at, row, check, sizeBytes: row.sizeBytes, object: null, parent };
    });
  const snapshots = async (check: "files" | "fingerprint"): Promise<Thing[]> =>
    Promise.all(
      rows.map(async (row) => ({
        place: "hydrated" as const,
        label: row.label,
        identity: (await entry(row.label)).uuid,
        row,
        check,
        sizeBytes: 1,
        object: null,
        parent: null,
      })),
    );
  /** As it would have been taken of what is in the folder now. */
  const fingerprint = (at: string) =>
    shell(
      `${LISTING}w=$(mktemp -d); cd "$1"; list_tree | sorted -z >"$w/tree"
       { printf 'devbackup-fingerprint 1 dev@%s\\0' "$2"; cat "$w/tree"; } | zstd -q -f -o "$3"; rm -r "$w"`,
      ...[join(hydratedFolder(spec.repository), `dev@${at}`), at, fingerprintFile(spec, label(at))],
    );
  const verify = (things: readonly Thing[], on: Host = host) =>
    verifyThings({
      spec,
      things,
      record: NEVER_VERIFIED,
      since: null,
      tools: toolsFor(on),
      received: new Map(),
    });
  const states = async (things: readonly Thing[], on?: Host) =>
    (await verify(things, on)).findings.map(({ label: at, state }) => `${at} ${state}`);
  return { disk, spec, rows, look, entry, artifacts, snapshots, fingerprint, verify, states };
}

const toolsFor = (on: Host, more: Partial<Tools> = {}): Tools =>
  ({
    host: () => on,
    now: () => new Date(),
    signal: new AbortController().signal,
    progress: () => undefined,
    assertHeld: () => undefined,
    ...more,
  }) as Partial<Tools> as Tools;

/** The machine with another program in the place of one of its own. */
const withProgram = (context: TestContext, program: string, text: string): Host => {
  const bin = shell("mktemp -d").trim();
  context.after(() => shell('rm -r "$1"', bin));
  writeFileSync(join(bin, program), text, { mode: 0o755 });
  return { ...host, run: (script, options) => host.run(`PATH=${bin}:$PATH\n${script}`, options) };
};

describe("verification, on a real Btrfs", { skip: whyNoDisk() }, () => {
  test("artifacts that are whole: by hash, and down to the streams and how they stem from each other", async (context) => {
    const { spec, artifacts, verify } = repository(context);
    await verify(artifacts("hash"));
    const { findings, record } = await verify(artifacts("deep"));
    assert.deepEqual([...new Set(findings.map(({ state }) => state))], ["ok"]);
    const uuids = [...record.verified.values()].flat().map(({ streamUuid }) => streamUuid);
    assert.equal(new Set(uuids).size, 3);
    assert.deepEqual(parseRecord(readFileSync(recordFile(spec), "utf8")), record);
    assert.deepEqual(readdirSync(join(spec.repository, "tmp")), []);
  });

  test("one whose hash is the manifest's and whose stream is another's is found by the stream alone", async (context) => {
    const { spec, rows, artifacts, states, verify } = repository(context);
    const [, second = assert.fail(), third = assert.fail()] = rows;
    const path = join(spec.repository, third.localPath);
    shell('cp "$1" "$2"', join(spec.repository, second.localPath), path);
    const forged = artifacts("deep").map((thing) =>
      thing.label === third.label
        ? { ...thing, identity: second.sha256, row: { ...third, sha256: second.sha256 } }
        : thing,
    );
    assert.deepEqual(
      await states(forged.map((thing) => ({ ...thing, check: "hash" as const }))),
      LABELS.map((at) => `${at} ok`),
    );
    assert.deepEqual(await states(forged), ["2026-01 ok", "2026-02 ok", "2026-03 damaged"]);
    const { findings } = await verify(forged);
    assert.deepEqual(
      findings.map(({ asRegistered }) => asRegistered),
      [undefined, undefined, true],
    );
    // a mark would have the next plan fetch the same bytes
    assert.deepEqual(readdirSync(join(spec.repository, "tmp")), []);
    // the snapshot of another parent under the right name
    shell(
      `cd "$1"; btrfs -q send -p snapshots/dev@2026-01 snapshots/dev@2026-03 2>/dev/null | zstd -q | age -R r >"$2"`,
      ...[join(spec.repository, ".."), path],
    );
    const sha256 = sha256Of(readFileSync(path));
    const skipping = artifacts("deep").map((thing) =>
      thing.label === third.label ? { ...thing, identity: sha256, row: { ...third, sha256 } } : thing,
    );
    assert.deepEqual(await states(skipping), ["2026-01 ok", "2026-02 ok", "2026-03 damaged"]);
  });

  test("snapshots: read, or held against the fingerprint; what differs is marked, and once received anew no more", async (context) => {
    const { spec, snapshots, fingerprint, states, verify, entry } = repository(context);
    assert.deepEqual(
      await states(await snapshots("files")),
      LABELS.map((at) => `${at} ok`),
    );
    for (const at of LABELS) fingerprint(at);
    assert.deepEqual(
      await states(await snapshots("fingerprint")),
      LABELS.map((at) => `${at} ok`),
    );
    shell('cp "$1" "$2"', fingerprintFile(spec, label("2026-01")), join(spec.repository, "tmp/kept"));
    // its header names another
    shell('cp "$1" "$2"', fingerprintFile(spec, label("2026-02")), fingerprintFile(spec, label("2026-01")));
    const [foreign] = (await verify(await snapshots("fingerprint"))).findings;
    assert.equal(foreign?.state, "not-checked");
    const file = fingerprintFile(spec, label("2026-01"));
    assert.match(
      foreign?.why ?? "",
      new RegExp(`${file} is no fingerprint that this version reads; .* look at ${file}`),
    );
    shell('mv "$1" "$2"', join(spec.repository, "tmp/kept"), fingerprintFile(spec, label("2026-01")));
    shell(
      'zstd -q -d -c "$1" | sed -z "s/ f 644 / f 600 /" | zstd -q -f -o "$1.new"; mv "$1.new" "$1"',
      fingerprintFile(spec, label("2026-02")),
    );
    const { findings } = await verify(await snapshots("fingerprint"));
    assert.match(
      findings[1]?.why ?? "",
      /^2 paths not as backed up: 2026-01: other mode; 2026-02: other mode$/,
    );
    assert.equal((await entry("2026-02")).damaged, true);
    shell(
      'rm "$1"; btrfs -q subvolume snapshot -r "$2" "$3"',
      damagedSnapshotMark(spec, "dev@2026-02"),
      ...[
        join(hydratedFolder(spec.repository), "dev@2026-02"),
        join(hydratedFolder(spec.repository), "set-aside.dev@2026-02.20260401T000000Z"),
      ],
    );
    const { findings: found, record } = await verify(await snapshots("fingerprint"));
    const [, again] = found;
    assert.match(again?.why ?? "", /received anew once already/);
    assert.equal(again?.asRegistered, true);
    // it has no mark by which a plan or status would know
    const noted = parseRecord(readFileSync(recordFile(spec), "utf8"));
    assert.deepEqual([...noted.damage.values()], [...record.damage.values()]);
    assert.deepEqual(
      [...noted.damage.values()].map(({ label: at, why }) => [at, why]),
      [["2026-02", again?.why]],
    );
    assert.equal((await entry("2026-02")).damaged, undefined);
  });

  test("a file that the disk does not give is named, and what else goes wrong condemns nothing", async (context) => {
    const { snapshots, verify, entry } = repository(context);
    const failing = (why: string) =>
      withProgram(
        context,
        "tar",
        `#!/bin/sh\n[ ! -e 2026-02 ] || { echo "tar: ./2026-02: ${why}"; echo "tar: Exiting with failure status due to previous errors"; } >&2\nexec /bin/tar "$@"\n`,
      );
    const missing = await verify(await snapshots("files"), failing("Permission denied"));
    assert.deepEqual(
      missing.findings.map(({ state }) => state),
      ["ok", "not-checked", "not-checked"],
    );
    assert.equal((await entry("2026-02")).damaged, undefined);
    const spoilt = await verify(await snapshots("files"), failing("Input/output error"));
    assert.deepEqual(
      spoilt.findings.map(({ why }) => why),
      [null, ...Array(2).fill("1 file can't be read: ./2026-02: Input/output error")],
    );
    assert.equal((await entry("2026-03")).damaged, true);
    // it was the cable: the mark goes once all of it has been read
    await verify(await snapshots("files"));
    assert.equal((await entry("2026-03")).damaged, undefined);
  });

  test("what the disk has lost is found though it is in memory still, and what it is read by leaves nothing", async (context) => {
    const { disk, spec, snapshots, states, fingerprint, entry } = repository(context);
    for (const at of LABELS) fingerprint(at);
    const file = join(hydratedFolder(spec.repository), "dev@2026-02/2026-02");
    disk.spoil(file);
    // as a receive of this very run leaves it
    readFileSync(file);
    // as a run leaves it that was killed
    shell('btrfs -q subvolume snapshot "$1" "$2"', join(file, ".."), unreadFolder(spec));
    for (const check of ["fingerprint", "files"] as const) {
      const things = await snapshots(check);
      assert.deepEqual(await states(things), ["2026-01 ok", "2026-02 damaged", "2026-03 damaged"], check);
      readFileSync(file);
      shell('rm "$1"/tmp/*', spec.repository);
    }
    assert.deepEqual(readdirSync(join(spec.repository, "restore")), ["worktree_receive"]);
    const { uuid, receivedUuid } = await entry("2026-02");
    assert.ok(uuid !== "" && receivedUuid !== null);
  });

  test("one that is set aside keeps all that it holds, and the next increment is received onto the new one", async (context) => {
    const { disk, spec, rows, entry, look } = repository(context);
    const folder = hydratedFolder(spec.repository);
    const artifactOf = (at: string) => {
      const row = rows.find((each) => each.label === at) ?? assert.fail(at);
      const path = join(spec.repository, row.localPath) as AbsolutePath;
      return { path, sha256: row.sha256, damagedMark: damagedMark(spec, row) };
    };
    const setAside = async (at: string, uuid: string) => {
      const name = `dev@${at}`;
      const mark = damagedSnapshotMark(spec, name);
      writeFileSync(mark, `${uuid}\n`);
      const input = { artifact: artifactOf(at), folder, name, mark, lock: serverLock(spec) };
      const action = { host: spec.server, input } as Parameters<typeof setAsideSnapshot.run>[0];
      return setAsideSnapshot.run(action, toolsFor(host));
    };
    await assert.rejects(setAside("2026-02", "another's"), /could not be set aside/);
    // what it is to be received from again is read first: until then the chain has its parent
    const { path: artifact, damagedMark: rotten } = artifactOf("2026-02");
    shell(
      'cp -p "$1" "$1.good"; printf damage | dd of="$1" conv=notrunc bs=1 seek=200 status=none',
      artifact,
    );
    await assert.rejects(setAside("2026-02", (await entry("2026-02")).uuid), /is damaged/);
    assert.notEqual((await entry("2026-02")).receivedUuid, null);
    shell('mv "$1.good" "$1"; rm "$2"; cp -p --reflink=never "$1" "$1.good"', artifact, rotten);
    // from the disk: what is in memory still was read a moment ago
    disk.spoil(artifact);
    readFileSync(artifact);
    await assert.rejects(setAside("2026-02", (await entry("2026-02")).uuid), /can't be read to its end/);
    shell('mv "$1.good" "$1"; rm "$2"', artifact, rotten);
    const said = await setAside("2026-02", (await entry("2026-02")).uuid);
    assert.match(said ?? "", /kept as \S+\/set-aside\.dev@2026-02\.\S+; to let go of it/);
    // one that was cut off behind its first step begins again
    shell('btrfs property set -f -ts "$1" ro false', join(folder, "dev@2026-03"));
    await setAside("2026-03", (await entry("2026-03")).uuid);
    for (const at of ["2026-02", "2026-03"]) {
      assert.equal(entryOf(await look(), `dev@${at}`), undefined);
      const [aside = assert.fail()] = readdirSync(folder).filter((name) => name.includes(`aside.dev@${at}.`));
      assert.ok(readdirSync(join(folder, aside)).includes(at));
      assert.match(shell('btrfs property get -ts "$1" ro', join(folder, aside)), /ro=true/);
    }
    assert.deepEqual(readdirSync(join(spec.repository, "tmp")), []);
    shell(
      `cd "$1"; btrfs -q send -p snapshots/dev@2026-01 snapshots/dev@2026-02 2>/dev/null | btrfs -q receive "$2"
       btrfs -q send -p snapshots/dev@2026-02 snapshots/dev@2026-03 2>/dev/null | btrfs -q receive "$2"`,
      ...[disk.path, folder],
    );
    assert.equal((await entry("2026-03")).parentUuid, (await entry("2026-02")).uuid);
  });

  test("all of it from the disk, at the back of every queue, with progress; nothing is begun once it is to end", async (context) => {
    const { spec, artifacts } = repository(context);
    const seen = join(spec.repository, "seen");
    const openssl = `#!/bin/sh\n{ ionice; nice; fincore -n -b -o RES "$(readlink /proc/$$/fd/0)" | tr -d ' '; } >>${seen}\nsleep 1.5\nexec /usr/bin/openssl "$@"\n`;
    const on = withProgram(context, "openssl", openssl);
    // what is not on the disk yet can't be forgotten
    shell('sync -f "$1"; cat "$1"/artifacts/*/* >/dev/null', spec.repository);
    const told: number[] = [];
    const ending = new AbortController();
    const tools = toolsFor(on, { signal: ending.signal, progress: (bytes) => void told.push(bytes) });
    const things = artifacts("hash");
    const verifying = verifyThings({
      spec,
      things,
      record: NEVER_VERIFIED,
      since: null,
      tools,
      received: new Map(),
      told: () => ending.abort(new Error("told to end")),
    });
    await assert.rejects(verifying, /told to end/);
    assert.equal(readFileSync(seen, "utf8"), "idle\n19\n0\n");
    assert.equal(told.at(-1), things[0]?.sizeBytes);
    assert.ok(readFileSync(join(spec.repository, "locks/verify.group"), "utf8").trim().length > 0);
  });

  test("a run that is gone on with looks again at what was found damaged since", async (context) => {
    const { spec, artifacts, verify } = repository(context);
    const since = new Date(Date.now() - 60_000);
    const { record } = await verify(artifacts("hash"));
    const again = async (isMarked: boolean) => {
      const things = artifacts("hash").map((thing) => ({ ...thing, isMarked }));
      const tools = toolsFor(host);
      const { checkedBytes } = await verifyThings({
        spec,
        things,
        record,
        since,
        tools,
        received: new Map(),
      });
      return checkedBytes > 0;
    };
    assert.deepEqual([await again(false), await again(true)], [false, true]);
  });
});

test("what several processes hash at once is told as one number", async (context) => {
  const top = shell("mktemp -d /var/tmp/verified-XXXXXX").trim();
  context.after(() => shell('rm -rf "$1"', top));
  const spec = { ...declared, repository: top as AbsolutePath };
  mkdirSync(join(top, "locks"));
  const hashing = "for n in 1 2; do (head -c 65536 /dev/zero; sleep 60) | openssl dgst -sha256 & done; wait";
  const { pid = assert.fail() } = spawn("sh", ["-c", hashing], { detached: true, stdio: "ignore" });
  context.after(() => process.kill(-pid));
  writeFileSync(join(top, "locks/verify.group"), `${pid}\n`);
  shell('until [ "$(pgrep -c -x -g "$1" openssl)" = 2 ]; do sleep 0.05; done', String(pid));
  const { stdout } = await host.run(readScript(spec));
  assert.match(stdout, /^\d+\n$/);
  writeFileSync(join(top, "locks/verify.group"), "0\n");
  assert.equal((await host.run(readScript(spec))).stdout, "");
});

test("a mark or a record that can't be read is not one that is not there", async (context) => {
  const top = shell("mktemp -d /var/tmp/verified-XXXXXX").trim();
  context.after(() => shell('rm -rf "$1"', top));
  const spec = { ...declared, repository: top as AbsolutePath };
  for (const folder of ["tmp", "logs"]) mkdirSync(join(top, folder));
  writeFileSync(join(top, "tmp/a.object-damaged"), "e 2026-01-02T00:00:00.000Z note none\n");
  const { script, parse } = verifiedProbe(spec);
  const { exitCode, stdout } = await host.run(script);
  const fact = parse(stdout);
  assert.deepEqual([exitCode, fact.kind === "known" && [...fact.value.damagedObjects.keys()]], [0, ["a"]]);
  const unreadable = withProgram(context, "head", "#!/bin/sh\nexit 1\n");
  assert.notEqual((await unreadable.run(script)).exitCode, 0);
  mkdirSync(recordFile(spec));
  assert.notEqual((await host.run(script)).exitCode, 0);
});

test("of an object that is asked for its note nothing is read, and nothing counts as read", async (context) => {
  const top = shell("mktemp -d /var/tmp/verified-XXXXXX").trim();
  context.after(() => shell('rm -rf "$1"', top));
  const spec = { ...declared, repository: top as AbsolutePath };
  for (const folder of ["tmp", "logs", "locks"]) mkdirSync(join(top, folder));
  const [row = assert.fail()] = history("2026-01 full 100");
  const { sha256, sizeBytes, label: of } = row;
  const object = { key: "k", sizeBytes, etag: "e", lastModified: new Date(0) };
  const told: (number | null)[] = [];
  const tools = toolsFor(host, {
    progress: (bytes, total) => void told.push(bytes, total),
    bucket: async () =>
      ({ head: async () => ({ ...object, sha256, opaqueEtag: false }) }) as Partial<Bucket> as Bucket,
  });
  const thing: Thing = {
    place: "bucket",
    label: of,
    identity: "e",
    row,
    check: "note",
    sizeBytes,
    object,
    parent: null,
  };
  const { findings, checkedBytes } = await verifyThings({
    spec,
    things: [thing],
    record: NEVER_VERIFIED,
    since: null,
    tools,
    received: new Map(),
  });
  assert.deepEqual([findings[0]?.state, checkedBytes, told], ["ok", 0, [0, 0]]);
});
