import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import { renderManifest, renderRow, renderStateEnv } from "../../src/domain/manifest.ts";
import { type AbsolutePath, fileName, type HostName } from "../../src/domain/names.ts";
import type { Action } from "../../src/plan/plan.ts";
import { damagedMark } from "../../src/reconcilers/artifact/prove-script.ts";
import { signKeyFile } from "../../src/reconcilers/keys/signature.ts";
import { repositoryFolders } from "../../src/reconcilers/machine/folders.ts";
import { runMigrate } from "../../src/reconcilers/manifest/migrate.ts";
import { manifestFile, manifestProbe, stateEnvFile } from "../../src/reconcilers/manifest/store.ts";
import { writeManifest } from "../../src/reconcilers/manifest/write-manifest.ts";
import { fingerprint } from "../../src/reconcilers/proof/fingerprint.ts";
import { fingerprintFile } from "../../src/reconcilers/proof/fingerprint-files.ts";
import { workingCopyProbe } from "../../src/reconcilers/receive/working-copy-facts.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { subvolume } from "../../src/reconcilers/snapshot/subvolume.ts";
import { PROBE_LIBRARY } from "../../src/reconcilers/snapshot/subvolumes.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import type { Host } from "../../src/transport/host.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { history } from "../domain/history.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { LABELS, twoLabels } from "./two-labels.ts";
import { desired } from "./world.ts";

const [declared = assert.fail()] = desired().datasets;
const TOOLS = ["chmod", "chown", "mv", "rm", "rmdir", "sync"];

describe("a script that is killed before any one of its commands", { skip: whyNoDisk() }, () => {
  /** A machine on which the n-th call of one of the tools kills the script, and everything that it has started. */
  function place(context: TestContext): {
    spec: DatasetSpec;
    path: string;
    host: Host;
    killAt: (call: number) => void;
  } {
    const { path } = smallDisk(context);
    const [tools, count, at] = [join(path, "tools"), join(path, "count"), join(path, "at")];
    mkdirSync(tools);
    for (const tool of TOOLS) {
      const text = `#!/bin/sh
n=$(($(cat ${count}) + 1)); echo "$n" >${count}
[ "$n" != "$(cat ${at})" ] || kill -s KILL 0
PATH=\${PATH#*:}; exec ${tool} "$@"\n`;
      writeFileSync(join(tools, tool), text);
      chmodSync(join(tools, tool), 0o755);
    }
    const spec = {
      ...declared,
      repository: join(path, "repository") as AbsolutePath,
      path: join(path, "code") as AbsolutePath,
    };
    const env = { ...process.env, PATH: `${tools}:${process.env.PATH}` };
    const killAt = (call: number): void => {
      writeFileSync(count, "0\n");
      writeFileSync(at, `${call}\n`);
    };
    return { spec, path, host: localHost({ name: "ls" as HostName, become: "none", env }), killAt };
  }

  test("the manifest: the next write ends it, and no row is left waiting", async (context) => {
    const { spec, host, killAt } = place(context);
    for (const { path } of repositoryFolders(spec)) mkdirSync(path, { recursive: true });
    killAt(0);
    shell('ssh-keygen -q -t ed25519 -N "" -f "$1"', signKeyFile(spec));
    const rows = history("2026-01 full 100, 2026-02 incr 10");
    const [first = assert.fail(), row = assert.fail()] = rows;
    const [before, now] = [sha256Of(renderManifest([first])), sha256Of(renderManifest(rows))];
    const isNow = () => sha256Of(readFileSync(manifestFile(spec))) === now;
    const stateFits = () => readFileSync(stateEnvFile(spec), "utf8") === renderStateEnv(spec.name, rows);
    let killed = true;
    for (let call = 1; killed; call += 1) {
      writeFileSync(join(spec.repository, row.localPath), "x");
      writeFileSync(join(spec.repository, "tmp", `${fileName(row.localPath)}.row`), renderRow(row));
      const there = existsSync(manifestFile(spec)) ? sha256Of(readFileSync(manifestFile(spec))) : null;
      await writeManifest(host, spec, { rows: [first], onSha256: there });
      killAt(call);
      killed = await writeManifest(host, spec, { rows, row, onSha256: before }).then(
        () => false,
        () => true,
      );
      killAt(0);
      // as the next run decides it
      const { stdout } = await host.run(manifestProbe(spec).script);
      const found = manifestProbe(spec).parse(stdout);
      const { sha256, signature } = found.kind === "known" ? found.value : assert.fail();
      if (sha256 !== now) await writeManifest(host, spec, { rows, row, onSha256: before });
      else if (signature !== "good" || !stateFits()) await writeManifest(host, spec, { rows, onSha256: now });
      assert.ok(isNow() && stateFits(), `killed at call ${call}`);
      assert.deepEqual(readdirSync(join(spec.repository, "tmp")), [], `killed at call ${call}`);
      const left = readdirSync(join(spec.repository, "manifests")).filter((name) => name.endsWith(".new"));
      assert.deepEqual(left, [], `killed at call ${call}`);
      assert.ok(call < 30, "it was never not killed");
    }
  });

  test("an older tool's manifest, upgraded: wherever the new one stands, its artifacts are settled", async (context) => {
    const { spec, host, killAt } = place(context);
    for (const { path } of repositoryFolders(spec)) mkdirSync(path, { recursive: true });
    killAt(0);
    shell('ssh-keygen -q -t ed25519 -N "" -f "$1"', signKeyFile(spec));
    const older = "ts\tlabel\ttype\tparent\n";
    const rows = history("2026-01 full 4, 2026-02 incr 4");
    const now = sha256Of(renderManifest(rows));
    const at = (path: string) => join(spec.repository, path);
    const flat = (path: string) => `artifacts/${fileName(path)}`;
    const upgrade = (keepAs: string) => {
      const places = rows.map(({ label, localPath }): [typeof label, string] => [
        label,
        existsSync(at(localPath)) ? localPath : flat(localPath),
      ]);
      const migrated = { rows, from: new Map(places), leftOut: [], otherKeys: [] };
      const input = { dataset: spec, migrated, onSha256: sha256Of(older), keepAs };
      return runMigrate(
        { host: host.name, input } as unknown as Action<typeof input>,
        { host: () => host, assertHeld: () => {} } as unknown as Tools,
      );
    };
    const settled = () =>
      rows.every(
        (row) =>
          shell('stat -c "%U %a" "$1"', at(row.localPath)) === "root 440\n" &&
          !existsSync(damagedMark(spec, row)),
      );
    let killed = true;
    for (let call = 1; killed; call += 1) {
      shell('cd "$1"; rm -rf manifests/* artifacts/*/*', spec.repository);
      writeFileSync(manifestFile(spec), older);
      for (const row of rows) {
        writeFileSync(at(flat(row.localPath)), "age\n");
        shell('chown nobody "$1"', at(flat(row.localPath)));
        writeFileSync(damagedMark(spec, row), "unreadable");
      }
      killAt(call);
      killed = await upgrade("first").then(
        () => false,
        () => true,
      );
      killAt(0);
      const { stdout } = await host.run(manifestProbe(spec).script);
      const found = manifestProbe(spec).parse(stdout);
      // what the next run takes for a manifest of this version it does not upgrade again
      if (found.kind !== "known" || found.value.sha256 !== now) await upgrade("again");
      assert.ok(settled(), `killed at call ${call}`);
      assert.ok(call < 40, "it was never not killed");
    }
  });

  test("a fingerprint: the next one ends it, and nothing lies about", async (context) => {
    const { spec: at, path, host, killAt } = place(context);
    const spec = { ...at, snapshots: join(path, "snapshots") as AbsolutePath };
    for (const folder of repositoryFolders(spec)) mkdirSync(folder.path, { recursive: true });
    const [{ label } = assert.fail()] = history("2026-01 full 100");
    shell('btrfs -q subvolume create "$1"; echo x >"$1/file"; mkdir "$2"', spec.path, spec.snapshots);
    shell('btrfs -q subvolume snapshot -r "$1" "$2"', spec.path, join(spec.snapshots, `dev@${label}`));
    const tools = { host: () => host, signal: new AbortController().signal, assertHeld: () => {} };
    const take = () =>
      fingerprint.run(
        { input: { dataset: spec, label, base: null } } as unknown as Action<never>,
        tools as unknown as Tools,
      );
    const file = fingerprintFile(spec, label);
    let killed = true;
    for (let call = 1; killed; call += 1) {
      killAt(call);
      killed = await take().then(
        () => false,
        () => true,
      );
      killAt(0);
      if (!existsSync(file)) await take();
      const left = ["tmp", "fingerprints"].map((folder) => readdirSync(join(spec.repository, folder)));
      assert.deepEqual(left, [[], [fileName(file)]], `killed at call ${call}`);
      assert.deepEqual(readdirSync(spec.snapshots), [`dev@${label}`], `killed at call ${call}`);
      rmSync(file);
      assert.ok(call < 30, "it was never not killed");
    }
  });

  test("a new dataset: one that is there is its owner's", async (context) => {
    const { spec, host, killAt } = place(context);
    const create = () =>
      subvolume.run(
        {
          host: host.name,
          input: { how: "create", path: spec.path, owner: "nobody" },
        } as unknown as Action<never>,
        { host: () => host, signal: new AbortController().signal } as unknown as Tools,
      );
    let killed = true;
    for (let call = 1; killed; call += 1) {
      mkdirSync(spec.path);
      killAt(call);
      killed = await create().then(
        () => false,
        () => true,
      );
      killAt(0);
      if (killed && !(existsSync(spec.path) && statSync(spec.path).ino === 256)) await create();
      assert.equal(shell('stat -c "%U %i" "$1"', spec.path), "nobody 256\n", `killed at call ${call}`);
      assert.ok(!existsSync(`${spec.path}.devbackup-new`), `killed at call ${call}`);
      shell('rmdir "$1"', spec.path);
      assert.ok(call < 30, "it was never not killed");
    }
  });

  test("the working copy: it is noted as ours whenever it stands", async (context) => {
    const { spec: declared, host, killAt, path } = place(context);
    const spec = { ...declared, workingCopy: join(path, "work") as AbsolutePath };
    for (const folder of repositoryFolders(spec)) mkdirSync(folder.path, { recursive: true });
    const facts = async () => {
      const { stdout } = await host.run(PROBE_LIBRARY + workingCopyProbe(spec).script);
      const found = workingCopyProbe(spec).parse(stdout);
      return found.kind === "known" ? found.value : assert.fail(stdout);
    };
    const bring = twoLabels(spec, path, host);
    killAt(0);
    await bring("2026-01");
    let [killed, at] = [true, 0];
    for (let call = 1; killed; call += 1) {
      at = 1 - at;
      const label = LABELS[at] ?? assert.fail();
      killAt(call);
      killed = await bring(label).then(
        () => false,
        () => true,
      );
      killAt(0);
      const { kind, noted } = await facts();
      assert.ok(kind === "absent" || noted !== null, `killed at call ${call}: it stands there unnoted`);
      await bring(label);
      const now = await facts();
      assert.deepEqual([now.noted?.label, now.formerBeside], [label, false]);
      assert.deepEqual(readdirSync(join(spec.repository, "restore")).sort(), [
        "working_copy",
        "worktree_receive",
      ]);
      assert.ok(call < 30, "it was never not killed");
    }
  });
});
