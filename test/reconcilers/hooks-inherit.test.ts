import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Argv, DatasetSpec } from "../../src/desired-state/desired-state.ts";
import type { AbsolutePath, DatasetName, HostName } from "../../src/domain/names.ts";
import { runAfterApplyHook } from "../../src/reconcilers/hooks/after-apply.ts";
import { takeBetween } from "../../src/reconcilers/hooks/around-snapshot.ts";
import type { Hook } from "../../src/reconcilers/hooks/hook.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { fenced, fencePreface } from "../../src/transport/fence.ts";
import { localHost } from "../../src/transport/local-host.ts";

// a daemon that a hook leaves behind would hold whatever of a lock it has inherited
const folder = mkdtempSync("/tmp/inherit-");
const dataset = `i${process.pid}` as DatasetName;
after(() => {
  rmSync(folder, { recursive: true });
  rmSync(`/run/devbackup-hooks-${dataset}.lock`, { force: true });
});

/** Writes down which locks it was started with, and what stands on its stdin. */
const tells = (name: string): Argv => [
  "sh",
  ...["-c", '{ readlink /proc/$$/fd/* | grep lock$; cat; } >"$0"', join(folder, name)],
];
const told = (name: string): string => readFileSync(join(folder, name), "utf8");

test("a hook inherits no lock, and has nothing to read", {
  skip: process.getuid?.() !== 0 ? "needs root: hooks are run by root, in /run" : false,
}, async () => {
  writeFileSync(join(folder, "apply.lock"), "this run\n");
  const host = fenced(localHost({ name: "ls" as HostName, become: "none", env: process.env }), {
    preface: fencePreface(folder, "this run"),
    assertHeld: () => {},
    fencedOff: () => assert.fail("its lock is this run's"),
  });
  const hook = (name: Hook["name"]): Hook => ({ name, argv: tells(name), timeoutMs: 10_000, env: {} });
  const { signal } = new AbortController();
  const tools = { host: () => host, signal, besides: (error: Error) => assert.fail(error) };
  const around = { dataset, before: hook("before_snapshot"), after: hook("after_snapshot") };
  const snapshot = join(folder, "snapshot") as AbsolutePath;
  await takeBetween(host.name, { snapshot, script: ":", around }, tools as unknown as Tools);
  await runAfterApplyHook(host, { name: dataset } as DatasetSpec, hook("after_apply"), signal);
  for (const name of ["before_snapshot", "after_snapshot", "after_apply"]) assert.equal(told(name), "", name);
});

test("a program of notify inherits no lock, and has the message to read", () => {
  const program = pathToFileURL(join(import.meta.dirname, "../../src/notify/program.ts")).href;
  const run = `const { runProgram } = await import(${JSON.stringify(program)});
    await runProgram(${JSON.stringify(tells("notify"))},
      { input: "the message", env: process.env, signal: AbortSignal.timeout(10_000) });`;
  execFileSync(
    "sh",
    [
      ...["-c", 'exec 7>>"$0" 8>&7; exec "$@"', join(folder, "lock")],
      ...[process.execPath, "--input-type=module", "-e", run],
    ],
    { stdio: ["ignore", "inherit", "ignore"] },
  );
  assert.equal(told("notify"), "the message");
});
