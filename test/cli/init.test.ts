import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { recipientOf } from "../../src/recovery/age-file.ts";
import { openIdentity } from "../../src/recovery/identity.ts";
import { desiredBy } from "../desired-state/states.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { type Answer, onTerminal } from "../recovery/on-terminal.ts";
import { noSshd, startSshd, type TestSshd } from "../transport/sshd.ts";

const SUDOERS = `/etc/sudoers.d/devbackup-init-${process.pid}`;
const COMMAND = `
const { initCommand } = await import(${JSON.stringify(import.meta.resolve("../../src/cli/init.ts"))});
const { showError } = await import(${JSON.stringify(import.meta.resolve("../../src/cli/show-error.ts"))});
const flags = { color: false };
process.exitCode = await initCommand(undefined, flags).catch((error) => showError(error, flags));
`;
const noSudo = noSshd ?? (existsSync("/usr/bin/sudo") ? false : "needs sudo (apt install sudo)");

suite("init on a terminal, with a real sshd and Btrfs", { skip: noSudo || whyNoDisk() }, () => {
  let sshd: TestSshd;
  let knownHosts: string;
  const user = `dbt-init-${process.pid}`;
  before(async () => {
    sshd = await startSshd();
    knownHosts = join(sshd.folder, "learned");
    execFileSync("useradd", ["-M", "-d", "/nonexistent", "-s", "/bin/sh", "-p", "*", user]);
    const config = [
      "Host backup",
      "  HostName 127.0.0.1",
      `  Port ${sshd.port}`,
      `  User ${user}`,
      `  UserKnownHostsFile ${knownHosts}`,
      "  GlobalKnownHostsFile /dev/null",
      "Host *",
      `  IdentityFile ${join(sshd.folder, "id")}`,
      "  IdentityAgent none",
    ];
    writeFileSync(sshd.configFile, `${config.join("\n")}\n`);
    // ssh reads the configuration of the user whom the machine knows, whatever HOME is
    writeFileSync(join(sshd.folder, "ssh"), `#!/bin/sh\nexec /usr/bin/ssh -F ${sshd.configFile} "$@"\n`, {
      mode: 0o755,
    });
  });
  after(async () => {
    rmSync(SUDOERS, { force: true });
    execFileSync("userdel", [user], { stdio: "ignore" });
    await sshd.stop();
  });

  const init = async (answers: readonly Answer[]) => {
    const cwd = mkdtempSync(join(sshd.folder, "run-"));
    const environment = ["R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"].flatMap((name) => ["-u", name]);
    const program = [
      process.execPath,
      "--import",
      import.meta.resolve("tsx"),
      "--input-type=module",
      "-e",
      COMMAND,
    ];
    const told = await onTerminal(
      ["env", "-C", cwd, ...environment, `PATH=${sshd.folder}:${process.env.PATH}`, ...program],
      answers,
    );
    return { ...told, cwd };
  };
  const file = (name: string): string => join(sshd.folder, name);

  test("from nothing to the command to type next", async (context) => {
    const { path: disk } = smallDisk(context);
    shell('mkdir "$1/code"; touch "$1/code/x"; chown -R "$2:" "$1/code"', disk, user);
    const authorized = readFileSync(file("authorized_keys"));
    writeFileSync(file("authorized_keys"), "");
    const again = (mend: () => void) => (): string => {
      mend();
      return "";
    };
    const madeUp = (screen: string) =>
      /^\s+((?:[2-9a-z]{5}-){5}[2-9a-z]{5})\s*$/m.exec(screen)?.[1] ?? "none";
    const { screen, exitCode, cwd } = await init([
      ["Where is the work", ""],
      ["Where are the backups kept", ""],
      ["Address of the server", "backup"],
      ["Login on backup", ""],
      ["Is it the same there?", "y"],
      ["What now?", again(() => writeFileSync(file("authorized_keys"), authorized))],
      [
        "NOPASSWD: ALL",
        again(() => appendFileSync(SUDOERS, `${user} ALL=(root) NOPASSWD: ALL\n`, { mode: 0o440 })),
      ],
      ["Name of the dataset", ""],
      ["Folder to back up", `${disk}/code`],
      ["for its snapshots", `${disk}/code/inside`],
      ["lies inside what is backed up", `\x15${disk}/snapshots`],
      ["Folder for the backups", "/dev/shm/backups"],
      ["not on Btrfs", `\x15${disk}/backups`],
      ["working copy", "/dev/shm/copy"],
      ["Enter once more takes it", ""],
      ["off-site copy", ""],
      ["account ID", "0123456789abcdef0123456789abcdef"],
      ["Bucket", ""],
      ["read the access key ID", ""],
      ["Variable with the access key ID", ""],
      ["read the secret access key", ""],
      ["Variable with the secret access key", ""],
      ["Make the recovery identity", ""],
      ["Enter: make one up", ""],
      ["The same again", madeUp],
    ]);
    assert.equal(exitCode, 0, screen);
    const shown = execFileSync("ssh-keygen", ["-lf", file("host_ed25519.pub")], { encoding: "utf8" }).split(
      " ",
    )[1];
    // as it was before it was broken into lines
    const flat = screen.replaceAll(/\n {4}(?! )/g, " ");
    for (const line of [
      `! host key of backup, new here: ED25519 ${shown}`,
      "To compare, on backup itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
      `In another terminal: ssh-copy-id -p ${sshd.port} ${user}@backup\n`,
      `In another terminal: ssh -t -p ${sshd.port} ${user}@backup "echo '${user} ALL=(root) NOPASSWD: ALL' | sudo tee -a /etc/sudoers.d/devbackup"`,
      "✓ backup: login and sudo work; Btrfs at ",
      `! ${disk}/code is a plain directory of ${user}: apply makes it a subvolume`,
      `✓ ${disk}/snapshots is on the same Btrfs`,
      `, on the disk that it backs up: one broken disk would take both`,
      "! bucket dev-backups is not tried yet: R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY not set",
      "✓ wrote desired-state/devbackup.yaml",
      "✓ tried, and it works: this machine, backup",
      "! /dev/shm/copy is on tmpfs, not on Btrfs; taken all the same",
      "! print devbackup-recovery.html for the safe",
    ])
      assert.ok(flat.includes(line), `${line}\n${screen}`);
    assert.ok(screen.endsWith("export R2_ACCESS_KEY_ID=… R2_SECRET_ACCESS_KEY=…\ndevbackup plan\n"), screen);

    const desired = desiredBy(readFileSync(join(cwd, "desired-state/devbackup.yaml"), "utf8"));
    assert.deepEqual(
      [...desired.hosts.values()].map(({ connection }) => connection),
      [
        { kind: "local" },
        ...[{ kind: "ssh", address: "backup", port: undefined, user: undefined }].map((each) => ({
          ...each,
          identityFile: undefined,
          knownHosts: undefined,
        })),
      ],
    );
    const [{ path, snapshots, owner, repository, workingCopy } = assert.fail()] = desired.datasets;
    assert.deepEqual(
      [path, snapshots, owner, repository, workingCopy],
      [`${disk}/code`, `${disk}/snapshots`, user, `${disk}/backups`, "/dev/shm/copy"],
    );
    const { identities } = await openIdentity(join(cwd, "devbackup-recovery.age"), async () =>
      madeUp(screen),
    );
    assert.deepEqual(desired.recoveryRecipients, await Promise.all(identities.map(recipientOf)));
    assert.ok(existsSync(join(cwd, "devbackup-recovery.html")));
    assert.ok(readFileSync(knownHosts, "utf8").endsWith(` ${sshd.publicHostKey("ed25519")}\n`));
    assert.deepEqual(readdirSync(disk).sort(), ["code"], "nothing is made on the machines");
  });

  test("a no to the host key, and Ctrl-C: exit 130, and nothing is written anywhere", async () => {
    rmSync(knownHosts, { force: true });
    const { screen, exitCode, cwd } = await init([
      ["Where is the work", ""],
      ["Where are the backups kept", ""],
      ["Address of the server", "backup"],
      ["Login on backup", ""],
      ["Is it the same there?", ""],
      ["What now?", "\x03"],
    ]);
    assert.equal(exitCode, 130, screen);
    assert.match(screen, /Nothing was written, but for a host key that you took in\./);
    assert.ok(!existsSync(knownHosts));
    assert.deepEqual(readdirSync(cwd), []);
  });

  test("what is not reached is left for later, and the closing lines tell", async () => {
    const { screen, exitCode, cwd } = await init([
      ["Where is the work", ""],
      ["Where are the backups kept", ""],
      ["Address of the server", "no-such-host.invalid"],
      ["Login on no-such-host.invalid", ""],
      ["What now?", "\x1b[B\x1b[B"],
      ["Name of the dataset", ""],
      ["Folder to back up", "/dev/shm/code"],
      ["Enter once more takes it", ""],
      ["Whose is it to be", "chuck"],
      ["for its snapshots", "/dev/shm/snapshots"],
      ["Enter once more takes it", ""],
      ["Folder for the backups", ""],
      ["working copy", "none"],
      ["off-site copy", "\x1b[B\x1b[B"],
      ["Make the recovery identity", "n"],
    ]);
    assert.equal(exitCode, 0, screen);
    const closing = screen.slice(screen.indexOf("✓ wrote"));
    assert.match(closing, /! no-such-host\.invalid: the name no-such-host\.invalid does not resolve/);
    assert.match(closing, /! there is no recovery identity yet; later: devbackup keys new-recovery/);
    assert.ok(closing.endsWith("\n\ndevbackup plan\n"), closing);
    const [{ repository, workingCopy } = assert.fail()] = desiredBy(
      readFileSync(join(cwd, "desired-state/devbackup.yaml"), "utf8"),
    ).datasets;
    assert.deepEqual([repository, workingCopy], ["/srv/btrfs-backups/dev", null]);
  });
});
