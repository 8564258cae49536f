import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream, rmSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { after, before, suite, test } from "node:test";
import { parseHostName } from "../../src/domain/names.ts";
import type { Host } from "../../src/transport/host.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { failedEnd, type PipeOptions, pipe } from "../../src/transport/pipe.ts";
import { sh } from "../../src/transport/quote.ts";
import { connectSsh } from "../../src/transport/ssh/host.ts";
import { processesWith, until } from "./processes.ts";
import { noSshd, startSshd, type TestSshd } from "./sshd.ts";
import { troubleOf } from "./trouble.ts";

const ws = parseHostName("ws");
const ls = parseHostName("ls");
assert(ws && ls);
const MIB = 1 << 20;

suite("bulk pipes, against a real sshd", { skip: noSshd }, () => {
  let sshd: TestSshd;
  let local: Host;
  let remote: Host;
  before(async () => {
    sshd = await startSshd();
    local = localHost({ name: ws, become: "none", env: process.env });
    remote = await connectSsh(sshd.spec, { name: ls, become: "sudo", ...sshd });
  });
  after(async () => {
    await remote.close();
    await local.close();
    await sshd.stop();
  });

  const between = (ends: Way, scripts: Pick<PipeOptions, "source" | "sink" | "signal" | "back">) => {
    const [from, to] = {
      up: [local, remote],
      down: [remote, local],
      there: [remote, remote],
      here: [local, local],
    }[ends] as [Host, Host];
    return pipe({ from, to, env: sshd.env, ...scripts });
  };
  type Way = "up" | "down" | "there" | "here";
  const ways: readonly Way[] = ["up", "down", "there", "here"];

  for (const way of ways) {
    test(`${way}: bytes, both exit codes and both stderr arrive`, async () => {
      const result = await between(way, {
        source: "printf 'a\\0b\\n'; echo from-source >&2; exit 3",
        sink: "od -An -c; echo from-sink >&2; exit 4",
      });
      assert.deepEqual(result, {
        source: { exitCode: 3, stderr: "from-source\n" },
        sink: { exitCode: 4, stdout: "   a  \\0   b  \\n\n", stderr: "from-sink\n" },
      });
    });

    test(`${way}: with a way back the ends talk with each other, and both exit codes arrive`, async () => {
      const result = await between(way, {
        back: true,
        source: 'read a; echo "$a two"; read b; echo "source heard $b" >&2; exit 3',
        sink: 'echo one; read c; echo "$c three"; cat; echo "sink heard $c" >&2; exit 4',
      });
      assert.deepEqual(result, {
        source: { exitCode: 3, stderr: "source heard one two three\n" },
        sink: { exitCode: 4, stdout: "", stderr: "sink heard one two\n" },
      });
    });

    test(`${way}: of one that fails, the other hears the end at once`, async () => {
      const [failing, waiting] = ["exit 3", "cat >/dev/null; echo heard >&2"];
      const ended = await between(way, { back: true, source: failing, sink: waiting });
      assert.deepEqual([ended.source.exitCode, ended.sink.stderr], [3, "heard\n"]);
      const left = await between(way, { back: true, source: waiting, sink: failing });
      assert.deepEqual([left.source.stderr, left.sink.exitCode], ["heard\n", 3]);
    });
  }

  test("scripts longer than an environment variable may be", async () => {
    const padding = `# ${"x".repeat(200_000)}\n`;
    const result = await between("up", { source: `${padding}echo through`, sink: `${padding}cat` });
    assert.equal(result.sink.stdout, "through\n");
  });

  test("256 MiB of random bytes arrive unchanged, and this process stays small", async () => {
    const file = join(sshd.folder, "random");
    await local.run(sh`head -c ${256 * MIB} /dev/urandom >${file}`);
    const hash = createHash("sha256");
    await pipeline(createReadStream(file), hash);
    const sha256 = hash.digest("hex");
    const rssBefore = process.memoryUsage().rss;
    const result = await between("up", { source: sh`cat ${file}`, sink: "sha256sum | cut -c1-64" });
    assert.equal(result.sink.stdout.trim(), sha256);
    assert(process.memoryUsage().rss - rssBefore < 16 * MIB);
    rmSync(file);
  });

  test("only the end of a long stderr is kept", async () => {
    const { source } = await between("down", { source: "seq 100000 >&2; echo last >&2", sink: "cat" });
    assert(source.stderr.length <= 64 * 1024);
    assert.match(source.stderr, /\n100000\nlast\n$/);
  });

  for (const way of ways) {
    test(`${way}: a sink that fails ends the source, and nothing is left`, async () => {
      const marker = `devbackup-test-${process.pid}-sink-${way}`;
      const { source, sink } = await between(way, {
        source: `MARK=${marker} cat /dev/zero`,
        sink: `MARK=${marker} head -c 10 >/dev/null; echo disk full >&2; exit 5`,
      });
      assert.deepEqual(sink, { exitCode: 5, stdout: "", stderr: "disk full\n" });
      assert.notEqual(source.exitCode, 0);
      await until(() => processesWith(marker).length === 0);
    });

    test(`${way}: an abort ends both ends on their hosts, the sink not as if the stream were whole`, async () => {
      const marker = `devbackup-test-${process.pid}-abort-${way}`;
      const done = join(sshd.folder, `done-${way}`);
      const abort = new AbortController();
      const piping = between(way, {
        source: `echo data; MARK=${marker} sleep 60`,
        sink: sh`MARK=${marker} cat >/dev/null && touch ${done}`,
        signal: abort.signal,
      });
      await until(() => processesWith(marker).length >= 2);
      abort.abort(new Error("enough"));
      await assert.rejects(piping, /enough/);
      // the client of a killed end may be gone before that is
      await until(() => processesWith(marker).length === 0);
      assert.equal((await local.run(sh`test -e ${done}`)).exitCode, 1);
    });
  }

  test("a source that fails is told, and the sink ends", async () => {
    const { source, sink } = await between("down", { source: "echo half; exit 7", sink: "cat" });
    assert.deepEqual([source.exitCode, sink.exitCode, sink.stdout], [7, 0, "half\n"]);
  });

  test("a link that is cut is told as link-lost, at either end", async () => {
    for (const way of ["up", "down"] as const) {
      const earlier = new Set(sshd.connections());
      const piping = between(way, { source: "cat /dev/zero", sink: "cat >/dev/null" });
      const serving = (): number[] => sshd.connections().filter((pid) => !earlier.has(pid));
      await until(() => serving().length > 0);
      const cut = setInterval(() => {
        for (const pid of serving()) kill(pid);
      }, 300);
      const trouble = await troubleOf(piping);
      clearInterval(cut);
      assert.deepEqual([trouble.code, trouble.exitCode, trouble.host], ["link-lost", 4, ls]);
    }
  });

  test("an end that never begins is given up, and nothing is left of the other", async () => {
    const marker = `devbackup-test-${process.pid}-hung`;
    const hung: Host = { ...remote, shellArgv: () => ["env", `MARK=${marker}`, "sleep", "60"] };
    for (const [from, to] of [
      [local, hung],
      [hung, local],
    ] as const) {
      const scripts = { source: "cat /dev/zero", sink: `MARK=${marker} cat >/dev/null` };
      const trouble = await troubleOf(pipe({ from, to, env: sshd.env, startTimeoutMs: 500, ...scripts }));
      assert.deepEqual([trouble.code, trouble.exitCode, trouble.host], ["shell-silent", 4, ls]);
      assert.deepEqual(processesWith(marker), []);
    }
  });

  test("scripts and hosts stand in no argument list of this machine but as the desired state says them", async () => {
    const { sink } = await between("up", {
      source: "sleep 0.5; echo secret-in-script",
      sink: "cat; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'secret-in-[s]cript' || :",
    });
    assert.equal(sink.stdout, "secret-in-script\n0\n");
  });
});

test("of a pipe that failed the sink's word counts, and an exit code where nothing was said", () => {
  const end = (exitCode: number, stderr = "") => ({ exitCode, stderr, stdout: "" });
  assert.equal(failedEnd({ source: end(0, "1 s"), sink: end(0) }), null);
  assert.deepEqual(failedEnd({ source: end(141), sink: end(1, "No space left on device\n") }), {
    end: "sink",
    why: "No space left on device",
  });
  assert.deepEqual(failedEnd({ source: end(7), sink: end(0) }), { end: "source", why: "exit code 7" });
});

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // gone in the meantime
  }
}
