import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { renderManifest } from "../../src/domain/manifest.ts";
import { register } from "../../src/reconcilers/register.ts";
import { history } from "../domain/history.ts";
import { makeServer, type Server } from "./server.ts";
import { signed } from "./signed.ts";

const rows = history("2026-01 full 100, 2026-02 incr 10");

/** Writes a manifest that is new, and gives what stands there then. */
async function write(server: Server): Promise<string> {
  await server.run(register, { dataset: server.spec, rows, onSha256: null, row: null });
  return readFileSync(server.path("manifests/snapshots_v2.tsv"), "utf8");
}

test("a manifest is written whole, or what stands there stays", async (context) => {
  const server = makeServer(context);
  await signed(server);
  for (const lost of [1, 100, 400])
    await assert.rejects(
      write(server.with({ arrives: (stdin) => stdin.slice(0, -lost) })),
      /could not be written/,
    );
  assert.throws(() => readFileSync(server.path("manifests/snapshots_v2.tsv")), /ENOENT/);
  assert.equal(await write(server), renderManifest(rows));
  writeFileSync(server.path("manifests/snapshots_v2.tsv"), "another's");
  await assert.rejects(write(server), /could not be written/);
});
