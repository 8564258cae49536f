import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { absent, known, unknown } from "../../src/domain/fact.ts";
import { renderManifest, renderStateEnv } from "../../src/domain/manifest.ts";
import type { Migration } from "../../src/domain/migrate.ts";
import type { DevbackupError } from "../../src/domain/trouble.ts";
import type { DatasetFacts } from "../../src/reconcilers/facts.ts";
import {
  migrateAction,
  notToMigrate,
  readOlder,
  runMigrate,
} from "../../src/reconcilers/manifest/migrate.ts";
import {
  manifestFile,
  manifestProbe,
  olderManifestFile,
  storeProbe,
} from "../../src/reconcilers/manifest/store.ts";
import type { Reconciler, Tools } from "../../src/reconcilers/reconciler.ts";
import { serverView } from "../../src/reconcilers/server-view.ts";
import type { View } from "../../src/reconcilers/view.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import { DEV, history } from "../domain/history.ts";
import { bucketWith, ROWS, seen } from "./damages.ts";
import { store, THREE } from "./rows.ts";
import { makeServer, type Server } from "./server.ts";
import { signed } from "./signed.ts";
import { type Case, lookAt } from "./world.ts";

const rows = history("2024-01 full 4, 2024-02 incr 4");
const OLD =
  "ts\tlbel\ttype\tparent\r\n2024-01-31T03:00:00Z\t2024-01\tanchor\t\r\n\t2024-02\tincremental\t2024-01\r\n";
const FLAT = "artifacts/dev@2024-01.full.send.zst.age";
const migrated: Migration = {
  rows,
  from: new Map(rows.map(({ label, localPath }) => [label, label === "2024-01" ? FLAT : localPath])),
  leftOut: [],
  otherKeys: [],
};
const migrate = { run: runMigrate } as Reconciler<Parameters<typeof runMigrate>[0]["input"]>;
const input = (server: Server, keepAs = "20260101T000000Z") => ({
  dataset: server.spec,
  migrated,
  onSha256: sha256Of(OLD),
  keepAs,
});
// no test of these scripts is root's
const asRoot = { before: "chown() { :; }" };
const tools: Partial<Tools> = { assertHeld: () => undefined };

async function older(server: Server, name = "snapshots_v2.tsv"): Promise<void> {
  for (const path of [FLAT, rows[1]?.localPath ?? ""]) {
    mkdirSync(dirname(server.path(path)), { recursive: true });
    writeFileSync(server.path(path), "age\n");
  }
  mkdirSync(server.path("artifacts/anchors"));
  writeFileSync(server.path("manifests", name), OLD);
  await signed(server);
}

test("the new manifest is signed, the old one stays beside it, and a file comes to where it belongs", async (context) => {
  const server = makeServer(context).with(asRoot);
  await older(server);
  const before = server.look(manifestProbe(server.spec));
  assert.equal(before.kind === "known" && before.value.older, true);
  await server.run(migrate, input(server), tools);

  const manifest = server.look(manifestProbe(server.spec));
  assert.deepEqual(
    manifest.kind === "known" && [manifest.value.reading, manifest.value.signature, manifest.value.older],
    [{ kind: "valid", rows }, "good", undefined],
  );
  assert.equal(readFileSync(server.path("manifests/snapshots_v2.tsv.before-20260101T000000Z"), "utf8"), OLD);
  assert.equal(readFileSync(server.path("manifests/state.env"), "utf8"), renderStateEnv(DEV, rows));
  const store = server.look(storeProbe(server.spec));
  assert.deepEqual(
    store.kind === "known" && [...store.value.files.keys()].sort(),
    rows.map(({ localPath }) => localPath).sort(),
  );
});

test("one that was kept before is never written over: then the manifest stays", async (context) => {
  const server = makeServer(context).with(asRoot);
  await older(server);
  writeFileSync(server.path("manifests/snapshots_v2.tsv.before-20260101T000000Z"), "an earlier one");
  await assert.rejects(
    server.run(migrate, input(server), tools),
    (error: DevbackupError) => error.trouble.next === "devbackup manifest migrate",
  );
  assert.equal(readFileSync(server.path("manifests/snapshots_v2.tsv"), "utf8"), OLD);
  assert.equal(
    readFileSync(server.path("manifests/snapshots_v2.tsv.before-20260101T000000Z"), "utf8"),
    "an earlier one",
  );
  // the file is in its place by now, and the next run finds it there
  const again = { ...migrated, from: new Map() };
  await server.run(migrate, { ...input(server, "20260101T000001Z"), migrated: again }, tools);
  assert.equal(readFileSync(server.path("manifests/snapshots_v2.tsv"), "utf8"), renderManifest(rows));
});

test("a file is not moved onto another", async (context) => {
  const server = makeServer(context).with(asRoot);
  await older(server);
  writeFileSync(server.path(rows[0]?.localPath ?? ""), "another");
  await assert.rejects(server.run(migrate, input(server), tools), /could not be moved/);
  assert.equal(readFileSync(server.path(FLAT), "utf8"), "age\n");
  assert.equal(readFileSync(server.path("manifests/snapshots_v2.tsv"), "utf8"), OLD);
});

test("the older manifest is read in either place, with the hash of its bytes; another file is none", async (context) => {
  const server = makeServer(context);
  const read = async (file: typeof manifestFile) => {
    let found: Awaited<ReturnType<typeof readOlder>> = null;
    const reader = {
      run: async (_: unknown, given: Tools) => {
        found = await readOlder(server.spec, file(server.spec), given);
        return null;
      },
    };
    await server.run(reader as unknown as Reconciler<null>, null);
    return found as Awaited<ReturnType<typeof readOlder>>;
  };
  assert.equal(await read(manifestFile), null);
  writeFileSync(server.path("manifests/snapshots_v2.tsv"), "PATH=/bin\n");
  assert.equal(await read(manifestFile), null);
  writeFileSync(server.path("manifests/snapshots.tsv"), `${OLD}# caf\u00e9, in another coding`, "latin1");
  const found = await read(olderManifestFile);
  assert.deepEqual(
    found?.rows.map(({ label, line }) => `${line} ${label}`),
    ["2 2024-01", "3 2024-02"],
  );
  assert.equal(found?.sha256, sha256Of(readFileSync(server.path("manifests/snapshots.tsv"))));
  const store = server.look(storeProbe(server.spec));
  assert.equal(store.kind === "known" && store.value.older, true);
  assert.deepEqual(readdirSync(server.path("manifests")).sort(), ["snapshots.tsv", "snapshots_v2.tsv"]);
});

test("a key that is made beside an older tool's manifest, under either name, is known to be younger until it has signed", async (context) => {
  for (const name of ["snapshots.tsv", "snapshots_v2.tsv"]) {
    const server = makeServer(context).with(asRoot);
    const store = () => {
      const seen = server.look(storeProbe(server.spec));
      return seen.kind === "known" ? [seen.value.keyIsYounger, seen.value.signature] : assert.fail(seen.kind);
    };
    await older(server, name);
    assert.deepEqual(store(), [true, undefined]);
    await server.run(
      migrate,
      { ...input(server), ...(name === "snapshots.tsv" && { onSha256: null }) },
      tools,
    );
    assert.deepEqual(store(), [undefined, true]);
    // lost, ours leaves its signature; and gone as well, nothing says that the key is younger
    rmSync(server.path("manifests/snapshots_v2.tsv"));
    assert.deepEqual(store(), [undefined, true]);
    rmSync(server.path("manifests/snapshots_v2.tsv.sig"));
    assert.deepEqual(store(), [undefined, undefined]);
  }
});

const EMPTY = bucketWith(undefined, new Map());
/** A server whose one manifest is an older tool's, as `snapshots.tsv`. */
const viewOf = (given: Partial<Case>, change: Partial<DatasetFacts> = {}): View => {
  const { desired, observed } = lookAt({
    ...{ rows: THREE, target: "2026-03", bucket: EMPTY, ...given },
    change: {
      manifest: absent,
      store: known({ ...store, older: true, keyIsYounger: true }),
      ...change,
    },
  });
  return serverView(desired, desired.datasets[0] ?? assert.fail(), observed);
};
const actionOf = (view: View) =>
  migrateAction(
    view,
    { file: olderManifestFile(view.spec), sha256: sha256Of(OLD), rows: [] },
    { ...migrated, rows: ROWS, from: new Map() },
  );

test("asked for by name where the bucket, which may hold a signed one, can't be looked at", () => {
  assert.equal(actionOf(viewOf({}))?.hazard, "none");
  assert.equal(actionOf(viewOf({ cloud: false }))?.hazard, "none");
  const unseen = actionOf(viewOf({ bucket: unknown("timed out") }));
  assert.equal(unseen?.hazard, "destructive");
  assert.match(unseen?.details.join("\n") ?? "", /whether the bucket holds one .* can't be told: timed out/);
});

test("refused where a manifest of this version was signed, whoever knows of it", () => {
  assert.equal(notToMigrate(viewOf({})), undefined);
  for (const [view, code, text] of [
    [
      viewOf({ memory: seen("2026-03") }),
      "manifest-rolled-back",
      /this machine has seen it with dev@2026-03/,
    ],
    [viewOf({ bucket: bucketWith() }), "manifest-lost", /the bucket holds one that was signed/],
    [
      viewOf({}, { store: known({ ...store, older: true }) }),
      "manifest-lost",
      /a key that signs it is known/,
    ],
  ] as const) {
    const refused = notToMigrate(view);
    assert.deepEqual([refused?.code, refused?.exitCode], [code, 6]);
    assert.match(refused?.text ?? "", text);
    // nor is it begun where that has come up since it was asked for
    assert.equal(actionOf(view), null);
  }
});

test("a shell that reads state.env has its variables, and runs nothing", async (context) => {
  const server = makeServer(context).with(asRoot);
  await older(server);
  await server.run(migrate, input(server), tools);
  const file = server.path("manifests/state.env");
  const shell = (script: string) =>
    spawnSync("/bin/sh", ["-eu", "-c", script, "sh", file], { encoding: "utf8", env: { PATH: "" } });
  const { stdout, stderr } = shell(
    '. "$1"; echo "$DATASET $LATEST_LABEL $LATEST_TYPE $LATEST_PARENT $LATEST_ARTIFACT $ANCHOR_LABEL $ARTIFACTS"',
  );
  assert.equal(stderr, "");
  assert.equal(stdout, `dev 2024-02 incr 2024-01 ${rows[1]?.localPath} 2024-01 2\n`);
  // whatever a value could be, no shell finds more in it than a word
  for (const line of readFileSync(file, "utf8").trim().split("\n"))
    assert.match(line, /^[A-Z_]+=[A-Za-z0-9@._/-]*$/);
});
