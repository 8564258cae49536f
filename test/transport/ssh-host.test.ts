import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { after, before, suite, test } from "node:test";
import { parseHostName } from "../../src/domain/names.ts";
import type { Host } from "../../src/transport/host.ts";
import { connectSsh, type SshHostOptions } from "../../src/transport/ssh/host.ts";
import { processesWith, until } from "./processes.ts";
import { noSshd, type SshSpec, startSshd, type TestSshd } from "./sshd.ts";
import { troubleOf } from "./trouble.ts";

const name = parseHostName("ls");
assert(name);

suite("commands over one connection, against a real sshd", { skip: noSshd }, () => {
  let sshd: TestSshd;
  let host: Host;
  const reach = (spec: Partial<SshSpec> = {}, options: Partial<SshHostOptions> = {}): Promise<Host> =>
    connectSsh({ ...sshd.spec, ...spec }, { name, become: "none", ...sshd, ...options });
  before(async () => {
    sshd = await startSshd();
    host = await reach();
  });
  after(async () => {
    await host.close();
    await sshd.stop();
  });

  test("a script's exit code, outputs and stdin are its own", async () => {
    const result = await host.run("cat; echo to-stderr >&2; exit 3", { stdin: "ä\n" });
    assert.deepEqual(result, { exitCode: 3, stdout: "ä\n", stderr: "to-stderr\n" });
  });

  test("a script that a signal ends counts as in a shell", async () => {
    assert.equal((await host.run("kill -KILL $$")).exitCode, 137);
  });

  test("binary stdin arrives whole behind a script of more than 128 KiB", async () => {
    const bytes = randomBytes(1 << 20);
    const script = `# ${"é".repeat(100_000)}\nsha256sum | cut -c1-64`;
    const { stdout } = await host.run(script, { stdin: bytes });
    assert.equal(stdout.trim(), createHash("sha256").update(bytes).digest("hex"));
  });

  test("more output than a channel's window arrives whole", async () => {
    const { stdout, stderr } = await host.run("seq 1000000; seq 500000 >&2");
    assert.deepEqual([stdout.length, stderr.length], [6_888_896, 3_388_895]);
  });

  test("twenty scripts at once all run, though sshd allows ten sessions", async () => {
    const numbers = Array.from({ length: 20 }, (_, i) => i);
    const results = await Promise.all(numbers.map((i) => host.run(`sleep 0.05; echo ${i}`)));
    assert.deepEqual(
      results.map(({ stdout }) => Number(stdout)),
      numbers,
    );
  });

  test("an abort ends the script on the host, not only the channel", async () => {
    const marker = `devbackup-test-${process.pid}-abort`;
    const abort = new AbortController();
    const run = host.run(`MARK=${marker} sh -c 'sleep 60' & MARK=${marker} sleep 61`, {
      signal: abort.signal,
    });
    await until(() => processesWith(marker).length >= 2);
    abort.abort(new Error("enough"));
    await assert.rejects(run, /enough/);
    assert.deepEqual(processesWith(marker), []);
  });

  test("an abort in the queue starts nothing and leaves the queue in order", async () => {
    const busy = Array.from({ length: 8 }, () => host.run("sleep 0.3"));
    const abort = new AbortController();
    const waiting = host.run("echo never", { signal: abort.signal });
    const behind = host.run("echo next");
    abort.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
    assert.equal((await behind).stdout, "next\n");
    await Promise.all(busy);
  });

  test("a script that takes too long is ended and told as timed-out", async () => {
    assert.equal((await troubleOf(host.run("sleep 60", { timeoutMs: 100 }))).code, "timed-out");
  });

  test("a lock is gone when the connection is", async () => {
    const other = await reach();
    const marker = `devbackup-test-${process.pid}-lock`;
    const lock = await other.start(`echo locked; MARK=${marker} cat >/dev/null`);
    assert.equal(await lock.firstLine, "locked");
    await other.close();
    assert.equal(lock.alive(), false);
    await until(() => processesWith(marker).length === 0);
  });

  test("a connection that is cut is told at once, with what to do", async () => {
    const earlier = new Set(sshd.connections());
    const other = await reach();
    const [serving] = sshd.connections().filter((pid) => !earlier.has(pid));
    assert(serving);
    const run = other.run("echo on; sleep 5");
    const lock = await other.start("echo locked; cat >/dev/null");
    await lock.firstLine;
    process.kill(serving, "SIGKILL");
    const trouble = await troubleOf(run);
    assert.deepEqual([trouble.code, trouble.exitCode, trouble.host], ["link-lost", 4, name]);
    assert.equal((await troubleOf(lock.ended)).code, "link-lost");
    assert.equal(lock.alive(), false);
    assert.equal((await troubleOf(other.run("true"))).code, "link-lost");
    await other.close();
  });

  test("a proxy that dies is a lost link too", async () => {
    writeFileSync(
      sshd.configFile,
      "ProxyCommand bash -c 'exec 3<>/dev/tcp/127.0.0.1/%p; cat <&3 & exec cat >&3'",
    );
    const marker = `devbackup-test-${process.pid}-proxy`;
    const other = await reach({}, { env: { ...sshd.env, MARK: marker } });
    const run = other.run("echo on; sleep 5");
    await other.run("true");
    for (const pid of processesWith(marker)) process.kill(pid, "SIGKILL");
    assert.equal((await troubleOf(run)).code, "link-lost");
    await other.close();
    writeFileSync(sshd.configFile, "");
  });

  test("a link that falls silent is given up after the keep-alive time", async () => {
    const line = await silentLine(sshd.port);
    const hostKeyAlias = `HostKeyAlias [127.0.0.1]:${sshd.port}`;
    writeFileSync(sshd.configFile, hostKeyAlias);
    const other = await reach({ port: line.port }, { keepAlive: { intervalMs: 100, countMax: 3 } });
    const run = other.run("sleep 5");
    await other.run("true");
    line.fallSilent();
    const began = performance.now();
    const trouble = await troubleOf(run);
    assert.deepEqual([trouble.code, trouble.exitCode], ["link-lost", 4]);
    assert.match(trouble.why ?? "", /Nothing was heard/);
    assert(performance.now() - began < 1_500);
    await other.close();
    line.close();
  });

  test("a host that takes the connection and says nothing is given up", async () => {
    const mute = createServer().listen(0, "127.0.0.1");
    await once(mute, "listening");
    const address = mute.address();
    assert(address && typeof address === "object");
    mute.on("connection", (socket) => socket.end());
    const trouble = await troubleOf(reach({ port: address.port }));
    assert.deepEqual([trouble.code, trouble.exitCode], ["handshake-failed", 4]);
    mute.close();
  });
});

/** A TCP relay to `port` that can stop passing anything on while both sides stay connected. */
async function silentLine(port: number) {
  let silent = false;
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    sockets.push(near, far);
    near.on("data", (data) => silent || far.write(data)).on("error", () => {});
    far.on("data", (data) => silent || near.write(data)).on("error", () => {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(address && typeof address === "object");
  return {
    port: address.port,
    fallSilent: () => {
      silent = true;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
