import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import { artifactPath } from "../../src/domain/artifact.ts";
import type { Label } from "../../src/domain/label.ts";
import { type ManifestRow, renderManifest } from "../../src/domain/manifest.ts";
import type { AbsolutePath, Sha256 } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import type { Action } from "../../src/plan/plan.ts";
import { damagedMark } from "../../src/reconcilers/artifact/prove-script.ts";
import { identityFile } from "../../src/reconcilers/keys/key-files.ts";
import { hydratedFolder, repositoryFolders } from "../../src/reconcilers/machine/folders.ts";
import { manifestFile } from "../../src/reconcilers/manifest/store.ts";
import { drill } from "../../src/reconcilers/proof/drill.ts";
import { drillFolder, drillScript } from "../../src/reconcilers/proof/drill-script.ts";
import { drillsProbe } from "../../src/reconcilers/proof/drills.ts";
import { fingerprint } from "../../src/reconcilers/proof/fingerprint.ts";
import { fingerprintFile } from "../../src/reconcilers/proof/fingerprint-files.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { label } from "../domain/history.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { desired } from "./world.ts";

const [declared = assert.fail()] = desired().datasets;
const LABELS = ["2026-01", "2026-02", "2026-03"].map(label);
const [FIRST = assert.fail(), SECOND = assert.fail(), NEWEST = assert.fail()] = LABELS;

describe("a drill, on a real Btrfs", { skip: whyNoDisk() }, () => {
  /** Three months in a repository, the last two hydrated; snapshots where the workstation has them. */
  async function place(context: TestContext, mebibytes = 600, kibibytes = 200) {
    const { path: disk, fill, spoil } = smallDisk(context, mebibytes);
    const at = (...inside: string[]) => join(disk, ...inside) as AbsolutePath;
    const spec: DatasetSpec = {
      ...declared,
      path: at("code"),
      snapshots: at("snapshots"),
      repository: at("repository"),
    };
    mkdirSync(spec.snapshots);
    for (const { path } of repositoryFolders(spec)) mkdirSync(path, { recursive: true });
    const identity = identityFile(spec);
    shell('age-keygen 2>/dev/null >"$1"; btrfs -q subvolume create "$2"', identity, spec.path);
    const host = localHost({ name: spec.server, become: "none", env: process.env });
    context.after(() => host.close());
    const tools = {
      host: () => host,
      signal: new AbortController().signal,
      assertHeld: () => {},
      now: () => new Date(),
    } as unknown as Tools;
    const rows: ManifestRow[] = [];
    for (const [index, each] of LABELS.entries()) {
      shell(
        'head -c "$3K" /dev/urandom >"$1/$2"; echo "$2" >>"$1/notes"',
        spec.path,
        each,
        String(kibibytes),
      );
      shell('btrfs -q subvolume snapshot -r "$1" "$2/dev@$3"', spec.path, spec.snapshots, each);
      const parent = LABELS[index - 1] ?? null;
      const localPath = artifactPath({ dataset: spec.name, label: each, parent });
      const file = join(spec.repository, localPath);
      shell(
        'p=; [ -z "$4" ] || p="-p $2/dev@$4"; btrfs -q send $p "$2/dev@$1" | zstd -q | age -r "$(age-keygen -y "$5")" >"$3"',
        ...[each, spec.snapshots, file, parent ?? "", identity],
      );
      const [sha256 = ""] = shell('sha256sum "$1"', file).split(" ");
      const sizeBytes = readFileSync(file).length;
      rows.push({
        ts: "2026-01-01T00:00:00Z",
        label: each,
        parent,
        sizeBytes,
        localPath,
        objectKey: null,
        sha256: sha256 as Sha256,
      });
      shell(
        'age -d -i "$1" "$2" | zstd -q -d | btrfs -q receive "$3"',
        ...[identity, file, hydratedFolder(spec.repository)],
      );
      await fingerprint.run({ input: { dataset: spec, label: each, base: null } } as Action<never>, tools);
    }
    writeFileSync(manifestFile(spec), renderManifest(rows));
    const script = drillsProbe(spec);
    return {
      spec,
      host,
      fill,
      spoil,
      rows,
      artifact: (of: Label) =>
        join(spec.repository, rows.find((row) => row.label === of)?.localPath ?? assert.fail()),
      run: (of: Label | null, on = host) =>
        drill.run({ host: spec.server, input: { dataset: spec, label: of } } as Action<never>, {
          ...tools,
          host: () => on,
        }),
      facts: async () => {
        const fact = script.parse((await host.run(script.script)).stdout);
        return fact.kind === "known" ? fact.value : assert.fail();
      },
      /** That it has left nothing, and touched nothing of what is hydrated. */
      isClean: () => {
        assert.deepEqual(readdirSync(join(spec.repository, "restore")), ["worktree_receive"]);
        assert.deepEqual(
          readdirSync(join(spec.repository, "tmp")).filter((name) => !name.endsWith(".damaged")),
          [],
        );
        assert.deepEqual(
          readdirSync(hydratedFolder(spec.repository)),
          LABELS.map((each) => `dev@${each}`),
        );
        assert.equal(shell("losetup -nO BACK-FILE; mount").includes(drillFolder(spec)), false);
      },
    };
  }
  const refused = (pattern: RegExp, code: string, exitCode: number) => (error: unknown) => {
    assert(error instanceof DevbackupError);
    assert.match(`${error.trouble.what}\n${error.trouble.why}`, pattern);
    assert.deepEqual([error.trouble.code, error.trouble.exitCode], [code, exitCode]);
    return true;
  };

  test("the newest label, from its anchor on, is what was backed up; what is hydrated has no part in it", async (context) => {
    const { run, facts, isClean, spec, rows } = await place(context);
    // were it taken for a parent, this would come out
    shell(
      'cd "$1/dev@2026-02"; btrfs property set -f -ts . ro false; echo worse >notes',
      hydratedFolder(spec.repository),
    );
    assert.match(
      (await run(NEWEST)) ?? "",
      /^the same as what was backed up: 4 files, 600 KiB, from 3 artifacts \(.* KiB\) in /,
    );
    isClean();
    const { proofs, left } = await facts();
    const [proof = assert.fail()] = proofs;
    assert.equal(left, false);
    assert.deepEqual(
      { ...proof, durationMs: 0, tree: proof.tree?.files },
      {
        label: NEWEST,
        at: proof.at,
        result: "same",
        durationMs: 0,
        tree: 4,
        why: [],
        artifacts: { count: 3, bytes: rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) },
      },
    );
    assert.ok(proof.durationMs > 0 && proof.durationMs < 60_000);
  });

  test("an older label without a fingerprint is restored, and that is all that is claimed", async (context) => {
    const { run, facts, isClean, spec } = await place(context);
    shell('rm "$1"', fingerprintFile(spec, SECOND));
    assert.match(
      (await run(SECOND)) ?? "",
      /^restored; there is no fingerprint of 2026-02 .*: 3 files, 400 KiB, from 2/,
    );
    assert.equal((await facts()).proofs.at(-1)?.result, "restored");
    isClean();
  });

  test("a fingerprint that says otherwise is told path by path, and is no proof", async (context) => {
    const { run, facts, isClean, spec } = await place(context);
    const file = fingerprintFile(spec, NEWEST);
    shell(
      'zstd -q -d -c "$1" | sed -z "s/^[0-9a-f]*\\( f .*notes\\)/$(printf %064d 1)\\1/; s/ 644 \\(.*2026-01\\)/ 600 \\1/" | zstd -q >"$1.x"; mv -f "$1.x" "$1"',
      file,
    );
    await assert.rejects(
      run(NEWEST),
      refused(
        /2026-03, restored.*2 paths differ\n(2026-01: other mode\nnotes: other contents)/s,
        "drill-differs",
        6,
      ),
    );
    const proof = (await facts()).proofs.at(-1);
    assert.deepEqual(
      [proof?.result, proof?.why],
      ["differs", ["2026-01: other mode", "notes: other contents"]],
    );
    isClean();
  });

  test("a flipped bit in an artifact of the chain: named, and marked for the next apply", async (context) => {
    const { run, facts, isClean, spec, artifact, rows } = await place(context);
    shell('printf damage | dd of="$1" bs=1 seek=5000 conv=notrunc status=none', artifact(SECOND));
    await assert.rejects(
      run(NEWEST),
      refused(/dev@2026-02\S+ is damaged: its SHA-256 is not/, "artifact-damaged", 6),
    );
    assert.ok(existsSync(damagedMark(spec, rows[1] ?? assert.fail())));
    const proof = (await facts()).proofs.at(-1);
    assert.equal(proof?.result, "failed");
    assert.match(proof?.why.join() ?? "", /incr\/dev@2026-02\S+ is damaged/);
    isClean();
  });

  test("an artifact that the disk has lost, and memory has not, is found", async (context) => {
    const { run, facts, isClean, spec, artifact, rows, spoil } = await place(context);
    spoil(artifact(SECOND));
    readFileSync(artifact(SECOND));
    await assert.rejects(
      run(NEWEST),
      refused(/dev@2026-02\S+ is damaged: it can't be read to its end/, "artifact-damaged", 6),
    );
    assert.ok(existsSync(damagedMark(spec, rows[1] ?? assert.fail())));
    assert.equal((await facts()).proofs.at(-1)?.result, "failed");
    isClean();
  });

  test("a chain that can't be received is a drill that failed; one that has no room, none at all", async (context) => {
    const { run, facts, isClean, spec, artifact, rows, fill } = await place(context);
    // a whole stream, and its hash the manifest's, but of nothing that is there
    shell(
      'head -c 100K /dev/urandom | zstd -q | age -r "$(age-keygen -y "$1")" >"$2"',
      identityFile(spec),
      artifact(SECOND),
    );
    const [sha256 = ""] = shell('sha256sum "$1"', artifact(SECOND)).split(" ");
    const changed = rows.map((row) => (row.label === SECOND ? { ...row, sha256: sha256 as Sha256 } : row));
    writeFileSync(manifestFile(spec), renderManifest(changed));
    await assert.rejects(
      run(NEWEST),
      refused(/2026-03 can't be restored from its artifacts: .*dev@2026-02/, "not-restored", 6),
    );
    assert.equal((await facts()).proofs.at(-1)?.result, "failed");
    isClean();
    fill(100 * 1024 ** 2);
    await assert.rejects(
      run(FIRST),
      refused(/no room.*\n.* MiB free, and at least \d+ MiB needed/s, "no-space", 1),
    );
    assert.equal((await facts()).proofs.length, 1);
    isClean();
  });

  test("a Btrfs quota that leaves no room, before or in the middle of it, is no proof that a label can't be restored", async (context) => {
    const { run, facts, isClean, spec, host } = await place(context, 700, 8192);
    const top = join(spec.repository, "..");
    const limit = `sync -f "$1"; u=$(btrfs qgroup show --raw "$1" | awk '$1 == "0/5" {print $2}'); btrfs qgroup limit $((u + $2)) 0/5 "$1"`;
    shell('sync -f "$1"; btrfs quota enable "$1"; btrfs quota rescan -w "$1" >/dev/null', top);
    shell(limit, top, String(100 * 1024 ** 2));
    await assert.rejects(
      run(NEWEST),
      refused(/no room.*\n\d+ MiB left of the Btrfs quota, and at least \d+ MiB needed/s, "no-space", 1),
    );
    isClean();
    shell('btrfs qgroup limit none 0/5 "$1"', top);
    // somebody else takes it while the first artifact is received
    const bin = shell("mktemp -d").trim();
    context.after(() => shell('rm -r "$1"', bin));
    const zstd = `#!/bin/sh\n[ -e ${bin}/taken ] || { : >${bin}/taken; set -- ${top} 3000000; ${limit}; set -- -q -d -c; }\nexec /usr/bin/zstd "$@"\n`;
    writeFileSync(join(bin, "zstd"), zstd, { mode: 0o755 });
    const taking = { ...host, run: (script: string) => host.run(`PATH=${bin}:$PATH\n${script}`) };
    await assert.rejects(run(NEWEST, taking), refused(/no room.*Disk quota exceeded/s, "no-space", 1));
    shell('btrfs qgroup limit none 0/5 "$1"', top);
    assert.deepEqual((await facts()).proofs, []);
    assert.match((await run(NEWEST)) ?? "", /^the same/);
    isClean();
  });

  test("one that was killed has left its files and no mount; it is ended, and they go, with the next or without", async (context) => {
    const { run, facts, isClean, spec } = await place(context);
    const kill = async () => {
      // slow enough to be cut off in the middle
      const slow = drillScript(spec, NEWEST).replace(
        "begun=$(milliseconds)",
        "sleep 60; begun=$(milliseconds)",
      );
      const child = spawn("sh", ["-c", slow], { detached: true, stdio: "ignore" });
      const gone = new Promise((resolve) => child.once("exit", resolve));
      while (!shell("losetup -nO BACK-FILE").includes(drillFolder(spec)))
        await new Promise((done) => setTimeout(done, 50));
      return { gone, pid: child.pid ?? assert.fail() };
    };
    const first = await kill();
    process.kill(-first.pid, "SIGKILL");
    await first.gone;
    assert.equal((await facts()).left, true);
    assert.equal(await run(null), null);
    assert.equal((await facts()).left, false);
    const second = await kill();
    assert.match((await run(NEWEST)) ?? "", /^the same/);
    await second.gone;
    isClean();
  });
});
