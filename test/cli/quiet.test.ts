import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { generateX25519Identity } from "age-encryption";
import { stringify } from "yaml";
import { openTerminal } from "../../src/cli/terminal.ts";
import { renderManifest } from "../../src/domain/manifest.ts";
import { history } from "../domain/history.ts";

const ROOT = join(import.meta.dirname, "../..");
const VERSION = "data:text/javascript,globalThis.DEVBACKUP_VERSION='test'";

describe("--quiet", () => {
  let folder: string;
  before(async () => {
    folder = mkdtempSync("/tmp/quiet-");
    const repository = join(folder, "repository");
    const here = { connection: "local", become: "none" };
    // no machine can be backed up from there
    const dev = { path: "/proc/self", snapshots: "/proc/snapshots", owner: "root", repository };
    writeFileSync(
      join(folder, "devbackup.yaml"),
      stringify({
        version: 1,
        hosts: { ws: { role: "workstation", ...here }, ls: { role: "server", ...here } },
        datasets: { dev },
      }),
    );
    writeFileSync(join(folder, "plain"), `${await generateX25519Identity()}\n`, { mode: 0o644 });
    mkdirSync(join(repository, "manifests"), { recursive: true });
    writeFileSync(
      join(repository, "manifests/snapshots_v2.tsv"),
      renderManifest(history("2026-01 full 100, 2026-02 incr 10")),
    );
  });
  after(() => rmSync(folder, { recursive: true }));

  const run = (...args: string[]) =>
    spawnSync(
      process.execPath,
      ["--import", import.meta.resolve("tsx"), "--import", VERSION, "src/cli/main.ts", ...args],
      { cwd: ROOT, env: { ...process.env, HOME: folder, DEVBACKUP_CONFIG: folder }, encoding: "utf8" },
    );

  const PROBLEM = /error: dev on ws: \/proc\/self .*\n +next: /;
  const SILENT = /^$/;
  const rows: readonly {
    readonly typed: string;
    readonly exitCode: number;
    readonly stdout: RegExp;
    readonly stderr: RegExp;
  }[] = [
    // a manifest that nobody signed
    { typed: "apply -q", exitCode: 6, stdout: SILENT, stderr: PROBLEM },
    { typed: "apply -q --json", exitCode: 6, stdout: /^\{.*"event":"refused".*\}\n$/, stderr: PROBLEM },
    { typed: "apply", exitCode: 6, stdout: PROBLEM, stderr: SILENT },
    { typed: "plan -q", exitCode: 6, stdout: PROBLEM, stderr: SILENT },
    { typed: "plan -q --json", exitCode: 6, stdout: /^\{.*\}\n$/, stderr: SILENT },
    { typed: "manifest latest -q", exitCode: 0, stdout: /^2026-02\n$/, stderr: SILENT },
    { typed: "manifest list -q", exitCode: 0, stdout: /2026-01.*\n.*2026-02/, stderr: SILENT },
    { typed: "manifest chain 2026-02 -q", exitCode: 6, stdout: /2026-01/, stderr: SILENT },
    { typed: "keys show -q", exitCode: 0, stdout: /^dev on ls\n/, stderr: SILENT },
    {
      typed: "keys test -q --identity plain",
      exitCode: 6,
      stdout: /there is none/,
      stderr: /^warning: .*\n$/,
    },
    { typed: "validate -q", exitCode: 0, stdout: SILENT, stderr: SILENT },
  ];
  for (const { typed, exitCode, stdout, stderr } of rows)
    test(`${typed}: the answer, and what stands in its way`, () => {
      const ended = run(...typed.replace(/plain$/, join(folder, "plain")).split(" "));
      assert.match(ended.stdout, stdout);
      assert.match(ended.stderr, stderr);
      assert.equal(ended.status, exitCode, ended.stdout + ended.stderr);
    });

  const words: readonly {
    readonly how: "answer" | "say" | "refuse" | "warn";
    readonly plain: string;
    readonly quiet: string;
    readonly json: string;
    readonly both: string;
  }[] = [
    { how: "answer", plain: "out: x", quiet: "out: x", json: "err: x", both: "" },
    { how: "say", plain: "out: x", quiet: "", json: "err: x", both: "" },
    { how: "refuse", plain: "out: x", quiet: "err: x", json: "err: x", both: "err: x" },
    {
      how: "warn",
      plain: "err: warning: x\n",
      quiet: "err: warning: x\n",
      json: "err: warning: x\n",
      both: "err: warning: x\n",
    },
  ];
  for (const { how, ...ways } of words)
    for (const [way, expected] of Object.entries(ways))
      test(`${how} with ${way}`, () => {
        const quiet = way === "quiet" || way === "both";
        const json = way === "json" || way === "both";
        assert.equal(
          written(() => openTerminal({ quiet, json, color: false })[how]("x")),
          expected,
        );
      });
});

/** What `say` writes, and where. */
function written(say: () => void): string {
  let found = "";
  const [out, err] = [process.stdout.write, process.stderr.write];
  const into = (name: string) => (text: string | Uint8Array) => {
    found += `${name}: ${text}`;
    return true;
  };
  process.stdout.write = into("out");
  process.stderr.write = into("err");
  try {
    say();
  } finally {
    process.stdout.write = out;
    process.stderr.write = err;
  }
  return found;
}
