import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");

/** A command that waits for what never comes, with nothing open that could still bring it. */
const WAITS_FOREVER = `
  import { Command } from ${JSON.stringify(import.meta.resolve("commander"))};
  globalThis.DEVBACKUP_VERSION = "test";
  Command.prototype.parseAsync = () => new Promise(() => {});`;

test("a run that ends with its command unfinished, because nothing is left to wait for, is no success, and is told", () => {
  const preloaded = `data:text/javascript,${encodeURIComponent(WAITS_FOREVER)}`;
  for (const args of [["validate"], ["ws", "run-month", "--label", "2026-01"]]) {
    const { status, signal, stderr } = spawnSync(
      process.execPath,
      ["--import", import.meta.resolve("tsx"), "--import", preloaded, "src/cli/main.ts", ...args],
      { cwd: ROOT, encoding: "utf8" },
    );
    assert.deepEqual({ status, signal }, { status: 1, signal: null }, args.join(" "));
    assert.match(stderr, /this is a defect of devbackup.*waits for what never comes/s);
  }
});
