import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { download, expectExit, manifestOf } from "../lab/expect.ts";
import { type Lab, type Machine, startLab, whyNoLab } from "../lab/lab.ts";
import { type Sighting, watchProcesses } from "../lab/watch-processes.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";
const KEY = `${REPOSITORY}/keys/ls_dev_backup.key`;
const SIGN_KEY = `${REPOSITORY}/keys/ls_dev_sign.key`;

describe("no plaintext and no private key gets out", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let config: string[];
  let identity: string;
  /** All that the program has said, in whatever form, and the plans that it has written. */
  const said: string[] = [];
  const sightings: Sighting[] = [];
  /** What must not be found, by its name. */
  const wanted: Record<string, Buffer> = {};
  const inNames = `canary-name-${randomBytes(8).toString("hex")}`;

  before(async () => {
    lab = await startLab();
    identity = join(lab.dir, "recovery.txt");
    await writeFile(identity, execFileSync("age-keygen", { stdio: "pipe" }), { mode: 0o600 });
    const recipient = execFileSync("age-keygen", ["-y", identity], { encoding: "utf8" }).trim();
    const encryption = { recovery_recipients: [recipient] };
    config = ["--config", await lab.desiredState({ encryption, cloud: { part_size: "5 MiB" } })];
    wanted["the recovery identity"] = Buffer.from(
      /AGE-SECRET-KEY-1\S+/.exec(await readFile(identity, "utf8"))?.[0] ?? assert.fail(),
    );
    // random bytes pass through compression as they are, so they would show where only encryption is missing
    const incompressible = randomBytes(13 << 20);
    wanted["plaintext of a file"] = canaryIn(incompressible);
    const text = `canary-text-${randomBytes(8).toString("hex")}`;
    Object.assign(wanted, {
      "plaintext of a text": Buffer.from(text),
      "a file's name": Buffer.from(inNames),
    });
    await lab.must(
      "ws",
      `mkdir -p /home/dev/code/${inNames}; cd /home/dev/code
       base64 -d >${inNames}/${inNames}; echo ${text} >text; chown -R dev: .`,
      { input: incompressible.toString("base64") },
    );
    wanted["the bucket's secret key"] = Buffer.from(lab.bucket.secretAccessKey);
    wanted["a presigned request"] = Buffer.from("X-Amz-Signature");
  });
  after(() => lab?.stop());

  const watchedFor = () =>
    Object.fromEntries(Object.entries(wanted).map(([what, bytes]) => [what, bytes.toString("latin1")]));

  test("a month is backed up, watched at work, with an upload in parts", async () => {
    const saved = join(lab.dir, "saved-plan");
    const args = ["--label", "2026-01", ...config];
    // a first apply only for the key, so that what is watched can be watched for it too
    said.push(
      await expectExit(lab, 0, ["apply", "--yes", "--approve", "all", "--only", "provision", ...args]),
    );
    wanted["the private key"] = Buffer.from((await lab.must("ls", `grep -v '^#' ${KEY}`)).trim());
    assert.match(String(wanted["the private key"]), /^AGE-SECRET-KEY-1/);
    // its secret half begins in the third line, in the middle of what OpenSSH writes before it
    wanted["the sign key"] = Buffer.from((await lab.must("ls", `sed -n 4p ${SIGN_KEY}`)).trim());
    assert.match(String(wanted["the sign key"]), /^[A-Za-z0-9+/]{70}$/);

    const watch = watchProcesses(lab, watchedFor());
    for (const command of [
      ["plan", ...args],
      ["plan", "--json", "--verbose", ...args],
      ["plan", "--out", saved, ...args],
      ["explain", "upload:dev@2026-01", "--json", ...args],
      ["apply", "--yes", "--json", "--verbose", "--config", config[1] ?? "", saved],
    ]) {
      const { exitCode, stdout, stderr } = await lab.devbackup(command);
      assert.equal(exitCode, 0, stdout + stderr);
      said.push(stdout, stderr);
    }
    await lab.must("ws", "echo more >>/home/dev/code/text");
    const { exitCode, stdout, stderr } = await lab.devbackup([
      "apply",
      "--yes",
      "--verbose",
      "--label",
      "2026-02",
      ...config,
    ]);
    assert.equal(exitCode, 0, stdout + stderr);
    for (const command of [
      ["keys", "show", "--json"],
      ["keys", "test", "--verbose", "--identity", identity],
      ["keys", "escrow", "--yes", "--verbose", "--out", join(lab.dir, "escrow.age")],
    ])
      said.push(await expectExit(lab, 0, [...command, ...config]));
    said.push(stdout, stderr, await readFile(saved, "utf8"));
    assert.match(said.join(), /MiB in 3 parts/);
    sightings.push(...(await watch.stop()));
  });

  test("errors about the bucket name no secret", async () => {
    const env = { R2_SECRET_ACCESS_KEY: `wrong-${randomBytes(8).toString("hex")}` };
    wanted["a wrong secret key"] = Buffer.from(env.R2_SECRET_ACCESS_KEY);
    const { stdout, stderr } = await lab.devbackup(["plan", "--verbose", ...config], { env });
    assert.match(stdout + stderr, /bucket/);
    const unsent = await lab.devbackup(["apply", "--yes", "--json", "--label", "2026-03", ...config], {
      env,
    });
    assert.notEqual(unsent.exitCode, 0);
    said.push(stdout, stderr, unsent.stdout, unsent.stderr);
  });

  test("not in what the program says, plans or notes down", async () => {
    const journal = await lab.must("ls", `cat ${REPOSITORY}/logs/*`);
    assert.match(journal, /upload:dev@2026-01/);
    for (const text of [...said, journal]) assertClean(text);
    assert.throws(
      () => assertClean(`${said[0]}${wanted["the private key"]}`),
      "the search finds what is there",
    );
  });

  test("not in the arguments or the environment of a process", async () => {
    // bin/devbackup asks which Node there is, before anyone can know what in the environment is secret
    assert.deepEqual(
      sightings.filter(({ command }) => command !== "node --version "),
      [],
    );
    // the same watch sees it where it is: on either machine, and in what the controller starts
    const watch = watchProcesses(lab, watchedFor());
    const canary = lab.bucket.secretAccessKey;
    await lab.must("ls", `perl -e 'select undef, undef, undef, 1' ${canary}`);
    await lab.must("ws", `CANARY=${canary} sleep 1`);
    await execa("sh", ["-c", `SECRET=${canary} sleep 1.5; :`]);
    const seen = await watch.stop();
    assert.deepEqual(
      seen
        .map(({ where, command }) => `${where} of ${command.split(" ")[0]}`)
        // what hands a script on has it in its arguments
        .filter((each) => !/ of (sh|ba.*|nsenter|setpriv|env)$/.test(each))
        .sort(),
      ["cmdline of perl", "environ of sleep", "environ of sleep"],
    );
  });

  test("the bucket holds only what age has encrypted, and no byte of it is plain", async () => {
    const objects = await lab.bucket.list();
    assert.equal(objects.length, (await manifestOf(lab)).length + 3);
    for (const { key } of objects) {
      if (key.endsWith(".sig")) continue;
      const head = Buffer.from(await download(lab, key)).toString("latin1", 0, 22);
      assert.equal(head, "age-encryption.org/v1\n", key);
    }
    const inBucket = () =>
      search(
        lab.bucket.dir,
        "the private key",
        "the sign key",
        "plaintext of a file",
        "plaintext of a text",
        "a file's name",
      );
    assert.deepEqual(await inBucket(), []);
    const { PutObjectCommand } = await import("@aws-sdk/client-s3");
    const client = await lab.bucket.client();
    const Body = Buffer.concat(Object.values(wanted));
    await client.send(new PutObjectCommand({ Bucket: lab.bucket.bucket, Key: "canary", Body }));
    assert.equal((await inBucket()).length, 5, "the search finds what is there");
  });

  test("the workstation holds the private keys nowhere, not even in blocks that are free again", async () => {
    await lab.must("ws", "sync");
    const disk = join(lab.dir, "ws");
    for (const key of ["the private key", "the sign key"]) {
      assert.deepEqual(await search(disk, key), []);
      await lab.must("ws", "base64 -d >/home/dev/canary; sync /home/dev/canary; rm /home/dev/canary", {
        input: wanted[key]?.toString("base64") ?? "",
      });
      assert.deepEqual(await search(disk, key), [key], "the search finds what is there");
    }
  });

  test("what the controller keeps holds no private key", async () => {
    const folder = join(lab.dir, "state");
    const keys = ["the private key", "the sign key", "the recovery identity"];
    assert.deepEqual(await search(folder, ...keys), []);
    await writeFile(join(folder, "canary"), Buffer.concat(keys.map((key) => wanted[key] ?? Buffer.alloc(0))));
    assert.deepEqual(await search(folder, ...keys), keys, "the search finds what is there");
    await rm(join(folder, "canary"));
  });

  test("plaintext lies only where it belongs, keys and requests nowhere else", async () => {
    const inPlace = {
      ws: "-path /home/dev/code -o -path /home/dev/code.before-devbackup -o -path /home/dev/snapshots",
      ls: `-path ${REPOSITORY}/restore/worktree_receive -o -path /srv/work -o -path ${KEY} -o -path ${SIGN_KEY}`,
    };
    for (const machine of ["ws", "ls"] as const) {
      const find = () => searchMachine(machine, inPlace[machine]);
      assert.deepEqual(await find(), [], machine);
      const everything = Buffer.concat(Object.values(wanted).flatMap((bytes) => [bytes, Buffer.from("\n")]));
      await lab.must(machine, `base64 -d >/var/tmp/canary; mkdir /opt/${inNames}`, {
        input: everything.toString("base64"),
      });
      const found = await find();
      for (const what of Object.keys(wanted)) assert.ok(found.includes(`/var/tmp/canary: ${what}`), what);
      assert.ok(found.includes(`/opt/${inNames}: a file's name`));
      await lab.must(machine, "rm /var/tmp/canary");
    }
  });

  function assertClean(text: string): void {
    for (const [what, bytes] of Object.entries(wanted))
      assert.ok(!text.includes(bytes.toString("latin1")), `${what} is in: ${text.slice(0, 2000)}`);
  }

  /** Which of them stand in any file below a folder of this machine; holes are not read. */
  async function search(folder: string, ...whats: string[]): Promise<string[]> {
    assert.ok((await readdir(folder)).length > 0);
    const found = [];
    for (const what of whats) {
      const patterns = join(lab.dir, "patterns");
      await writeFile(patterns, wanted[what] ?? "");
      // a journal that grows meanwhile is exit code 1 of tar, and read all the same
      const script =
        'set -o pipefail; { tar -cSf - -C "$1" . || [ $? = 1 ]; } | { LC_ALL=C grep -caF -f "$2" || :; }';
      const { stdout } = await execa("bash", ["-c", script, "-", folder, patterns]);
      if (stdout !== "0") found.push(what);
    }
    return found;
  }

  /** Where they stand on a machine: in any file, or as a name, but for the paths that `except` finds. */
  async function searchMachine(machine: Machine, except: string): Promise<string[]> {
    const prune = `\\( -path /proc -o -path /sys -o -path '/dev/loop*' -o -path /tmp/wanted -o ${except} \\) -prune`;
    const whats = Object.keys(wanted);
    const input = whats.map((what) => `${wanted[what]?.toString("base64")}\n`).join("");
    const script = `export LC_ALL=C; mkdir -p /tmp/wanted; cd /tmp/wanted; n=0
      while read -r line; do echo "$line" | base64 -d >$n; echo >>$n; n=$((n + 1)); done; cat [0-9] >all
      find / ${prune} -o -type f -print0 | xargs -0 grep -lZaF -f all -- >files
      for n in [0-9]; do xargs -0r grep -laF -f $n -- <files | sed "s/^/$n /"; done
      find / ${prune} -o -name '*${inNames}*' -printf '${whats.indexOf("a file's name")} %p\\n'; rm -r /tmp/wanted`;
    const lines = (await lab.must(machine, script, { input })).split("\n").filter(Boolean);
    return lines.map((line) => `${line.slice(2)}: ${whats[Number(line[0])]}`);
  }
});

/** Sixteen bytes out of the middle that grep can look for: no end of line, no NUL. */
function canaryIn(bytes: Buffer): Buffer {
  for (let at = bytes.length >> 1; ; at++) {
    const canary = bytes.subarray(at, at + 16);
    if (!canary.includes(0) && !canary.includes(10)) return Buffer.from(canary);
  }
}
