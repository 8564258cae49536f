import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { renderManifest } from "../../src/domain/manifest.ts";
import type { AbsolutePath } from "../../src/domain/names.ts";
import type { Action } from "../../src/plan/plan.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { register } from "../../src/reconcilers/register.ts";
import type { Host } from "../../src/transport/host.ts";
import { history } from "../domain/history.ts";
import { desired } from "./world.ts";

const [spec = assert.fail()] = desired().datasets;
const rows = history("2026-01 full 100, 2026-02 incr 10");

/** Writes a manifest that is new, and gives what stands there then; `arrives` of what was sent reaches the script. */
async function write(repository: AbsolutePath, arrives: (stdin: string) => string): Promise<string> {
  const host: Partial<Host> = {
    name: spec.server,
    run: async (script, { stdin = "" } = {}) => {
      const { status, stdout, stderr } = spawnSync("sh", ["-c", script], {
        input: arrives(String(stdin)),
        encoding: "utf8",
      });
      return { exitCode: status ?? -1, stdout, stderr };
    },
  };
  const input = { dataset: { ...spec, repository }, rows, onSha256: null, row: null };
  const tools: Partial<Tools> = { host: () => host as Host };
  await register.run(
    { id: "manifest:dev", host: spec.server, input } as unknown as Action<never>,
    tools as Tools,
  );
  return readFileSync(join(repository, "manifests/snapshots_v2.tsv"), "utf8");
}

test("a manifest is written whole, or what stands there stays", async (context) => {
  const repository = mkdtempSync("/tmp/register-") as AbsolutePath;
  context.after(() => rmSync(repository, { recursive: true }));
  mkdirSync(join(repository, "manifests"));
  for (const lost of [1, 100, 400])
    await assert.rejects(
      write(repository, (stdin) => stdin.slice(0, -lost)),
      /could not be written/,
    );
  assert.throws(() => readFileSync(join(repository, "manifests/snapshots_v2.tsv")), /ENOENT/);
  assert.equal(await write(repository, (stdin) => stdin), renderManifest(rows));
  writeFileSync(join(repository, "manifests/snapshots_v2.tsv"), "another's");
  await assert.rejects(
    write(repository, (stdin) => stdin),
    /could not be written/,
  );
});
