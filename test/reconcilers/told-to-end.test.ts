import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { ingestScript } from "../../src/reconcilers/artifact/artifact-send.ts";
import { runImport } from "../../src/reconcilers/manifest/import.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { until } from "../transport/processes.ts";
import { troubleOf } from "../transport/trouble.ts";

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

  test("an import that is not what it should be, or is interrupted, leaves no copy", async (context) => {
    const top = folder(context);
    const at = (name: string) => join(top, name) as AbsolutePath;
    const host = localHost({ name: "ls" as HostName, become: "none", env: process.env });
    context.after(() => host.close());
    const take = (from: AbsolutePath, signal = new AbortController().signal) =>
      runImport(
        {
          host: host.name,
          input: {
            from,
            tmp: at("tmp/copy"),
            file: at("artifacts/file"),
            aside: at("tmp/set-aside"),
            sizeBytes: 4,
            sha256: sha256Of("good"),
          },
        } as unknown as Parameters<typeof runImport>[0],
        { host: () => host, signal, assertHeld: () => {} } as unknown as Tools,
      );
    writeFileSync(at("bad"), "evil");
    assert.equal((await troubleOf(take(at("bad")))).code, "artifact-damaged");
    assert.deepEqual(readdirSync(at("tmp")), []);
    // a file whose end is not reached for minutes, and that takes no room
    writeFileSync(at("endless"), "the beginning");
    truncateSync(at("endless"), 2 ** 40);
    const stop = new AbortController();
    const taking = take(at("endless"), stop.signal);
    await until(() => existsSync(at("tmp/copy")));
    stop.abort(new Error("enough"));
    await assert.rejects(taking, /enough/);
    assert.deepEqual(readdirSync(at("tmp")), []);
    writeFileSync(at("good"), "good");
    await take(at("good"));
    assert.deepEqual([readdirSync(at("tmp")), readFileSync(at("artifacts/file"), "utf8")], [[], "good"]);
  });
});
