import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { AbsolutePath } from "../../src/domain/names.ts";
import { ingestScript } from "../../src/reconcilers/artifact-send.ts";
import { until } from "../transport/processes.ts";

const noRoot = process.getuid?.() !== 0 ? "needs root: a /run of its own is mounted" : false;

describe("a script that is told to end", { skip: noRoot }, () => {
  const folder = (context: TestContext): string => {
    const path = mkdtempSync("/tmp/told-to-end-");
    context.after(() => rmSync(path, { recursive: true }));
    return path;
  };

  test("what takes an artifact in leaves nothing in /run", async (context) => {
    const top = folder(context);
    const run = join(top, "run");
    mkdirSync(run);
    const script = ingestScript(join(top, "artifact") as AbsolutePath);
    const inRun = ["-m", "sh", "-c", 'mount --bind "$1" /run; exec sh -c "$2"', "sh", run, script];
    const child = spawn("unshare", inRun, { detached: true, stdio: ["pipe", "ignore", "ignore"] });
    const ended = once(child, "exit");
    child.stdin.write("the beginning");
    await until(() => readdirSync(run).some((name) => existsSync(join(run, name, "sha256"))));
    // as a run that is interrupted does it on a host
    process.kill(-(child.pid ?? assert.fail()), "SIGTERM");
    await ended;
    assert.deepEqual(readdirSync(run), []);
  });
});
