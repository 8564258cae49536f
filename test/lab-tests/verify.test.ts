import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { download, manifestOf, planned } from "../lab/expect.ts";
import { hold, installHold, isHeld, release } from "../lab/hold.ts";
import { type Changes, type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { flip, spoil } from "../lab/rot.ts";
import { startDevbackup } from "../lab/started.ts";
import { fingerprint, installTreeTools } from "../lab/tree.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";
const HYDRATED = `${REPOSITORY}/restore/worktree_receive`;
const SECOND = "artifacts/incr/dev@2090-02.incr.from_2090-01.send.zst.age";
const RECORD = `${REPOSITORY}/logs/verified.tsv`;

describe("what is kept is verified, and what is damaged is mended by the next apply", {
  skip: whyNoLab(),
}, () => {
  let lab: Lab;
  let config: string[];
  before(async () => {
    lab = await startLab({ store: "swift" });
    await Promise.all([installTreeTools(lab, "ws"), installTreeTools(lab, "ls")]);
    config = await declared({});
    await lab.must("ws", "btrfs -q subvolume create code && head -c 400K /dev/urandom >code/photo.raw", {
      user: "dev",
    });
    for (const label of ["2090-01", "2090-02", "2090-03"]) await month(label);
  });
  after(() => lab?.stop());

  const declared = async (changes: Changes): Promise<string[]> => [
    "--config",
    await lab.desiredState({
      datasets: { dev: { anchor: { max_age_months: 50, max_incremental_ratio: 1000 } } },
      ...changes,
    }),
  ];
  async function month(label: string, exitCode = 0, how = config): Promise<string> {
    await lab.must("ws", `head -c 20K /dev/urandom >code/${label}`, { user: "dev" });
    return say(exitCode, ["apply", "--yes", "--label", label, ...how]);
  }
  /** All that it said, as one line. */
  async function say(exitCode: number, args: readonly string[]): Promise<string> {
    const { exitCode: code, stdout, stderr } = await lab.devbackup(args);
    assert.equal(code, exitCode, `${args.join(" ")}\n${stdout}${stderr}`);
    return (stdout + stderr).replace(/\s+/g, " ");
  }
  const verify = async (exitCode: number, ...more: string[]): Promise<string> => {
    const said = await say(exitCode, ["verify", ...more, ...config]);
    // in a log, what is well is a line in the table
    assert.equal(/ ok dev@\S+ on ls [\d.]+ \S?i?B /.test(said), more.includes("--verbose"), said);
    return said;
  };
  const newest = async () => (await manifestOf(lab)).at(-1)?.label ?? assert.fail();
  /** The next apply mends it, unasked, and makes an empty second plan; then all is well. */
  async function mended(...ids: string[]): Promise<void> {
    const args = ["apply", "--json", "--label", await newest(), ...config];
    const { exitCode, stdout, stderr } = await lab.devbackup(args);
    assert.equal(exitCode, 0, stdout + stderr);
    const { plan } = JSON.parse(stdout.slice(0, stdout.indexOf("\n")));
    assert.deepEqual(plan.actions.map(({ id }: { id: string }) => id).sort(), ids.sort());
    await verify(0, "--deep", "--cloud", "--verbose");
  }
  /** Another object under that key, with the size and the note of the right one. */
  async function damageObject(path: string): Promise<void> {
    const row = (await manifestOf(lab)).find(({ localPath }) => localPath === path) ?? assert.fail(path);
    const bytes = Buffer.from(await download(lab, row.objectKey));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 100) ^ 1, bytes.length - 100);
    await putObject(row.objectKey, bytes, row.sha256);
  }
  /** The pattern of `curl` that gets it. */
  async function downloadOf(label: string): Promise<string> {
    const row = (await manifestOf(lab)).find((each) => each.label === label) ?? assert.fail(label);
    const client = await lab.bucket.client();
    const head = new HeadObjectCommand({ Bucket: lab.bucket.bucket, Key: row.objectKey });
    const { ETag = assert.fail(label) } = await client.send(head);
    client.destroy();
    return `curl *If-Match: ${ETag}*`;
  }
  async function putObject(Key: string, Body: Uint8Array, sha256: string): Promise<void> {
    const client = await lab.bucket.client();
    await client.send(new PutObjectCommand({ Bucket: lab.bucket.bucket, Key, Body, Metadata: { sha256 } }));
    client.destroy();
  }

  test("all is well: said, as a table and as a document, and noted on the server", async () => {
    assert.match(await verify(0), /2090-02 increment .* ok ok, by its note ok.* verified: all 9 copies/);
    assert.match(await verify(0, "--deep", "--cloud"), /2090-02 increment .* ok, parsed ok, read ok/);
    const document = JSON.parse((await lab.devbackup(["verify", "--json", ...config])).stdout);
    assert.equal(document.formatVersion, 1);
    const [{ labels, counts, result }] = document.datasets;
    assert.deepEqual([labels.length, labels[1].server.state, labels[1].bucket.check], [3, "ok", "note"]);
    assert.deepEqual([counts.ok, counts.damaged, result], [9, 0, "ok"]);
    assert.equal(
      (await lab.must("ls", `stat -c '%a %U' ${RECORD}; grep -c . ${RECORD}`)).trim(),
      "600 root\n16",
    );
  });

  test("a flipped bit in an artifact", async () => {
    await flip(lab, "ls", `${REPOSITORY}/${SECOND}`);
    const said = await verify(6);
    assert.match(said, /damaged dev@2090-02\.incr\S+ on ls: sha256 \w+, expected \w+/);
    assert.match(said, /verified: 1 damaged, of 9 copies; .* next: devbackup apply/);
    await mended("fetch:dev@2090-02");
  });

  test("other bytes under an object's name, size and note: a download alone can tell", async () => {
    await damageObject(SECOND);
    await verify(0);
    assert.match(
      await verify(6, "--cloud"),
      /damaged dev@2090-02\.incr\S+ in the bucket: sha256 \w+, expected/,
    );
    await mended("upload:dev@2090-02");
  });

  test("both copies: never silence, and it is said what that costs; the one that comes back mends the other", async () => {
    const row = (await manifestOf(lab)).find(({ label }) => label === "2090-02") ?? assert.fail();
    const good = await download(lab, row.objectKey);
    await damageObject(SECOND);
    await flip(lab, "ls", `${REPOSITORY}/${SECOND}`);
    const said = await verify(6, "--cloud");
    assert.match(said, /The artifact of 2090-02 is whole nowhere: what rests on it stands on ls alone/);
    const nothing = await say(0, ["plan", "--label", "2090-03", ...config]);
    assert.match(nothing, /2090-02\S+ is damaged on the server and damaged in the bucket.*Nothing to do/);
    await putObject(row.objectKey, good, row.sha256);
    await mended("fetch:dev@2090-02");
  });

  test("a hydrated snapshot that the disk does not give: the file is named; kept aside, and received again", async () => {
    const all = ["2090-01", "2090-02", "2090-03"];
    // one place on the disk: increments are received onto their parents, and share what did not change
    for (const at of all) await spoil(lab, "ls", `${HYDRATED}/dev@${at}/photo.raw`);
    const said = await verify(6);
    assert.match(
      said,
      /damaged the snapshot dev@2090-02 on ls: 1 file can't be read: \.\/photo\.raw: Input\/output/,
    );
    await mended(...all.flatMap((at) => [`set-aside-snapshot:dev@${at}`, `hydrate:dev@${at}`]));
    for (const at of all)
      assert.equal(
        await fingerprint(lab, ["ls", `${HYDRATED}/dev@${at}`]),
        await fingerprint(lab, ["ws", `/home/dev/snapshots/dev@${at}`]),
      );
    assert.match(await lab.must("ls", `ls ${HYDRATED}`), /set-aside\.dev@2090-03\.\d+T\d+Z/);
    // the next increment is received onto the new one, not onto the one with the same lineage beside it
    await month("2090-04");
    await lab.must("ls", `cat ${HYDRATED}/dev@2090-04/photo.raw >/dev/null`);
    await lab.must("ls", `btrfs -q subvolume delete ${HYDRATED}/set-aside.*`);
  });

  test("a controller that is killed half way: the next run goes on, and says so", async () => {
    await lab.must("ls", `rm ${RECORD}`);
    await installHold(lab, "ls");
    // so that they are looked at in the manifest's order, and it is killed when it knows of one object and not of all
    await hold(lab, "ls", "before", await downloadOf("2090-01"));
    await lab.must("ls", "cat >/run/hold/half", { input: await downloadOf("2090-02") });
    const first = startDevbackup(lab, ["verify", "--cloud", ...config]);
    await isHeld(lab, "ls");
    // what it knows is written down once a second
    await sleep(1200);
    await lab.must("ls", "rm /run/hold/held.* /run/hold/before");
    await isHeld(lab, "ls");
    first.signal("SIGKILL");
    await first.ended;
    await release(lab, "ls");
    const killedAt = Date.now();
    let again = await lab.devbackup(["verify", "--cloud", "--json", ...config]);
    for (let tries = 0; again.exitCode === 3 && tries < 30; tries += 1) {
      await sleep(1000);
      again = await lab.devbackup(["verify", "--cloud", "--json", ...config]);
    }
    assert.equal(again.exitCode, 0, again.stderr);
    assert.match(again.stderr.replace(/\s+/g, " "), /It went on with the run of \d{4}-\d\d-\d\d/);
    const [{ resumedFrom, labels }] = JSON.parse(again.stdout).datasets;
    assert.notEqual(resumedFrom, null);
    const times: number[] = labels
      .flatMap(({ server, bucket, hydrated }: Record<string, { at: string }>) => [server, bucket, hydrated])
      .map(({ at }: { at: string }) => Date.parse(at));
    assert.ok(times.some((at) => at < killedAt) && times.some((at) => at > killedAt), again.stdout);
    const anew = await lab.devbackup(["verify", "--all", "--json", ...config]);
    assert.equal(JSON.parse(anew.stdout).datasets[0].resumedFrom, null);
  });

  test("a share after each new label: all has its turn; damage ends the apply with 6, and the backup is done", async () => {
    const shared = await declared({ verify: { share: "34 %" } });
    await lab.must("ls", `rm ${RECORD}`);
    for (const label of ["2090-05", "2090-06", "2090-07"])
      assert.match(await month(label, 0, shared), /verify:dev/);
    assert.deepEqual((await planned(lab, ["--label", "2090-07", ...shared])).actions, []);
    const seen = await lab.must("ls", `cut -f2,3 ${RECORD}`);
    for (const label of ["2090-01", "2090-02", "2090-03", "2090-04", "2090-05"])
      for (const place of ["server", "bucket", "hydrated"])
        assert.ok(seen.includes(`${place}\t${label}\n`), `${place} of ${label} had no turn:\n${seen}`);
    const { localPath } = (await manifestOf(lab)).at(-1) ?? assert.fail();
    await flip(lab, "ls", `${REPOSITORY}/${localPath}`);
    const said = await month("2090-08", 6, await declared({ verify: { share: "100 %" } }));
    assert.match(said, /dev@2090-07\.incr\S+ on ls is damaged: sha256/);
    assert.equal(await newest(), "2090-08");
    await mended("fetch:dev@2090-07");
  });
});
