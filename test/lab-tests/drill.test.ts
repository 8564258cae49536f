import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { actionIn, expectExit, planned } from "../lab/expect.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { flip } from "../lab/rot.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";
const LOG = `${REPOSITORY}/logs/drills.jsonl`;
const ANCHOR = `${REPOSITORY}/artifacts/anchors/dev@2090-01.full.send.zst.age`;
const SECOND = `${REPOSITORY}/artifacts/incr/dev@2090-02.incr.from_2090-01.send.zst.age`;
const DUE = ["--label", "2090-02"];

describe("a drill proves what a restore would bring, and what it would not", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let undeclared: string;
  let declared: string;
  before(async () => {
    lab = await startLab();
    const dev = { anchor: { max_age_months: 50, max_incremental_ratio: 1000 } };
    undeclared = await lab.desiredState({ datasets: { dev } });
    declared = await lab.desiredState({ datasets: { dev }, drill: { every: "3 months" } });
    await lab.must("ws", "btrfs -q subvolume create code && head -c 300K /dev/urandom >code/base", {
      user: "dev",
    });
    for (const label of ["2090-01", "2090-02"]) {
      await lab.must(
        "ws",
        `cd code; head -c 20K /dev/urandom >${label}; echo ${label} >>"two words"; ln -f base "$(printf 'a\\nb')"`,
        {
          user: "dev",
        },
      );
      await expectExit(lab, 0, ["apply", "--yes", "--label", label, "--config", undeclared]);
    }
  });
  after(() => lab?.stop());

  const drill = (...more: string[]) => lab.devbackup(["drill", "--config", undeclared, ...more]);
  const plan = (config: string) => planned(lab, [...DUE, "--config", config]);
  const proofs = async (): Promise<{ label: string; result: string; why: string[] }[]> =>
    (await lab.must("ls", `cat ${LOG}`))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  async function leftNothing(): Promise<void> {
    const there = await lab.must(
      "ls",
      `cd ${REPOSITORY}; ls restore tmp; grep drill /proc/self/mountinfo || :`,
    );
    assert.match(there, /^restore:\nworking_copy\nworktree_receive\n\ntmp:\n(\S+\.damaged\n|set-aside\n)*$/);
  }

  test("each month has its fingerprint, and nothing is left to do", async () => {
    const there = await lab.must(
      "ls",
      `stat -c '%a %U %n' ${REPOSITORY}/fingerprints/*; ls -A ${REPOSITORY}/tmp`,
    );
    assert.deepEqual(
      there.trimEnd().split("\n"),
      ["2090-01", "2090-02"].map((label) => `400 root ${REPOSITORY}/fingerprints/dev@${label}.zst`),
    );
    assert.equal(await lab.must("ws", "ls -A /home/dev/snapshots"), "dev@2090-01\ndev@2090-02\n");
    assert.deepEqual((await plan(undeclared)).actions, []);
  });

  test("the newest label is the same; an artifact that the bucket alone has is fetched first", async () => {
    await lab.must("ls", `rm ${ANCHOR}`);
    const { exitCode, stdout, stderr } = await drill("--json");
    assert.equal(exitCode, 0, stdout + stderr);
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      events.map(({ event, label }) => `${event} ${label}`),
      ["drill-started 2090-02", "drill-finished 2090-02"],
    );
    assert.deepEqual([events[1]?.result, events[1]?.tree.files, events[1]?.artifacts.count], ["same", 5, 2]);
    assert.match(stderr, /fetch:dev@2090-01 {2}done/);
    assert.match(
      stderr,
      /drill:dev {2}done {2}the same as what was backed up: 5 files, 6\d\d KiB, from 2 artifacts/,
    );
    assert.equal((await proofs()).length, 1);
    await leftNothing();
  });

  test("declared, it is in the plan when its proof has grown old, and out of it again", async () => {
    assert.deepEqual((await plan(declared)).actions, []);
    await lab.must("ls", `sed -i 's/"at":"2/"at":"1/' ${LOG}`);
    const { actions } = await plan(declared);
    assert.deepEqual(
      actions.map(({ id }) => id),
      ["drill:dev"],
    );
    assert.match(
      actionIn({ actions, problems: [] }, "drill:dev").reason,
      /^the last good drill, of 2090-02, was on 1/,
    );
    const said = await expectExit(lab, 0, ["apply", "--yes", ...DUE, "--config", declared]);
    assert.match(said.replace(/\s+/g, " "), /the same as what was backed up.*nothing left to do/);
    assert.deepEqual((await plan(declared)).actions, []);
    await leftNothing();
  });

  test("a flipped bit in an artifact: named, and mended by the next apply", async () => {
    await flip(lab, "ls", SECOND);
    const { exitCode, stderr } = await drill();
    assert.equal(exitCode, 6, stderr);
    assert.match(stderr.replace(/\s+/g, " "), /dev@2090-02\S+ is damaged: its SHA-256 is not the manifest's/);
    assert.match((await proofs()).at(-1)?.why.join() ?? "", /dev@2090-02\S+ is damaged/);
    await leftNothing();
    assert.match(actionIn(await plan(undeclared), "fetch:dev@2090-02").reason, /is damaged, and is moved/);
    await expectExit(lab, 0, ["apply", "--yes", ...DUE, "--config", undeclared]);
    const mended = await drill();
    assert.equal(mended.exitCode, 0, mended.stdout + mended.stderr);
  });

  test("what is restored is not what was backed up: told path by path, and no proof", async () => {
    await lab.must(
      "ls",
      `cd ${REPOSITORY}/fingerprints; f=dev@2090-02.zst
       zstd -q -d -c $f | sed -z 's/^[0-9a-f]\\{64\\}\\( f .*two words\\)/${"0".repeat(64)}\\1/' | zstd -q >x; mv -f x $f`,
    );
    const { exitCode, stderr } = await drill("--label", "latest");
    assert.equal(exitCode, 6, stderr);
    assert.match(
      stderr.replace(/\s+/g, " "),
      /2090-02, restored from its artifacts, is not what was backed up: 1 path differs/,
    );
    assert.match(stderr, /two words: other contents/);
    assert.deepEqual((await proofs()).map(({ label, result }) => `${label} ${result}`).slice(-3), [
      "2090-02 failed",
      "2090-02 same",
      "2090-02 differs",
    ]);
    await leftNothing();
  });
});
