import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { actionIn, download, expectExit, planned } from "../lab/expect.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";
const MANIFEST = `${REPOSITORY}/manifests/snapshots_v2.tsv`;
const ESCROW_KEY = "dev/keys/escrow.age";
const SIGNATURE_KEY = "dev/manifests/snapshots_v2.tsv.sig";

interface Recovery {
  readonly file: string;
  readonly recipient: string;
}

describe("the server's keys, their escrow, and the manifest that they sign", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let ours: Recovery;
  let theirs: Recovery;
  let args: string[];

  before(async () => {
    lab = await startLab();
    ours = await recovery("ours");
    theirs = await recovery("theirs");
    args = await argsFor([ours]);
    await lab.must("ws", "btrfs -q subvolume create code && head -c 2M /dev/urandom >code/photo.raw", {
      user: "dev",
    });
  });
  after(() => lab?.stop());

  async function recovery(name: string): Promise<Recovery> {
    const file = join(lab.dir, `${name}.txt`);
    await writeFile(file, execFileSync("age-keygen", { stdio: "pipe" }), { mode: 0o600 });
    return { file, recipient: execFileSync("age-keygen", ["-y", file], { encoding: "utf8" }).trim() };
  }
  async function argsFor(recoveries: readonly Recovery[], more = {}): Promise<string[]> {
    const recovery_recipients = recoveries.map(({ recipient }) => recipient);
    return ["--config", await lab.desiredState({ encryption: { recovery_recipients, ...more } })];
  }
  const at = (label: string, given = args) => ["--label", label, ...given];
  const apply = (label: string, ...more: string[]) => ["apply", "--yes", ...at(label), ...more];
  const memory = async (): Promise<string> => {
    const folder = join(lab.dir, "state/devbackup");
    const [name = ""] = await readdir(folder);
    return join(folder, name);
  };
  const ids = async (label: string, given = args) =>
    (await planned(lab, at(label, given))).actions.map(({ id }) => id);
  const problems = async (label: string, given = args) =>
    (await planned(lab, at(label, given))).problems.map(({ code }) => code);
  const warned = async (label: string) => {
    const { stdout } = await lab.devbackup(["plan", "--json", ...at(label)]);
    return (JSON.parse(stdout) as { warnings: { code: string }[] }).warnings.map(({ code }) => code);
  };
  const everything = () =>
    lab.must(
      "ls",
      `cd ${REPOSITORY}; find . -path ./restore -prune -o -path ./locks -prune -o -type f -exec sha256sum {} + | sort -k2`,
    );
  const escrows = async () => ({
    server: (await lab.must("ls", `base64 <${REPOSITORY}/keys/escrow.age`)).replaceAll("\n", ""),
    controller: (await readFile(join(await memory(), "escrow.age"))).toString("base64"),
    bucket: Buffer.from(await download(lab, ESCROW_KEY)).toString("base64"),
  });
  const keysTest = (recovery: Recovery) => ["keys", "test", "--identity", recovery.file, ...args];

  test("the first apply makes sign key, signature and escrow, everywhere; the second has nothing to do", async () => {
    const plan = await planned(lab, at("2090-01"));
    for (const id of ["sign-key:dev", "escrow:dev", "escrow-copy:dev", "upload-escrow:dev"])
      assert.equal(actionIn(plan, id).hazard, "none");
    assert.deepEqual(await warned("2090-01"), ["no-escrow"]);
    await expectExit(lab, 0, apply("2090-01"));
    assert.deepEqual(await ids("2090-01"), []);
    assert.deepEqual(await warned("2090-01"), ["escrow-untested"]);
    const { server, controller, bucket } = await escrows();
    assert.equal(controller, server);
    assert.equal(bucket, server);
    const rights = await lab.must("ls", `cd ${REPOSITORY}/keys; stat -c '%a %U %n' ls_dev_sign.* escrow.age`);
    assert.equal(rights, "400 root ls_dev_sign.key\n444 root ls_dev_sign.pub\n440 root escrow.age\n");
    assert.equal((await stat(await memory())).mode & 0o777, 0o700);
    assert.equal((await stat(join(await memory(), "seen.json"))).mode & 0o777, 0o600);
  });

  test("what the bucket has is signed by the key on the server, as anyone can check with ssh-keygen alone", async () => {
    const dir = join(lab.dir, "check");
    await mkdir(dir);
    const pub = await lab.must("ls", `cat ${REPOSITORY}/keys/ls_dev_sign.pub`);
    await writeFile(join(dir, "allowed"), `devbackup namespaces="devbackup-manifest" ${pub}`);
    await writeFile(join(dir, "sig"), await download(lab, SIGNATURE_KEY));
    const encrypted = await download(lab, "dev/manifests/snapshots_v2.tsv.age");
    const manifest = execFileSync("age", ["-d", "-i", ours.file], { input: encrypted });
    const verify = (input: Buffer) =>
      execFileSync(
        "ssh-keygen",
        [
          "-Y",
          "verify",
          "-I",
          "devbackup",
          "-n",
          "devbackup-manifest",
          "-f",
          join(dir, "allowed"),
          "-s",
          join(dir, "sig"),
        ],
        { input, stdio: "pipe" },
      );
    verify(manifest);
    assert.throws(() => verify(Buffer.concat([manifest, Buffer.from("x")])));
  });

  test("a second month: the bucket has the signature of the manifest before, too", async () => {
    await lab.must("ws", "head -c 1M /dev/urandom >code/more.raw", { user: "dev" });
    await expectExit(lab, 0, apply("2090-02"));
    assert.deepEqual(await ids("2090-02"), []);
    const blocks = Buffer.from(await download(lab, SIGNATURE_KEY))
      .toString()
      .match(/BEGIN SSH SIGNATURE/g);
    assert.equal(blocks?.length, 2);
    const seen = JSON.parse(await readFile(join(await memory(), "seen.json"), "utf8"));
    assert.equal(seen.newest.label, "2090-02");
  });

  test("keys show names the keys, the places of the escrow, and the line that declares the signer", async () => {
    const pub = (await lab.must("ls", `cut -d' ' -f1,2 ${REPOSITORY}/keys/ls_dev_sign.pub`)).trim();
    const text = await expectExit(lab, 0, ["keys", "show", ...args]);
    assert.match(text, /the one that this machine has seen before/);
    assert.match(text, /escrow {5}ls: today's/);
    assert.match(text, /escrow {5}this machine: today's/);
    assert.match(text, /escrow {5}the bucket: today's/);
    assert.match(text, /tested {5}never/);
    assert.ok(text.includes(`encryption:\n  signers:\n    dev: ${pub}\n`), text);
    const { datasets } = JSON.parse(await expectExit(lab, 0, ["keys", "show", "--json", ...args]));
    assert.equal(datasets[0].signer, pub);
    assert.equal(
      await problems("2090-02", await argsFor([ours], { signers: { dev: pub } })).then(String),
      "",
    );
  });

  test("keys test: another identity opens nothing, the right one everything; then no plan warns", async () => {
    const wrong = await expectExit(lab, 6, keysTest(theirs));
    assert.match(wrong, /FAILED {2}the escrow on ls: .*not\s+encrypted to this recovery identity/s);
    assert.deepEqual(await warned("2090-02"), ["escrow-untested"]);
    const right = await expectExit(lab, 0, keysTest(ours));
    assert.match(right, /opens with the identity in the escrow \(on ls\)/);
    assert.match(right, /signed by the signer in the escrow,\s+SHA256:/);
    assert.deepEqual(await warned("2090-02"), []);
  });

  test("a workstation that is gone is in the way of neither keys show nor keys test", async () => {
    await lab.cut("ws");
    try {
      assert.match(await expectExit(lab, 0, ["keys", "show", ...args]), /escrow {5}ls: today's/);
      await expectExit(lab, 0, keysTest(ours));
    } finally {
      await lab.heal("ws");
    }
  });

  test("without the artifact on the server, the bucket's proves it", async () => {
    const file = (await lab.must("ls", `ls ${REPOSITORY}/artifacts/incr`)).trim();
    await lab.must("ls", `mv ${REPOSITORY}/artifacts/incr/${file} /srv/`);
    assert.match(
      await expectExit(lab, 0, keysTest(ours)),
      /opens with the identity in the escrow \(in the bucket\)/,
    );
    await lab.must("ls", `mv /srv/${file} ${REPOSITORY}/artifacts/incr/`);
  });

  test("a copy that is damaged is named", async () => {
    const client = await lab.bucket.client();
    const place = { Bucket: lab.bucket.bucket, Key: ESCROW_KEY };
    await client.send(new PutObjectCommand({ ...place, Body: "damaged" }));
    const said = await expectExit(lab, 6, keysTest(ours));
    assert.match(said, /FAILED {2}the escrow in the bucket/);
    assert.match(said, /ok {6}the escrow on ls/);
    assert.deepEqual(await ids("2090-02"), ["upload-escrow:dev"]);
    await expectExit(lab, 0, ["keys", "escrow", "--yes", ...args]);
    await expectExit(lab, 0, keysTest(ours));
    client.destroy();
  });

  test("other recipients: a new escrow everywhere, which only they open; --out writes one more copy", async () => {
    const before = await escrows();
    args = await argsFor([theirs]);
    assert.deepEqual(await ids("2090-02"), ["escrow:dev", "escrow-copy:dev", "upload-escrow:dev"]);
    const out = join(lab.dir, "copy.age");
    // left out, the escrow there is still for the others: a copy of it is none
    await expectExit(lab, 1, ["keys", "escrow", "--yes", "--host", "ws", "--out", out, ...args]);
    await expectExit(lab, 0, ["keys", "escrow", "--yes", "--out", out, ...args]);
    const now = await escrows();
    assert.notEqual(now.server, before.server);
    assert.equal(now.controller, now.server);
    assert.equal(now.bucket, now.server);
    assert.equal((await readFile(out)).toString("base64"), now.server);
    await expectExit(lab, 1, ["keys", "escrow", "--yes", "--out", out, ...args]);
    assert.deepEqual(await warned("2090-02"), ["escrow-untested"]);
    await expectExit(lab, 6, keysTest(ours));
    await expectExit(lab, 0, keysTest(theirs));
  });

  test("a manifest that was tampered with is refused, and nothing is changed; only sign on approval lets it through", async () => {
    const good = await lab.must("ls", `cat ${MANIFEST}`);
    await lab.must(
      "ls",
      `sed -i '2s/\\t[0-9a-f]\\{64\\}\\t/\\t${"0".repeat(64)}\\t/' ${MANIFEST}; ! cmp -s ${MANIFEST} /dev/null`,
    );
    const before = await everything();
    const plan = await planned(lab, at("2090-02"));
    assert.equal(actionIn(plan, "sign:dev").hazard, "destructive");
    assert.match(
      actionIn(plan, "sign:dev").reason,
      /not the one that the server signed; it was changed since/,
    );
    const refused = await expectExit(lab, 6, apply("2090-02"));
    assert.match(refused, /--approve sign:dev/);
    const still = (text: string) => text.split("\n").filter((line) => !line.includes("/logs/"));
    assert.deepEqual(still(await everything()), still(before));
    await lab.must("ls", `cat >${MANIFEST}`, { input: good });
    assert.deepEqual(await ids("2090-02"), []);

    const seen = join(await memory(), "seen.json");
    await rename(seen, `${seen}.away`);
    await lab.must("ls", `rm ${MANIFEST}.sig`);
    // what the new signature will be is known only when it is made
    assert.deepEqual(await ids("2090-02"), ["sign:dev", "upload-manifest:dev"]);
    await expectExit(lab, 6, apply("2090-02"));
    await expectExit(lab, 0, apply("2090-02", "--approve", "sign:dev"));
    assert.deepEqual(await ids("2090-02"), []);
  });

  test("a signature that is gone, of the very manifest that this machine has seen, is made again unasked", async () => {
    await lab.must("ls", `rm ${MANIFEST}.sig`);
    assert.deepEqual(await ids("2090-02"), ["sign:dev", "upload-manifest:dev"]);
    await expectExit(lab, 0, apply("2090-02"));
    assert.deepEqual(await ids("2090-02"), []);
  });

  test("a write that was cut off before its last step is ended without a question", async () => {
    await lab.must(
      "ls",
      `cd ${REPOSITORY}/manifests; cp -p snapshots_v2.tsv snapshots_v2.tsv.new; sed -i '$d' snapshots_v2.tsv`,
    );
    assert.deepEqual(await ids("2090-02"), ["manifest:dev"]);
    await expectExit(lab, 0, apply("2090-02"));
    assert.deepEqual(await ids("2090-02"), []);
  });

  test("a manifest that is older than one that was seen is refused, properly signed as it is", async () => {
    await lab.must(
      "ls",
      `cd ${REPOSITORY}; cp -p manifests/snapshots_v2.tsv /srv/newer; cp -p manifests/snapshots_v2.tsv.sig /srv/newer.sig
       sed -i '$d' manifests/snapshots_v2.tsv
       ssh-keygen -q -Y sign -f keys/ls_dev_sign.key -n devbackup-manifest <manifests/snapshots_v2.tsv >manifests/snapshots_v2.tsv.sig`,
    );
    assert.deepEqual(await problems("2090-02"), ["manifest-rolled-back"]);
    const before = await everything();
    await expectExit(lab, 6, apply("2090-02"));
    assert.equal(await everything(), before);
    await lab.must(
      "ls",
      `cd ${REPOSITORY}/manifests; mv /srv/newer snapshots_v2.tsv; mv /srv/newer.sig snapshots_v2.tsv.sig`,
    );
    assert.deepEqual(await ids("2090-02"), []);
  });

  test("another signer is refused, a lost one too; what was seen can be let go of by moving a file away", async () => {
    const keys = `${REPOSITORY}/keys`;
    await lab.must("ls", `mkdir /srv/kept; mv ${keys}/ls_dev_sign.* /srv/kept; rm ${MANIFEST}.sig`);
    assert.deepEqual(await problems("2090-02"), ["sign-key-lost"]);
    await lab.must(
      "ls",
      `ssh-keygen -q -t ed25519 -N '' -C 'devbackup dev' -f ${keys}/ls_dev_sign.key
       cd ${keys}; mv ls_dev_sign.key.pub ls_dev_sign.pub; chmod 400 ls_dev_sign.key; chmod 444 ls_dev_sign.pub
       ssh-keygen -q -Y sign -f ls_dev_sign.key -n devbackup-manifest <${MANIFEST} >${MANIFEST}.sig`,
    );
    assert.deepEqual(await problems("2090-02"), ["signer-changed"]);
    await expectExit(lab, 6, apply("2090-02"));
    const seen = join(await memory(), "seen.json");
    await rename(seen, `${seen}.old`);
    assert.deepEqual(await problems("2090-02"), []);
    await expectExit(lab, 0, apply("2090-02"));
    assert.deepEqual(await ids("2090-02"), []);
    await rm(`${seen}.old`);
    await expectExit(lab, 0, keysTest(theirs));
  });
});
