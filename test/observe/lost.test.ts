import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import { renderManifest } from "../../src/domain/manifest.ts";
import { observe } from "../../src/observe/observe.ts";
import { identityFile } from "../../src/reconcilers/keys/key-files.ts";
import { keys } from "../../src/reconcilers/keys/keys.ts";
import { signKeyFile } from "../../src/reconcilers/keys/signature.ts";
import { manifestFile } from "../../src/reconcilers/manifest/store.ts";
import type { Host } from "../../src/transport/host.ts";
import { history } from "../domain/history.ts";
import { makeServer, type Server } from "../reconcilers/server.ts";
import { signed } from "../reconcilers/signed.ts";
import { recovered } from "../reconcilers/wiped.ts";
import { desired } from "../reconcilers/world.ts";

const WITHOUT_AGE = 'command() { case $2 in age*) return 1 ;; *) type "$2" >/dev/null ;; esac; }';

interface Row {
  readonly name: string;
  readonly happens: (spec: DatasetSpec) => void;
  readonly opened: boolean;
  /** Stands before every probe: functions in a command's place. */
  readonly before?: string;
}

const rows: readonly Row[] = [
  { name: "nothing", happens: () => {}, opened: false },
  { name: "the age identity", happens: (spec) => rmSync(identityFile(spec)), opened: true },
  { name: "the sign key", happens: (spec) => rmSync(signKeyFile(spec)), opened: true },
  { name: "what was in the age identity", happens: (spec) => spoil(identityFile(spec)), opened: true },
  { name: "what was in the sign key", happens: (spec) => spoil(signKeyFile(spec)), opened: true },
  { name: "the manifest", happens: (spec) => rmSync(manifestFile(spec)), opened: true },
  // the server's own keys open the bucket's
  { name: "what was in the manifest", happens: (spec) => spoil(manifestFile(spec)), opened: false },
  { name: "age, which would tell", happens: () => {}, opened: false, before: WITHOUT_AGE },
  { name: "sha256sum, which would tell", happens: () => {}, opened: false, before: "sha256sum() { :; }" },
];

for (const { name, happens, opened, before } of rows)
  test(`with ${name} lost, the escrow is ${opened ? "opened" : "left alone"}`, async (context) => {
    const server = makeServer(context);
    await furnish(server);
    happens(server.spec);
    assert.equal(await opensEscrow(server.spec, before), opened);
  });

const spoil = (file: string): void => {
  rmSync(file);
  writeFileSync(file, "cut off", { mode: 0o400 });
};

async function furnish(server: Server): Promise<void> {
  const { spec } = server;
  await server.run(keys, { how: "create", dataset: spec });
  await signed(server);
  mkdirSync(server.path("artifacts"));
  writeFileSync(manifestFile(spec), renderManifest(history("2026-01 full 100")));
}

async function opensEscrow(spec: DatasetSpec, before = ""): Promise<boolean> {
  let opened = false;
  const host: Partial<Host> = {
    name: spec.server,
    run: async (script) => {
      const { status, stdout, stderr } = spawnSync("sh", ["-c", `${before}\n${script}`], {
        encoding: "utf8",
      });
      return { exitCode: status ?? -1, stdout, stderr };
    },
  };
  const { datasets } = await observe({
    desired: { ...desired(), cloud: null, datasets: [spec] },
    host: async () => host as Host,
    bucket: () => assert.fail("none is declared"),
    nonce: "c0ffee",
    now: new Date(),
    hosts: new Set([spec.server]),
    target: null,
    recover: async () => {
      opened = true;
      return recovered("2026-01 full 100");
    },
    reopen: () => assert.fail("no bucket is declared"),
    recall: async () => ({ kind: "absent" }),
  });
  assert.equal(datasets.get(spec.name)?.key.kind, "known", "it was looked at");
  return opened;
}
