import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { parseHostName } from "../../src/domain/names.ts";
import { connectSsh } from "../../src/transport/ssh/host.ts";
import { processesWith, until } from "./processes.ts";
import { freePort, keygen, noSshd, type SshSpec, startSshd, type TestSshd } from "./sshd.ts";
import { troubleOf } from "./trouble.ts";

const name = parseHostName("ls");
assert(name);

suite("logins, against a real sshd", { skip: noSshd }, () => {
  let sshd: TestSshd;
  before(async () => {
    sshd = await startSshd();
  });
  after(() => sshd.stop());

  const file = (path: string): string => join(sshd.folder, path);
  const logIn = async (spec: Partial<SshSpec>, env: NodeJS.ProcessEnv = {}, config = ""): Promise<void> => {
    writeFileSync(sshd.configFile, `${config}\n`);
    const { configFile } = sshd;
    const host = await connectSsh(
      { ...sshd.spec, ...spec },
      { name, become: "none", configFile, env: { ...sshd.env, ...env } },
    );
    const { stdout } = await host.run("echo in");
    await host.close();
    assert.equal(stdout, "in\n");
  };

  /** A real ssh-agent that holds the given keys, for as long as `use` takes. */
  const withAgent = async (
    keys: readonly string[],
    use: (socket: string) => Promise<void>,
  ): Promise<void> => {
    const socket = file(`agent-${await freePort()}`);
    const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
    try {
      await until(() => {
        try {
          execFileSync("ssh-add", ["-q", ...keys], {
            env: { SSH_AUTH_SOCK: socket, PATH: process.env.PATH },
            stdio: "ignore",
          });
          return true;
        } catch {
          return false;
        }
      });
      await use(socket);
    } finally {
      agent.kill();
    }
  };

  test("the identity file of the desired state", () => logIn({}));

  test("a key of the agent", () =>
    withAgent([file("id")], (SSH_AUTH_SOCK) => logIn({ identityFile: undefined }, { SSH_AUTH_SOCK })));

  test("IdentityAgent of the client configuration", () =>
    withAgent([file("id")], (socket) => logIn({ identityFile: undefined }, {}, `IdentityAgent ${socket}`)));

  test("IdentityFile of the client configuration", () =>
    logIn({ identityFile: undefined }, {}, `IdentityFile ${file("id")}`));

  test("an encrypted key file whose key the agent holds", async () => {
    execFileSync("cp", ["-p", file("id"), file("locked")]);
    await withAgent([file("id")], async (SSH_AUTH_SOCK) => {
      execFileSync("ssh-keygen", ["-q", "-p", "-N", "secret", "-f", file("locked")]);
      await logIn({ identityFile: file("locked") }, { SSH_AUTH_SOCK });
    });
  });

  test("with an identity file given, the agent's other keys stay out of it", async () => {
    keygen(file("other"), "ed25519");
    await withAgent([file("id")], async (SSH_AUTH_SOCK) => {
      const trouble = await troubleOf(logIn({ identityFile: file("other") }, { SSH_AUTH_SOCK }));
      assert.equal(trouble.code, "login-refused");
    });
  });

  test("refused: a key that the host does not know, by its fingerprint", async () => {
    keygen(file("wrong"), "ecdsa");
    const trouble = await troubleOf(logIn({ identityFile: file("wrong") }));
    assert.deepEqual([trouble.code, trouble.exitCode], ["login-refused", 4]);
    assert.match(trouble.why ?? "", /ecdsa-sha2-nistp256 SHA256:\S+ \(.*wrong\)/);
  });

  test("refused: a key with a passphrase and no agent", async () => {
    keygen(file("encrypted"), "ed25519", "secret");
    const trouble = await troubleOf(logIn({ identityFile: file("encrypted") }));
    assert.equal(trouble.code, "login-refused");
    assert.match(trouble.why ?? "", /encrypted: it has a passphrase/);
    assert.equal(trouble.next, `eval "$(ssh-agent)" && ssh-add ${file("encrypted")}`);
  });

  test("the same, with an agent that does not hold it", () =>
    withAgent([file("id")], async (SSH_AUTH_SOCK) => {
      const trouble = await troubleOf(logIn({ identityFile: file("encrypted") }, { SSH_AUTH_SOCK }));
      assert.equal(trouble.next, `ssh-add ${file("encrypted")}`);
    }));

  test("a host that is not known, or not there, is told before a key that is missing", async () => {
    const without = { identityFile: file("nowhere") };
    assert.equal((await troubleOf(logIn({ ...without, address: "no-such.invalid" }))).code, "host-not-found");
    assert.equal(
      (await troubleOf(logIn({ ...without, knownHosts: file("nowhere") }))).code,
      "host-key-unknown",
    );
  });

  test("refused: a key that others can read, as OpenSSH refuses it", async () => {
    keygen(file("open"), "ed25519");
    chmodSync(file("open"), 0o644);
    assert.match((await troubleOf(logIn({ identityFile: file("open") }))).why ?? "", /chmod 600/);
  });

  test("refused: an identity file that is not there", async () => {
    const trouble = await troubleOf(logIn({ identityFile: file("nowhere") }));
    assert.match(trouble.why ?? "", /nowhere: there is no such file/);
  });

  test("through a jump host, and no process of it is left", async () => {
    const jump = [
      `Host inner`,
      `  HostName 127.0.0.1`,
      `  Port ${sshd.port}`,
      `  ProxyJump root@localhost:${sshd.port}`,
      `Host localhost`,
      `  HostKeyAlias [127.0.0.1]:${sshd.port}`,
      `Host *`,
      `  IdentityFile ${file("id")}`,
      `  UserKnownHostsFile ${file("known_hosts")}`,
    ].join("\n");
    await logIn(
      { address: "inner", port: undefined, identityFile: undefined, knownHosts: undefined },
      {},
      jump,
    );
    assert.deepEqual(processesWith(sshd.configFile), []);
  });

  test("through a ProxyCommand", async () => {
    const command = `ProxyCommand bash -c 'exec 3<>/dev/tcp/127.0.0.1/%p; cat <&3 & exec cat >&3'`;
    await logIn({}, {}, command);
  });

  test("refused: a proxy that fails, in its own words", async () => {
    const trouble = await troubleOf(logIn({}, {}, "ProxyCommand sh -c 'echo no way there >&2; exit 1'"));
    assert.equal(trouble.exitCode, 4);
    assert.match(trouble.why ?? "", /no way there/);
  });

  test("refused: nobody listens", async () => {
    const trouble = await troubleOf(logIn({ port: await freePort() }));
    assert.deepEqual([trouble.code, trouble.exitCode], ["host-refused", 4]);
  });

  test("refused: a name that does not resolve", async () => {
    const trouble = await troubleOf(logIn({ address: "no-such-host.invalid" }));
    assert.deepEqual([trouble.code, trouble.exitCode], ["host-not-found", 4]);
  });

  test("refused: an address that ssh would take for an option, or a ProxyCommand's shell for a command", async () => {
    for (const name of ["-oProxyCommand=touch", "a;touch", "$(touch)", "`touch`", "a b", "a|b", "'a'"]) {
      assert.equal((await troubleOf(logIn({ address: name }))).code, "address-refused", name);
      assert.equal((await troubleOf(logIn({ user: name }))).code, "address-refused", name);
    }
  });

  test("refused: a client configuration that OpenSSH does not understand", async () => {
    const trouble = await troubleOf(logIn({}, {}, "NoSuchOption yes"));
    assert.equal(trouble.code, "ssh-config-invalid");
    assert.match(trouble.why ?? "", /NoSuchOption|nosuchoption/);
  });

  test("refused: no OpenSSH client", async () => {
    const trouble = await troubleOf(logIn({}, { PATH: "/nonexistent" }));
    assert.equal(trouble.code, "ssh-client-missing");
  });
});
