import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { rescueKitCommand } from "../../src/cli/rescue-kit.ts";
import type { Signer } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { fingerprintOf } from "../../src/transport/hash.ts";
import { CLOUD, DATASETS, HOSTS } from "../desired-state/states.ts";

const SIGNER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHuHCR3L0L7w0bnjMXWlZ2RmMEJyYBzwU6n9AJ3Jr3nk";
const KIT = [
  ...["1-keys.sh", "2-fetch.sh", "3-server.sh", "4-workstation.sh"],
  ...["README.html", "README.txt", "common.sh", "settings.sh", "verify.sh"],
];

describe("devbackup rescue-kit", () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "devbackup-kit-"));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const state = async (...parts: readonly string[]): Promise<string> => {
    const file = join(await mkdtemp(join(dir, "state-")), "devbackup.yaml");
    await writeFile(file, ["version: 1\n", ...parts].join(""));
    return file;
  };
  const make = (config: string, out: string, dataset?: string) =>
    rescueKitCommand({ config, out, color: false, quiet: true, ...(dataset !== undefined && { dataset }) });
  /** What sh reads from a settings file. */
  const read = async (kit: string, name: string): Promise<string> =>
    (await execa("sh", ["-c", `. "$0"; printf %s "$${name}"`, join(kit, "settings.sh")])).stdout;

  test("writes scripts that can be run, settings and the page, into a folder that it makes", async () => {
    const out = join(dir, "new/kit");
    assert.equal(await make(await state(HOSTS, DATASETS, CLOUD), out), 0);
    assert.deepEqual((await readdir(out)).sort(), KIT);
    assert.equal((await stat(join(out, "1-keys.sh"))).mode & 0o777, 0o755);
    for (const script of KIT.filter((name) => name.endsWith(".sh")))
      await execa("sh", ["-n", join(out, script)]);
  });

  test("the settings are what was declared, whatever is in the names", async () => {
    const odd = '/srv/it\'s a $(disk) `x`/"dev" \\ é';
    const dataset = DATASETS.replace("/srv/backups/dev", JSON.stringify(odd));
    const cloud = `${CLOUD}  prefix: "my=backups/b/"\n`;
    const hosts = HOSTS.replace("address: backup.lan", "address: backup.lan, user: chuck, port: 2222");
    const out = join(dir, "odd");
    await make(await state(hosts, dataset, cloud, `encryption: {signers: {dev: "${SIGNER}"}}\n`), out);
    const settings = {
      NAME: "dev",
      REPOSITORY: odd,
      DATASET_PATH: "/home/chuck/code",
      WORKING_COPY: "",
      SERVER: "chuck@backup.lan",
      SSH: "ssh -p 2222",
      BECOME: "sudo -n",
      SIGNER,
      BUCKET: "dev-backups",
      PREFIX: "my%3Dbackups/b/",
      REGION: "auto",
      LABEL_SHAPE: "YYYY-MM",
    };
    for (const [name, value] of Object.entries(settings)) assert.equal(await read(out, name), value, name);
  });

  test("the page has this desired state's names, needs nothing from elsewhere, and says what is not there", async () => {
    const out = join(dir, "page");
    await make(await state(HOSTS, DATASETS.replace("/srv/backups/dev", '"/srv/<b>&"'), CLOUD), out);
    const html = await readFile(join(out, "README.html"), "utf8");
    assert.match(html, /\/srv\/&#60;b&#62;&#38;\/keys/);
    assert.doesNotMatch(html, /<(script|link|img)|src=|href=|url\(/);
    const text = await readFile(join(out, "README.txt"), "utf8");
    for (const words of [
      /\$?R2_ACCESS_KEY_ID/,
      /NO RECOVERY RECIPIENT/,
      /The fingerprint: __/,
      /sh 2-fetch\.sh/,
    ])
      assert.match(text, words);
    const recipient = `age1${"q".repeat(58)}`;
    const complete = join(dir, "complete");
    const encryption = `encryption: {recovery_recipients: [${recipient}], signers: {dev: "${SIGNER}"}}\n`;
    await make(await state(HOSTS, DATASETS, CLOUD, encryption), complete);
    const better = await readFile(join(complete, "README.txt"), "utf8");
    assert.ok(better.includes(recipient) && better.includes("The identity's page lies: __"), better);
    assert.doesNotMatch(better, /NO RECOVERY RECIPIENT|The fingerprint:/);
    assert.ok(
      better.replaceAll("\n", " ").includes(`with the key ${fingerprintOf(SIGNER as Signer)}.`),
      better,
    );
  });

  test("several datasets have a folder each; --dataset names one", async () => {
    const second = DATASETS.replace("datasets:\n", "")
      .replace("  dev:", "  mail:")
      .replaceAll("code", "mail");
    const declared = await state(HOSTS, DATASETS, second.replace("backups/dev", "backups/mail"));
    await make(declared, join(dir, "both"));
    assert.deepEqual(await readdir(join(dir, "both")), ["dev", "mail"]);
    assert.equal(await read(join(dir, "both/mail"), "DATASET_PATH"), "/home/chuck/mail");
    await make(declared, join(dir, "one"), "mail");
    assert.equal(await read(join(dir, "one"), "NAME"), "mail");
  });

  test("never writes into a folder that is not empty", async () => {
    const out = join(dir, "full");
    await mkdir(out);
    await writeFile(join(out, "mine"), "mine\n");
    await assert.rejects(make(await state(HOSTS, DATASETS), out), (error) => {
      assert.ok(error instanceof DevbackupError);
      assert.equal(error.trouble.code, "rescue-kit-already-there");
      return true;
    });
    assert.deepEqual(await readdir(out), ["mine"]);
  });

  test("the scripts use nothing that a rescue system may lack", async () => {
    const folder = join(import.meta.dirname, "../../rescue");
    for (const script of await readdir(folder)) {
      const code = (await readFile(join(folder, script), "utf8")).replace(/^\s*#.*$/gm, "");
      assert.doesNotMatch(
        code,
        /\b(ssh-keygen|node|bash|jq|python3?|perl|xxd|base64 -d)\b(?! -A)|\[\[|\blocal\b/,
        script,
      );
    }
  });
});
