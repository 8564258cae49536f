import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { parseHostName } from "../../src/domain/names.ts";
import { connectSsh } from "../../src/transport/ssh/host.ts";
import { keygen, noSshd, publicKey, startSshd, type TestSshd } from "./sshd.ts";
import { troubleOf } from "./trouble.ts";

const name = parseHostName("ls");
assert(name);

suite("host keys, against a real sshd", { skip: noSshd }, () => {
  let sshd: TestSshd;
  let stranger: string;
  before(async () => {
    sshd = await startSshd();
    keygen(join(sshd.folder, "stranger"), "ed25519");
    stranger = publicKey(join(sshd.folder, "stranger"));
  });
  after(() => sshd.stop());

  /** Connects with these lines as the only known ones. */
  const connectKnowing = async (lines: readonly string[], config = "") => {
    const knownHosts = join(sshd.folder, "some_known_hosts");
    writeFileSync(knownHosts, lines.map((line) => `${line}\n`).join(""));
    writeFileSync(sshd.configFile, `${config}\n`);
    const host = await connectSsh({ ...sshd.spec, knownHosts }, { name, become: "none", ...sshd });
    await host.close();
  };
  const at = () => `[127.0.0.1]:${sshd.port}`;
  const shown = (type: "ed25519" | "ecdsa") =>
    /SHA256:\S+/.exec(
      execFileSync("ssh-keygen", ["-lf", join(sshd.folder, `host_${type}.pub`)], { encoding: "utf8" }),
    )?.[0] ?? "";

  const accepted: readonly {
    readonly name: string;
    readonly lines: () => string[];
    readonly config?: string;
  }[] = [
    { name: "the known key", lines: () => [`${at()} ${sshd.publicHostKey("ed25519")}`] },
    { name: "only the ecdsa key is known", lines: () => [`${at()} ${sshd.publicHostKey("ecdsa")}`] },
    {
      name: "one of several known keys",
      lines: () => [`${at()} ${stranger}`, `${at()} ${sshd.publicHostKey("ed25519")}`],
    },
    { name: "a pattern", lines: () => [`[127.0.0.*]:* ${sshd.publicHostKey("ed25519")}`] },
    {
      name: "the name without its port, as OpenSSH",
      lines: () => [`127.0.0.1 ${sshd.publicHostKey("ed25519")}`],
    },
    {
      name: "HostKeyAlias",
      lines: () => [`backup ${sshd.publicHostKey("ed25519")}`],
      config: "HostKeyAlias backup",
    },
  ];
  for (const { name, lines, config } of accepted) {
    test(`let in: ${name}`, () => connectKnowing(lines(), config));
  }

  test("let in: a hashed entry", async () => {
    const knownHosts = join(sshd.folder, "hashed");
    writeFileSync(knownHosts, `${at()} ${sshd.publicHostKey("ed25519")}\n`);
    execFileSync("ssh-keygen", ["-H", "-f", knownHosts], { stdio: "ignore" });
    writeFileSync(sshd.configFile, "");
    const host = await connectSsh({ ...sshd.spec, knownHosts }, { name, become: "none", ...sshd });
    await host.close();
  });

  test("refused: an unknown key, with its fingerprint and how to add it", async () => {
    const trouble = await troubleOf(connectKnowing([`other.example ${sshd.publicHostKey("ed25519")}`]));
    assert.equal(trouble.code, "host-key-unknown");
    assert.equal(trouble.exitCode, 4);
    assert(trouble.why?.includes(shown("ed25519")));
    assert.match(trouble.next ?? "", /ssh-keyscan -p \d+ 127\.0\.0\.1 >> .*some_known_hosts/);
  });

  test("refused: no known-hosts file at all", async () => {
    const knownHosts = join(sshd.folder, "missing");
    const connecting = connectSsh({ ...sshd.spec, knownHosts }, { name, become: "none", ...sshd });
    assert.equal((await troubleOf(connecting)).code, "host-key-unknown");
  });

  test("refused: the key of another port of the same machine", async () => {
    const line = `[127.0.0.1]:${sshd.port + 1} ${sshd.publicHostKey("ed25519")}`;
    assert.equal((await troubleOf(connectKnowing([line]))).code, "host-key-unknown");
  });

  test("refused: a changed key, with both fingerprints and how to forget the old one", async () => {
    const trouble = await troubleOf(connectKnowing([`${at()} ${stranger}`]));
    assert.equal(trouble.code, "host-key-changed");
    assert.equal(trouble.exitCode, 4);
    assert(trouble.why?.includes(shown("ed25519")));
    assert.equal(trouble.why?.match(/SHA256:/g)?.length, 2);
    assert(trouble.next?.includes(`ssh-keygen -R '${at()}'`));
  });

  test("refused: a revoked key, though it is known too", async () => {
    const key = sshd.publicHostKey("ed25519");
    const trouble = await troubleOf(connectKnowing([`${at()} ${key}`, `@revoked * ${key}`]));
    assert.equal(trouble.code, "host-key-revoked");
  });

  test("refused: an authority alone, which is not supported, and said", async () => {
    const trouble = await troubleOf(connectKnowing([`@cert-authority * ${sshd.publicHostKey("ed25519")}`]));
    assert.equal(trouble.code, "host-key-unknown");
    assert.match(trouble.why ?? "", /@cert-authority/);
  });
});
