import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { actionIn, expectExit, manifestOf, planned, type Row } from "../lab/expect.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { startDevbackup } from "../lab/started.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";
const MANIFEST = `${REPOSITORY}/manifests/snapshots_v2.tsv`;
const FETCHED = "/srv/fetched/dev";

describe("a manifest made again, and artifacts that come by other means", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let config: string;
  let identity: string[];
  let first: Row[];
  before(async () => {
    lab = await startLab();
    const passphrase = join(lab.dir, "passphrase");
    await writeFile(passphrase, "four sober months of winter\n", { mode: 0o600 });
    const made = await expectExit(lab, 0, [
      ...["keys", "new-recovery", "--json", "--out", "recovery.age", "--passphrase-file", passphrase],
    ]);
    config = await lab.desiredState({ encryption: { recovery_recipients: [JSON.parse(made).recipient] } });
    identity = ["--identity", join(lab.dir, "recovery.age"), "--passphrase-file", passphrase];
    await lab.must("ws", "btrfs -q subvolume create code && head -c 2M /dev/urandom >code/photo.raw", {
      user: "dev",
    });
    for (const label of ["2090-01", "2090-02", "2090-03"]) await backUp(label);
    first = await manifestOf(lab);
  });
  after(() => lab?.stop());

  const backUp = async (label: string, ...more: string[]): Promise<string> => {
    await lab.must("ws", `head -c 300K /dev/urandom >code/${label}`, { user: "dev" });
    return expectExit(lab, 0, ["apply", "--yes", "--label", label, "--config", config, ...more]);
  };
  const rebuild = (exitCode: number, ...more: string[]): Promise<string> =>
    expectExit(lab, exitCode, ["manifest", "rebuild", "--no-color", "--config", config, ...more]);
  const take = (exitCode: number, ...more: string[]): Promise<string> =>
    expectExit(lab, exitCode, [
      "manifest",
      "import",
      "/srv/way-there",
      "--no-color",
      "--config",
      config,
      ...more,
    ]);
  const withoutTs = (rows: readonly Row[]) => rows.map(({ ts: _, ...row }) => row);
  const path = (label: string): string =>
    `${REPOSITORY}/${first.find((row) => row.label === label)?.localPath ?? assert.fail(label)}`;
  const good = (): Promise<string> =>
    lab.must(
      "ls",
      `cd ${REPOSITORY} && printf 'devbackup namespaces="devbackup-manifest" %s' "$(cat keys/ls_dev_sign.pub)" >/run/allowed &&
       ssh-keygen -Y verify -I devbackup -n devbackup-manifest -f /run/allowed -s manifests/snapshots_v2.tsv.sig <manifests/snapshots_v2.tsv`,
    );
  const listing = (): Promise<string> =>
    lab.must(
      "ls",
      `cd ${REPOSITORY} && find artifacts manifests keys tmp -type f -printf '%p %s %m\\n' | sort`,
    );

  test("where the manifest says what the artifacts say, nothing is done", async () => {
    const before = await listing();
    assert.match(
      await rebuild(0, "--approve", "rebuild:dev"),
      /Nothing to do: the manifest of dev says what/,
    );
    assert.equal(await listing(), before);
  });

  test("a lost manifest: without approval nothing changes; with it, the same rows stand there, signed", async () => {
    await lab.must("ls", `rm ${MANIFEST} ${MANIFEST}.sig`);
    const before = await listing();
    const told = await rebuild(0, "--yes");
    assert.match(told, /3 artifacts in 1 chain/);
    assert.match(told, /destructive: done only when approved/);
    assert.match(told, /devbackup manifest rebuild --config \S+ --approve rebuild:dev/);
    assert.equal(await listing(), before);

    await rebuild(0, "--approve", "rebuild:dev");
    assert.deepEqual(withoutTs(await manifestOf(lab)), withoutTs(first));
    assert.match(await good(), /Good/);
    const [entry] = (await lab.must("ls", `grep -h '"rebuild:dev"' ${REPOSITORY}/logs/*.jsonl`))
      .trim()
      .split("\n");
    assert.match(entry ?? "", /"result":"done"/);
    assert.match(await rebuild(0, "--approve", "rebuild:dev"), /Nothing to do/);
  });

  test("the next backup is an increment on the old chain", async () => {
    await backUp("2090-04");
    first = await manifestOf(lab);
    assert.deepEqual([first.at(-1)?.type, first.at(-1)?.parent], ["incr", "2090-03"]);
  });

  test("on a terminal the id is typed", async () => {
    await lab.must("ls", `rm ${MANIFEST}`);
    const started = startDevbackup(lab, ["manifest", "rebuild", "--config", config], { terminal: true });
    await started.said(/Type rebuild:dev to let it through/);
    started.type("rebuild:dev\r");
    assert.equal((await started.ended).exitCode, 0, started.output());
    assert.deepEqual(withoutTs(await manifestOf(lab)), withoutTs(first));
  });

  test("a manifest that cannot be read is made again, and kept beside the new one", async () => {
    await lab.must("ls", `printf 2090 >>${MANIFEST}`);
    const damaged = await lab.must("ls", `cat ${MANIFEST}`);
    assert.match(await rebuild(0, "--from", "server"), /the one that stands cannot be read/);
    await rebuild(0, "--from", "server", "--approve", "all");
    assert.deepEqual(withoutTs(await manifestOf(lab)), withoutTs(first));
    assert.match(await good(), /Good/);
    assert.equal(
      await lab.must("ls", `cd ${REPOSITORY}/manifests && cat *.before-*Z; rm *.before-*`),
      damaged,
    );
  });

  test("a truncated artifact and what rests on it lose their rows; the manifest before it is kept", async () => {
    await lab.must(
      "ls",
      `mkdir -p ${FETCHED} && ln -s /srv/fetched /srv/way-there && cp -a ${REPOSITORY}/artifacts ${FETCHED}/ && chmod u+w ${path("2090-03")} && truncate -s -100 ${path("2090-03")}`,
    );
    const old = await lab.must("ls", `cat ${MANIFEST}`);
    const listed = await rebuild(6, "--from", "server");
    assert.match(listed, /dev@2090-03\.\S+\n +age: error: \S+/);
    assert.match(listed, /it builds on 2090-03, which is left out/);
    assert.match(listed, / - 2090-03 {2}increment on 2090-02.*\n +- 2090-04 /);
    assert.equal(await lab.must("ls", `cat ${MANIFEST}`), old);

    await rebuild(6, "--from", "server", "--approve", "rebuild");
    assert.deepEqual(
      (await manifestOf(lab)).map(({ label }) => label),
      ["2090-01", "2090-02"],
    );
    assert.equal(
      await lab.must("ls", `cat ${MANIFEST}.before-*`),
      old + (await lab.must("ls", `cat ${MANIFEST}.before-*.sig`)),
    );
    assert.match(await rebuild(6, "--from", "server", "--approve", "rebuild"), /Nothing to do/);
  });

  test("the next plan takes the shorter manifest for the one that was approved", async () => {
    const plan = await planned(lab, ["--label", "2090-05", "--config", config]);
    assert.deepEqual(plan.problems, []);
    assert.equal(actionIn(plan, "register:dev@2090-05").hazard, "none");
  });

  test("an artifact that is whole in the bucket alone is fetched where that is agreed to", async () => {
    await lab.must("ls", `rm ${path("2090-02")}`);
    const before = await listing();
    const asked = await rebuild(0);
    assert.match(asked, /2 artifacts, \S+ KiB, in the bucket alone, to be fetched/);
    assert.match(asked, /proves no origin/);
    assert.match(asked, /manifest rebuild --config \S+ --yes/);
    assert.equal(await listing(), before);

    // the damaged one on the server is still worth an exit code
    await rebuild(6, "--yes", "--approve", "rebuild:dev");
    assert.deepEqual(withoutTs(await manifestOf(lab)), withoutTs(first));
    assert.equal(
      await lab.must("ls", `sha256sum ${path("2090-02")} ${path("2090-03")} | cut -c1-64`),
      `${first[1]?.sha256}\n${first[2]?.sha256}\n`,
    );
    assert.match(await lab.must("ls", `ls ${REPOSITORY}/tmp/set-aside`), /^dev@2090-03\./);
    assert.match(await rebuild(0, "--approve", "all"), /Nothing to do/);
  });

  test("an artifact under another's name gets no row", async () => {
    const [other, wrong] = ["2090-06", "2090-07"].map(
      (label) => `${REPOSITORY}/artifacts/incr/dev@${label}.incr.from_2090-04.send.zst.age`,
    );
    await lab.must("ls", `cp ${path("2090-04")} ${other}; cp ${path("2090-01")} ${wrong}`);
    const misfit = `${REPOSITORY}/artifacts/incr/dev@2090-04.incr.from_2090-02.send.zst.age`;
    await lab.must("ls", `cp ${path("2090-04")} ${misfit}`);
    const document = JSON.parse(await rebuild(6, "--json", "--from", "server"));
    assert.equal(document.result, "nothing-to-do");
    assert.deepEqual(
      document.leftOut.map(({ why }: { why: string }) => why.replace(/[0-9a-f-]{36}/g, "UUID")),
      [
        "it holds dev@2090-04, not dev@2090-06: it has another's name",
        "it holds dev@2090-01, not dev@2090-07: it has another's name",
        "it builds on the snapshot UUID, and dev@2090-02.incr.from_2090-01.send.zst.age holds UUID",
      ],
    );
    await lab.must("ls", `rm ${other} ${wrong} ${misfit}`);
  });

  test("with the keys lost too, and no manifest in the bucket, a recovery identity brings them back first", async () => {
    const client = await lab.bucket.client();
    const Key = "dev/manifests/snapshots_v2.tsv.age";
    await client.send(new DeleteObjectCommand({ Bucket: lab.bucket.bucket, Key }));
    client.destroy();
    await lab.must("ls", `rm -r ${REPOSITORY}/keys ${REPOSITORY}/manifests`);
    const before = await listing();
    const { exitCode, stderr } = await lab.devbackup(["manifest", "rebuild", "--config", config]);
    assert.equal(exitCode, 6, stderr);
    assert.match(stderr, /age identity, which opens the artifacts, of dev is gone/);
    assert.match(stderr, /next: devbackup manifest rebuild --config \S+ --identity FILE/);
    const told = await rebuild(0, ...identity);
    assert.match(told, /put the age identity of dev back from the escrow/);
    assert.match(told, /put the key that signs the manifest of dev back from the escrow/);
    assert.equal(await listing(), before);

    await rebuild(0, ...identity, "--yes", "--approve", "rebuild:dev");
    assert.deepEqual(withoutTs(await manifestOf(lab)), withoutTs(first));
    assert.match(await good(), /Good/);
    // nothing on this server tells any more that the escrow there was sent from it
    await backUp("2090-05", "--approve", "upload-escrow");
    assert.deepEqual((await manifestOf(lab)).at(-1)?.parent, "2090-04");
    first = await manifestOf(lab);
  });

  test("out of a folder comes what the manifest knows and the repository has lost; the rest is told, and left alone", async () => {
    const client = await lab.bucket.client();
    for (const label of ["2090-02", "2090-03", "2090-04"])
      await client.send(
        new DeleteObjectCommand({ Bucket: lab.bucket.bucket, Key: path(label).replace(REPOSITORY, "dev") }),
      );
    client.destroy();
    await lab.must(
      "ls",
      `rm ${path("2090-02")} ${path("2090-03")} ${path("2090-04")}
       cd ${FETCHED}/artifacts && cp incr/dev@2090-02.* .. && cp anchors/dev@2090-01.full.send.zst.age dev@2090-09.full.send.zst.age &&
       printf damage | dd of="$(echo incr/dev@2090-04.*)" bs=1 seek=5000 conv=notrunc 2>/dev/null; find /srv/fetched -type f | sort | xargs sha256sum >/run/fetched`,
    );
    const told = await take(6, "--yes");
    assert.match(told, /dev@2090-04\.\S+\n +its sha256 is [0-9a-f]{64}, and/);
    assert.match(told, /dev@2090-09\.full\.send\.zst\.age\n +the manifest has no row for it/);
    assert.match(told, /dev@2090-01\.full\.send\.zst\.age\n +the repository has it already/);
    assert.match(told, /another file here is the same artifact/);
    assert.match(told, /import:dev@2090-02 {2}done.*\nimport:dev@2090-03 {2}done/);
    assert.equal(
      await lab.must(
        "ls",
        `sha256sum ${path("2090-02")} ${path("2090-03")} | cut -c1-64; stat -c '%a %U' ${path("2090-02")}; [ -e ${path("2090-04")} ] || echo lost`,
      ),
      `${first[1]?.sha256}\n${first[2]?.sha256}\n440 root\nlost\n`,
    );
    await lab.must("ls", "sha256sum --quiet -c /run/fetched && rm -r /srv/fetched/dev/artifacts/incr");
    assert.match(await take(0), /Nothing to do/);
  });
});
