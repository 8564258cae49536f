import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { actionIn, download, expectExit, manifestOf, planned } from "../lab/expect.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { flip, spoil } from "../lab/rot.ts";
import { fingerprint, installTreeTools } from "../lab/tree.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";
const HYDRATED = `${REPOSITORY}/restore/worktree_receive`;
const ANCHOR = "artifacts/anchors/dev@2090-01.full.send.zst.age";
const SECOND = "artifacts/incr/dev@2090-02.incr.from_2090-01.send.zst.age";
const THIRD = "artifacts/incr/dev@2090-03.incr.from_2090-02.send.zst.age";
const MANIFEST = "manifests/snapshots_v2.tsv";

describe("what is damaged at rest is found, named, and mended from the other copy", {
  skip: whyNoLab(),
}, () => {
  let lab: Lab;
  let config: string[];
  let identity: string[];
  /** The files of the repository by their paths, and the objects by their keys, as they should be. */
  let whole: ReadonlyMap<string, string>;
  let objects: ReadonlyMap<string, Uint8Array>;
  before(async () => {
    lab = await startLab({ store: "swift" });
    await Promise.all([installTreeTools(lab, "ws"), installTreeTools(lab, "ls")]);
    const file = join(lab.dir, "recovery");
    await writeFile(file, execFileSync("age-keygen", { stdio: "pipe" }), { mode: 0o600 });
    const recipient = execFileSync("age-keygen", ["-y", file], { encoding: "utf8" }).trim();
    const desired = await lab.desiredState({
      encryption: { recovery_recipients: [recipient] },
      datasets: { dev: { anchor: { max_age_months: 50, max_incremental_ratio: 1000 } } },
    });
    config = ["--config", desired];
    identity = ["--identity", file];
    await lab.must("ws", "btrfs -q subvolume create code && head -c 400K /dev/urandom >code/photo.raw", {
      user: "dev",
    });
    for (const label of ["2090-01", "2090-02", "2090-03"]) await month(label);
    whole = await files();
    objects = await inBucket();
  });
  after(() => lab?.stop());

  const due = () => ["--label", "2090-03", ...config];
  const plan = () => planned(lab, due());
  /** Gives all that it said, as one line. */
  async function apply(exitCode: number, ...more: string[]): Promise<string> {
    const result = await lab.devbackup(["apply", "--yes", ...due(), ...more]);
    assert.equal(result.exitCode, exitCode, result.stdout + result.stderr);
    return unwrapped(result.stdout + result.stderr);
  }
  async function month(label: string): Promise<void> {
    await lab.must("ws", `head -c 20K /dev/urandom >code/${label}`, { user: "dev" });
    await expectExit(lab, 0, ["apply", "--yes", "--label", label, ...config]);
  }
  const at = (path: string) => `${REPOSITORY}/${path}`;
  const key = (path: string) => `dev/${path}`;

  /** But for what tells of the mending. */
  async function files(): Promise<Map<string, string>> {
    const text = await lab.must(
      "ls",
      `cd ${REPOSITORY} && find artifacts manifests keys -type f ! -name '*.before-*' ! -name '*.damaged-*' ! -name 'pushed*' ! -name 'escrow.*' -exec sha256sum {} +`,
    );
    return new Map(text.split("\n").map((line) => [line.slice(66), line.slice(0, 64)]));
  }
  async function inBucket(): Promise<Map<string, Uint8Array>> {
    const keys = (await lab.bucket.list()).map((object) => object.key);
    return new Map(await Promise.all(keys.map(async (each) => [each, await download(lab, each)] as const)));
  }
  async function put(changes: Readonly<Record<string, Uint8Array | string | null>>): Promise<void> {
    const client = await lab.bucket.client();
    for (const [Key, Body] of Object.entries(changes)) {
      const place = { Bucket: lab.bucket.bucket, Key };
      if (Body === null) await client.send(new DeleteObjectCommand(place));
      else await client.send(new PutObjectCommand({ ...place, Body }));
    }
    client.destroy();
  }
  const object = (path: string): Uint8Array => objects.get(key(path)) ?? assert.fail(path);
  /** The second plan is empty, and both copies are what they were. */
  async function allIsWhole(): Promise<void> {
    const { actions, problems } = await plan();
    assert.deepEqual({ actions, problems }, { actions: [], problems: [] });
    assert.deepEqual(await files(), new Map(whole));
    const now = await inBucket();
    assert.deepEqual([...now.keys()], [...objects.keys()]);
    for (const path of [ANCHOR, SECOND, THIRD]) assert.deepEqual(now.get(key(path)), object(path), path);
  }
  const unwrapped = (text: string): string => text.replace(/\s+/g, " ");

  test("on the server, all at once: manifest, state.env, artifacts, escrow, public halves", async () => {
    await lab.must(
      "ls",
      `cd ${REPOSITORY}; truncate -s -20 ${MANIFEST}; : >manifests/state.env; rm ${ANCHOR}; truncate -s -1 ${SECOND}
       truncate -s 100 keys/escrow.age; echo x >keys/ls_dev_sign.pub; rm keys/ls_dev_backup.pub`,
    );
    const found = await plan();
    const manifest = actionIn(found, "manifest:dev");
    assert.equal(manifest.hazard, "none");
    assert.match(manifest.reason, /damaged \(line 4: the last line has no end.*\); the bucket's has 3 rows/);
    assert.match(actionIn(found, "fetch:dev@2090-01").reason, /ls does not have it/);
    assert.match(actionIn(found, "fetch:dev@2090-02").reason, /the file on ls is damaged, and is moved/);
    for (const id of ["escrow:dev", "key:dev", "sign-key:dev"]) actionIn(found, id);
    await apply(0);
    await allIsWhole();
    const kept = await lab.must(
      "ls",
      `cd ${REPOSITORY}; wc -c <$(ls ${MANIFEST}.before-*[0-9]Z); ls tmp/set-aside`,
    );
    assert.match(kept, /^\d+\ndev@2090-02\S+\n$/);
  });

  test("a manifest that can't be read at all, or is gone: put back once the bucket's opens", async () => {
    // a small file lies in Btrfs's own tree, of which there are two copies: something else has to keep it from us
    await lab.must("ls", `cd ${REPOSITORY}; rm ${MANIFEST}; mkdir ${MANIFEST}`);
    const unread = await plan();
    assert.match(actionIn(unread, "manifest:dev").reason, /can't be read to its end: .*Is a directory/);
    await lab.must("ls", `rmdir ${at(MANIFEST)}`);
    await put({ [key(`${MANIFEST}.age`)]: "not the manifest" });
    const texts = (await plan()).problems.map(({ text }) => text).join("\n");
    assert.match(texts, /snapshots_v2\.tsv is gone, .*can't take its place: .*identity does not open it/);
    await apply(6);
    await put({ [key(`${MANIFEST}.age`)]: object(`${MANIFEST}.age`) });
    await apply(0);
    await allIsWhole();
  });

  test("in the bucket, all at once: an object gone, one truncated, manifest, signature and escrow replaced", async () => {
    await put({
      [key(ANCHOR)]: null,
      [key(SECOND)]: object(SECOND).subarray(0, -1),
      [key(`${MANIFEST}.age`)]: "not the manifest",
      [key(`${MANIFEST}.sig`)]: null,
      [key("keys/escrow.age")]: "not the escrow",
    });
    const found = await plan();
    assert.equal(actionIn(found, "upload:dev@2090-01").hazard, "none");
    assert.equal(actionIn(found, "upload:dev@2090-02").hazard, "destructive");
    for (const id of ["upload-manifest:dev", "upload-escrow:dev"]) actionIn(found, id);
    const left = await apply(6);
    assert.match(left, /--approve upload:dev@2090-02/);
    await apply(0, "--approve", "upload:dev@2090-02");
    await allIsWhole();
  });

  test("a flipped bit in an artifact: not sent to the bucket, told with what it costs, fetched once there is a copy", async () => {
    await flip(lab, "ls", at(SECOND));
    await put({ [key(SECOND)]: null });
    actionIn(await plan(), "upload:dev@2090-02");
    const said = await apply(6);
    assert.match(said, /dev@2090-02\S+ is damaged: its SHA-256 is not the manifest's/);
    assert.ok(!(await lab.bucket.list()).some((each) => each.key === key(SECOND)), "a bad copy was sent");
    const lost = await lab.devbackup(["plan", ...due()]);
    assert.match(unwrapped(lost.stdout), /dev@2090-02\S+ is damaged on the server and missing in the bucket/);
    await put({ [key(SECOND)]: object(SECOND) });
    assert.match(actionIn(await plan(), "fetch:dev@2090-02").reason, /is damaged, and is moved/);
    await apply(0);
    await allIsWhole();
  });

  test("an artifact that the disk does not give, when the hydrated snapshots are gone: named, fetched, received", async () => {
    await lab.must("ls", `btrfs -q subvolume delete ${HYDRATED}/*`);
    await spoil(lab, "ls", at(ANCHOR));
    const said = await apply(6);
    assert.match(said, /dev@2090-01\S+ is damaged: it can't be read to its end/);
    assert.match(said, /Input\/output error/);
    assert.match(actionIn(await plan(), "fetch:dev@2090-01").reason, /is damaged, and is moved/);
    await apply(0);
    await allIsWhole();
    assert.equal(
      await fingerprint(lab, ["ls", `${HYDRATED}/dev@2090-03`]),
      await fingerprint(lab, ["ws", "/home/dev/snapshots/dev@2090-03"]),
    );
  });

  test("keys that can't be read: named, and put back from the escrow; the damaged ones stay beside them", async () => {
    await lab.must("ls", `cd ${REPOSITORY}/keys; truncate -s 40 ls_dev_backup.key; : >ls_dev_sign.key`);
    const codes = (await plan()).problems.map(({ code }) => code);
    assert.deepEqual(codes, ["key-damaged", "sign-key-damaged"]);
    await apply(6);
    await expectExit(lab, 0, ["apply", "--yes", "--restore", "latest", ...identity, ...config]);
    await apply(0);
    await allIsWhole();
    const kept = await lab.must("ls", `cd ${REPOSITORY}/keys; stat -c '%a %s' *.damaged-*`);
    assert.equal(kept, "400 40\n400 0\n");
  });

  test("what this machine remembers can't be read: the file is named, and moved away it is learnt anew", async () => {
    const folder = join(lab.dir, "state/devbackup");
    const seen = join(folder, (await readdir(folder))[0] ?? "", "seen.json");
    const text = await readFile(seen);
    await writeFile(seen, text.subarray(0, -20));
    const [problem] = (await plan()).problems;
    assert.equal(problem?.code, "memory-unreadable");
    assert.ok(problem.text.includes(`${seen} is damaged`), problem.text);
    await writeFile(seen, text);
  });

  test("after all that the next month is an increment on the old chain", async () => {
    await month("2090-04");
    const row = (await manifestOf(lab)).at(-1);
    assert.deepEqual([row?.label, row?.parent], ["2090-04", "2090-03"]);
  });
});
