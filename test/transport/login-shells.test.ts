import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { parseHostName } from "../../src/domain/names.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { pipe } from "../../src/transport/pipe.ts";
import { connectSsh } from "../../src/transport/ssh/host.ts";
import { processesWith, until } from "./processes.ts";
import { noSshd, startSshd, type TestSshd } from "./sshd.ts";
import { troubleOf } from "./trouble.ts";

const name = parseHostName("ls");
assert(name);
const SUDOERS = `/etc/sudoers.d/devbackup-test-${process.pid}`;
const noSudo = noSshd ?? (existsSync("/usr/bin/sudo") ? undefined : "needs sudo (apt install sudo)");
const shells = ["dash", "bash", "zsh", "fish", "tcsh"].map((shell) => `/usr/bin/${shell}`).filter(existsSync);

suite("logins that are not root's, against a real sshd and sudo", { skip: noSudo }, () => {
  let sshd: TestSshd;
  const users: string[] = [];

  const stdin = randomBytes(1 << 20);
  const sha256 = createHash("sha256").update(stdin).digest("hex");

  /** A user of the machine that is there for this test only. */
  const addUser = (user: string, shell: string): string => {
    execFileSync("useradd", ["-M", "-d", "/nonexistent", "-s", shell, "-p", "*", user]);
    users.push(user);
    return user;
  };
  const reach = (user: string, become: "none" | "sudo") =>
    connectSsh({ ...sshd.spec, user }, { name, become, ...sshd });

  before(async () => {
    sshd = await startSshd();
    mkdirSync("/etc/sudoers.d", { recursive: true });
    writeFileSync(SUDOERS, "", { mode: 0o440 });
  });
  after(async () => {
    rmSync(SUDOERS, { force: true });
    for (const user of users) execFileSync("userdel", [user], { stdio: "ignore" });
    await sshd.stop();
  });

  for (const shell of shells) {
    test(`${shell} as login shell: as oneself and as root, scripts and stdin arrive whole`, async () => {
      const user = addUser(`dbt-${shell.slice(9)}-${process.pid}`, shell);
      appendFileSync(SUDOERS, `${user} ALL=(root) NOPASSWD: ALL\n`);
      for (const [become, expected] of [
        ["none", user],
        ["sudo", "root"],
      ] as const) {
        const host = await reach(user, become);
        const script = `# ${"é!\\'\"$x ".repeat(30_000)}\nid -un; umask; sha256sum | cut -c1-64; echo 'a!b' >&2; exit 9`;
        const result = await host.run(script, { stdin });
        await host.close();
        assert.deepEqual(result, { exitCode: 9, stdout: `${expected}\n0022\n${sha256}\n`, stderr: "a!b\n" });
      }
    });
  }

  test("an abort ends what sudo has started", async () => {
    const user = addUser(`dbt-abort-${process.pid}`, "/bin/sh");
    appendFileSync(SUDOERS, `${user} ALL=(root) NOPASSWD: ALL\n`);
    const host = await reach(user, "sudo");
    const marker = `devbackup-test-${process.pid}-sudo`;
    const abort = new AbortController();
    const run = host.run(`MARK=${marker} sleep 60; echo`, { signal: abort.signal });
    await until(() => processesWith(marker).length > 0);
    abort.abort(new Error("enough"));
    await assert.rejects(run, /enough/);
    assert.deepEqual(processesWith(marker), []);
    await host.close();
  });

  test("sudo that wants a password is told as that, and how to change it", async () => {
    const user = addUser(`dbt-password-${process.pid}`, "/bin/sh");
    appendFileSync(SUDOERS, `${user} ALL=(root) ALL\n`);
    const host = await reach(user, "sudo");
    const trouble = await troubleOf(host.run("echo reached"));
    assert.deepEqual([trouble.code, trouble.exitCode], ["sudo-password", 4]);
    assert.match(trouble.next ?? "", /visudo -f \/etc\/sudoers\.d\/devbackup/);
    const local = localHost({ name, become: "none", env: process.env });
    const piped = pipe({ from: local, source: "echo x", to: host, sink: "cat", env: sshd.env });
    assert.equal((await troubleOf(piped)).code, "sudo-password");
    const lock = await host.start("echo locked");
    assert.equal((await troubleOf(lock.firstLine)).code, "sudo-password");
    await host.close();
  });

  test("sudo that allows other commands only is told as sudo's refusal", async () => {
    const user = addUser(`dbt-other-${process.pid}`, "/bin/sh");
    appendFileSync(SUDOERS, `${user} ALL=(root) NOPASSWD: /bin/true\n`);
    const host = await reach(user, "sudo");
    const trouble = await troubleOf(host.run("echo reached"));
    assert.match(trouble.code, /^sudo-(refused|password)$/);
    await host.close();
  });

  test("a script's own failing sudo is the script's failure", async () => {
    const host = await reach("root", "sudo");
    const result = await host.run("echo 'sudo: a password is required' >&2; exit 1");
    assert.deepEqual(result, { exitCode: 1, stdout: "", stderr: "sudo: a password is required\n" });
    await host.close();
  });

  test("a login shell that prints is told as that", async () => {
    const user = addUser(`dbt-noisy-${process.pid}`, "/bin/bash");
    const home = join(sshd.folder, "noisy");
    mkdirSync(home);
    writeFileSync(join(home, ".bashrc"), "echo Welcome\n");
    execFileSync("usermod", ["-d", home, user]);
    const host = await reach(user, "none");
    const trouble = await troubleOf(host.run("echo x"));
    assert.deepEqual([trouble.code, trouble.why], ["login-noisy", "Welcome"]);
    await host.close();
  });

  test("a login that gets no shell is told as that", async () => {
    const host = await reach(addUser(`dbt-nologin-${process.pid}`, "/usr/sbin/nologin"), "none");
    const trouble = await troubleOf(host.run("echo reached"));
    assert.equal(trouble.code, "shell-failed");
    assert.match(trouble.why ?? "", /not available/);
    await host.close();
  });
});
