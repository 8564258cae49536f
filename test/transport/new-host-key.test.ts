import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, suite, test } from "node:test";
import { parseHostName } from "../../src/domain/names.ts";
import { connectSsh } from "../../src/transport/ssh/host.ts";
import { HostKeyUnknown, type NewHostKey, rememberHostKey } from "../../src/transport/ssh/new-host-key.ts";
import { keygen, noSshd, publicKey, startSshd, type TestSshd } from "./sshd.ts";
import { troubleOf } from "./trouble.ts";

const name = parseHostName("ls");
assert(name);

suite("a host key that is new, of a real sshd", { skip: noSshd }, () => {
  let sshd: TestSshd;
  let knownHosts: string;
  before(async () => {
    sshd = await startSshd();
    knownHosts = join(sshd.folder, "new", "known_hosts");
  });
  beforeEach(() => rmSync(join(sshd.folder, "new"), { recursive: true, force: true }));
  after(() => sshd.stop());

  const connect = async (config: string): Promise<void> => {
    writeFileSync(sshd.configFile, `${config}\n`);
    const { knownHosts: _, ...spec } = sshd.spec;
    const reached = { ...spec, knownHosts: undefined };
    await (await connectSsh(reached, { name, become: "none", ...sshd })).close();
  };
  const keeping = (more = "") => `UserKnownHostsFile ${knownHosts}\nGlobalKnownHostsFile /dev/null\n${more}`;
  const offered = async (config: string): Promise<NewHostKey> => {
    try {
      await connect(config);
    } catch (error) {
      if (error instanceof HostKeyUnknown) return error.key;
      throw error;
    }
    return assert.fail("it is known");
  };
  /** OpenSSH itself, which asks nobody. */
  const openSsh = (): string =>
    execFileSync(
      "ssh",
      [
        ...["-F", sshd.configFile, "-i", join(sshd.folder, "id"), "-p", String(sshd.port)],
        ...["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "root@127.0.0.1", "echo in"],
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
    );

  test("it is told as ssh-keygen tells it", async () => {
    const key = await offered(keeping());
    const shown = execFileSync("ssh-keygen", ["-lf", join(sshd.folder, "host_ed25519.pub")], {
      encoding: "utf8",
    });
    assert.equal(key.type, "ssh-ed25519");
    assert.equal(key.fingerprint, shown.split(" ")[1]);
    assert.equal(key.file, knownHosts);
    assert.ok(!existsSync(knownHosts), "nothing is written unasked");
  });

  for (const hashed of ["no", "yes"])
    test(`taken in, HashKnownHosts ${hashed}: known to us and to ssh`, async () => {
      const config = keeping(`HashKnownHosts ${hashed}`);
      await rememberHostKey(await offered(config));
      assert.equal(readFileSync(knownHosts, "utf8").includes("127.0.0.1"), hashed === "no");
      assert.equal(statSync(knownHosts).mode & 0o777, 0o600);
      assert.equal(statSync(join(sshd.folder, "new")).mode & 0o777, 0o700);
      await connect(config);
      assert.equal(openSsh(), "in\n");
    });

  test("what stands in the file stays, also where its last line is open", async () => {
    await rememberHostKey({ ...(await offered(keeping())), lookupName: "other" });
    const before = readFileSync(knownHosts, "utf8").trimEnd();
    writeFileSync(knownHosts, before);
    await rememberHostKey(await offered(keeping()));
    assert.deepEqual(readFileSync(knownHosts, "utf8").split("\n"), [
      before,
      `[127.0.0.1]:${sshd.port} ${sshd.publicHostKey("ed25519")}`,
      "",
    ]);
    await connect(keeping());
  });

  test("a host that is known by a key of another type only: that is told", async () => {
    keygen(join(sshd.folder, "former"), "rsa");
    assert.deepEqual((await offered(keeping())).others, []);
    mkdirSync(join(sshd.folder, "new"));
    writeFileSync(knownHosts, `[127.0.0.1]:${sshd.port} ${publicKey(join(sshd.folder, "former"))}\n`);
    assert.deepEqual((await offered(keeping())).others, ["ssh-rsa"]);
  });

  test("not written: a file of another user's, one that is none, none at all", async () => {
    const key = await offered(keeping());
    await rememberHostKey(key);
    chownSync(knownHosts, 65_534, 65_534);
    const before = readFileSync(knownHosts, "utf8");
    for (const file of [knownHosts, "/dev/null", sshd.folder, undefined]) {
      const trouble = await troubleOf(rememberHostKey({ ...key, file }));
      assert.equal(trouble.code, "known-hosts-unwritten");
      assert.ok(trouble.next?.includes(sshd.publicHostKey("ed25519")));
    }
    assert.equal(readFileSync(knownHosts, "utf8"), before);
    assert.equal((await offered("UserKnownHostsFile none\nGlobalKnownHostsFile /etc/none")).file, undefined);
  });
});
