import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { type EventEmitter, once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, before, suite, test } from "node:test";
import ssh2 from "ssh2";
import { parseHostName } from "../../src/domain/names.ts";
import type { Host } from "../../src/transport/host.ts";
import { localHost } from "../../src/transport/local-host.ts";
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

  test("a host that takes the connection and hangs up is told as that", async () => {
    const rude = await listening(createServer((socket) => socket.end()));
    const trouble = await troubleOf(reach({ port: rude.port }));
    assert.deepEqual([trouble.code, trouble.exitCode], ["handshake-failed", 4]);
    rude.close();
  });

  test("a host that takes the connection and says nothing is given up after ConnectTimeout", async () => {
    const mute = await listening(createServer());
    writeFileSync(sshd.configFile, "ConnectTimeout 1");
    const began = performance.now();
    const trouble = await troubleOf(reach({ port: mute.port }));
    assert.deepEqual([trouble.code, trouble.exitCode], ["host-timeout", 4]);
    assert.match(trouble.what, /did not answer within 1 s/);
    assert(performance.now() - began < 10_000);
    writeFileSync(sshd.configFile, "");
    mute.close();
  });

  test("an agent that takes the question and says nothing is done without", async () => {
    const socket = `${sshd.folder}/silent-agent`;
    const agent = createServer().listen(socket);
    await once(agent, "listening");
    const connections: Socket[] = [];
    agent.on("connection", (each) => connections.push(each.resume()));
    const other = await reach({}, { env: { ...sshd.env, SSH_AUTH_SOCK: socket } });
    assert.equal((await other.run("echo in")).stdout, "in\n");
    await other.close();
    // whoever still held on to it would not end
    await until(() => connections.every(({ readableEnded }) => readableEnded));
    agent.close();
  });

  test("a host that is well, and never begins what it is asked to, is given up", async (t) => {
    const key = readFileSync(`${sshd.folder}/host_ed25519`);
    const polite = await listening(
      new ssh2.Server({ hostKeys: [key] }, (client) =>
        client
          .on("error", () => {})
          .on("authentication", (context) => context.accept())
          // neither accepted nor refused
          .on("session", () => {}),
      ),
    );
    writeFileSync(sshd.configFile, `HostKeyAlias [127.0.0.1]:${sshd.port}`);
    const keepAlive = { intervalMs: 100, countMax: 2 };
    const other = await reach({ port: polite.port }, { keepAlive, startTimeoutMs: 1_000 });
    t.after(async () => {
      writeFileSync(sshd.configFile, "");
      await other.close();
      polite.close();
    });
    const began = performance.now();
    const trouble = await troubleOf(other.run("true"));
    assert.deepEqual([trouble.code, trouble.exitCode, trouble.host], ["shell-silent", 4, name]);
    assert(performance.now() - began < 10_000);
  });

  test("a host that lets us in, and allows no session, is told as that", async (t) => {
    const key = readFileSync(`${sshd.folder}/host_ed25519`);
    const closed = await listening(
      new ssh2.Server({ hostKeys: [key] }, (client) =>
        client.on("error", () => {}).on("authentication", (context) => context.accept()),
      ),
    );
    writeFileSync(sshd.configFile, `HostKeyAlias [127.0.0.1]:${sshd.port}`);
    const other = await reach({ port: closed.port });
    t.after(async () => {
      writeFileSync(sshd.configFile, "");
      await other.close();
      closed.close();
    });
    assert.equal((await troubleOf(other.run("true"))).code, "session-refused");
  });

  test("a login that hangs is given up, whether it is waited for or a lock is", async () => {
    const shell = `${sshd.folder}/hangs`;
    writeFileSync(shell, "#!/bin/bash\nexec sleep 60\n", { mode: 0o755 });
    const options = {
      name,
      become: "none",
      env: { PATH: `${sshd.folder}/bin:${process.env.PATH}` },
    } as const;
    mkdirSync(`${sshd.folder}/bin`);
    symlinkSync(shell, `${sshd.folder}/bin/sh`);
    const hung = localHost({ ...options, startTimeoutMs: 300 });
    assert.equal((await troubleOf(hung.run("true"))).code, "shell-silent");
    const lock = await hung.start("echo held");
    assert.equal((await troubleOf(lock.firstLine)).code, "shell-silent");
    await hung.close();
  });
});

async function listening<
  Listener extends { listen: Server["listen"]; address: Server["address"] } & EventEmitter,
>(server: Listener) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(address && typeof address === "object");
  return Object.assign(server, { port: address.port });
}

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
