import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { Writable } from "node:stream";
import { test } from "node:test";
import { parseHostName } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { framed } from "../../src/transport/host.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { scriptedHost } from "../../src/transport/scripted-host.ts";
import type { SessionEnd } from "../../src/transport/ssh/session.ts";
import { processesWith, until } from "./processes.ts";

const name = parseHostName("ws");
assert(name);
const host = localHost({ name, become: "none", env: process.env });

test("a script's exit code, outputs and stdin are its own", async () => {
  const result = await host.run("cat; echo to-stderr >&2; exit 3", { stdin: "ä\n" });
  assert.deepEqual(result, { exitCode: 3, stdout: "ä\n", stderr: "to-stderr\n" });
});

test("a script that has read what it was given does not wait for a link that has died to say that it ends", async () => {
  const [file = "", ...args] = host.shellArgv();
  const deaf = scriptedHost({
    name,
    shellArgv: host.shellArgv(),
    source: {
      open: async () => {
        const child = spawn(file, args, { stdio: "pipe" });
        const { stdin, stdout, stderr } = child;
        const neverEnding = new Writable({ write: (bytes, _, done) => void stdin.write(bytes, done) });
        const ended = new Promise<SessionEnd>((resolve) =>
          child.once("close", (code) => resolve({ kind: "exited", exitCode: code ?? 1 })),
        );
        return { stdin: neverEnding, stdout, stderr, ended, abandon: () => child.kill() };
      },
      close: async () => {},
    },
  });
  for (const stdin of ["ä\n", ""])
    assert.deepEqual(await deaf.run("cat; exit 3", { stdin, timeoutMs: 10_000 }), {
      exitCode: 3,
      stdout: stdin,
      stderr: "",
    });
});

test("a script gets no stdin by default, and ends", async () => {
  assert.deepEqual(await host.run("cat"), { exitCode: 0, stdout: "", stderr: "" });
});

test("binary stdin arrives whole behind a script of any length", async () => {
  const bytes = randomBytes(1 << 20);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  for (const padding of ["", `# ${"é".repeat(100_000)}\n`]) {
    const { stdout } = await host.run(`${padding}sha256sum | cut -c1-64`, { stdin: bytes });
    assert.equal(stdout.trim(), sha256);
  }
});

test("every byte of a script that is no NUL reaches the shell", async () => {
  const text = Array.from({ length: 0x2ff }, (_, i) => String.fromCharCode(i + 1))
    .join("")
    .replaceAll("'", "");
  const { stdout } = await host.run(`printf %s '${text}'`);
  assert.equal(stdout, text);
});

test("an empty script does nothing", async () => {
  assert.equal((await host.run("")).exitCode, 0);
});

test("a script is told in no argument list", async () => {
  const { stdout } = await host.run("tr '\\0' ' ' </proc/$$/cmdline # not-in-argv");
  assert.match(stdout, /^sh -c /);
  assert.doesNotMatch(stdout, /not-in-argv/);
});

test("a script finds the administrator's tools, no locale and umask 022", async () => {
  const { stdout } = await host.run('echo "$LC_ALL $(umask) $PATH"');
  assert.match(stdout, /^C 0022 .*:\/usr\/sbin:\/sbin$/m);
});

test("a script that was cut off does not run in part", async () => {
  const cut = framed("echo started; rm -rf /nowhere/important").slice(0, -10);
  const { spawnSync } = await import("node:child_process");
  const [file = "", ...args] = host.shellArgv();
  const result = spawnSync(file, args, { input: cut, encoding: "utf8" });
  assert.deepEqual([result.status, result.stdout], [125, ""]);
});

test("an abort ends the whole tree and rejects with its reason", async () => {
  const marker = `devbackup-test-${process.pid}-abort`;
  const abort = new AbortController();
  const run = host.run(`MARK=${marker} sh -c 'sleep 60' & MARK=${marker} sleep 61`, { signal: abort.signal });
  await until(() => processesWith(marker).length >= 2);
  abort.abort(new Error("enough"));
  await assert.rejects(run, /enough/);
  assert.deepEqual(processesWith(marker), []);
});

test("a signal that is aborted already starts nothing", async () => {
  await assert.rejects(host.run("true", { signal: AbortSignal.abort(new Error("before")) }), /before/);
});

test("a script that takes too long is ended and told as timed-out", async () => {
  await assert.rejects(host.run("sleep 60", { timeoutMs: 100 }), (error: unknown) => {
    assert(error instanceof DevbackupError);
    return error.trouble.code === "timed-out";
  });
});

test("a started script stays until it is stopped", async () => {
  const lock = await host.start("echo locked; read -r line; echo ended");
  assert.equal(await lock.firstLine, "locked");
  assert.equal(lock.alive(), true);
  await lock.stop();
  assert.equal(lock.alive(), false);
  assert.equal((await lock.ended).stdout, "locked\nended\n");
});

test("a started script that ends without a line says so", async () => {
  const lock = await host.start("exit 7");
  assert.equal(await lock.firstLine, undefined);
  assert.equal((await lock.ended).exitCode, 7);
});

test("a started script hears the heartbeat", async () => {
  const lock = await host.start("read -r a && read -r b && echo heard", { heartbeatMs: 20 });
  assert.equal(await lock.firstLine, "heard");
});

test("close ends what still runs", async () => {
  const marker = `devbackup-test-${process.pid}-close`;
  const other = localHost({ name, become: "none", env: process.env });
  const lock = await other.start(`echo on; MARK=${marker} cat >/dev/null`);
  await lock.firstLine;
  await other.close();
  assert.deepEqual(processesWith(marker), []);
});
