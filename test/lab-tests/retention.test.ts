import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { actionIn, expectExit, manifestOf, planned } from "../lab/expect.ts";
import { type Changes, type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { type FaultProxy, faultProxy } from "../lab/s3/fault-proxy.ts";
import { fingerprint, installTreeTools } from "../lab/tree.ts";

const SOURCE = "/home/dev/code";
const SNAPSHOTS = "/home/dev/snapshots";
const REPOSITORY = "/srv/btrfs-backups/dev";
const HYDRATED = `${REPOSITORY}/restore/worktree_receive`;

describe("retention: what each place keeps, and how it lets the rest go", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let proxy: FaultProxy;
  let config: string;
  before(async () => {
    lab = await startLab();
    proxy = await faultProxy(lab.bucket, [], lab.addresses.controller);
    await Promise.all([installTreeTools(lab, "ws"), installTreeTools(lab, "ls")]);
    config = await declaring({});
    await lab.must("ws", `mkdir ${SOURCE}; cd ${SOURCE}; head -c 4M /dev/urandom >base; chown -R dev: .`);
    await apply("2025-01", "--approve", "all");
  });
  after(async () => {
    await proxy?.stop();
    await lab?.stop();
  });

  const declaring = (retention: Changes): Promise<string> =>
    lab.desiredState({
      datasets: {
        dev: {
          anchor: { max_age_months: 3, max_incremental_ratio: 1000 },
          retention: {
            workstation_snapshots: { keep_last: 3 },
            server_snapshots: { keep_last: 2 },
            server_artifacts: { keep_chains: 1 },
            cloud_artifacts: "all",
            ...retention,
          },
        },
      },
      cloud: { endpoint: proxy.server.endpoint },
    });
  const apply = (label: string, ...args: string[]): Promise<string> =>
    expectExit(lab, 0, ["apply", "--yes", "--config", config, "--label", label, ...args]);

  const labelsIn = (listing: string): string[] =>
    [...new Set([...listing.matchAll(/dev@(\d{4}-\d\d)[.\n]/g)].map(([, label = ""]) => label))].sort();
  const standing = async () => {
    const [ws, ls, artifacts, objects] = await Promise.all([
      lab.must("ws", `ls ${SNAPSHOTS}`),
      lab.must("ls", `ls ${HYDRATED}`),
      lab.must("ls", `cd ${REPOSITORY}/artifacts; ls anchors incr`),
      lab.bucket.list("dev/artifacts/"),
    ]);
    return {
      ws: labelsIn(ws),
      ls: labelsIn(ls),
      artifacts: labelsIn(artifacts),
      objects: labelsIn(objects.map(({ key }) => `${key}\n`).join("")),
    };
  };
  const assertNothingLeft = (label: string) =>
    expectExit(lab, 0, ["plan", "--detailed-exitcode", "--label", label, "--config", config]);

  const EARLIER = ["2025-01", "2025-02", "2025-03", "2025-04", "2025-05", "2025-06"];
  let march: string;

  test("half a year in one go, unapproved: nothing is gone, and it is said how to approve it", async () => {
    // as they stand where the server was away for long
    for (const label of EARLIER.slice(1))
      await lab.must(
        "ws",
        `cd ${SOURCE}; echo ${label} >file; head -c 1M /dev/urandom >only-in-${label}; btrfs -q subvolume snapshot -r . ${SNAPSHOTS}/dev@${label}; rm only-in-${label}`,
      );
    march = await fingerprint(lab, ["ws", `${SNAPSHOTS}/dev@2025-03`]);
    const said = await apply("2025-07");
    assert.match(
      said,
      /not approved; to approve: devbackup apply .*--approve retention:dev\/workstation-snapshots/,
    );
    const rows = await manifestOf(lab);
    assert.deepEqual(
      rows.filter(({ type }) => type === "full").map(({ label }) => label),
      ["2025-01", "2025-04", "2025-07"],
    );
    const all = [...EARLIER, "2025-07"];
    assert.deepEqual(await standing(), {
      ws: all,
      // of what was made in one go, the newest chain alone is received
      ls: ["2025-01", "2025-07"],
      artifacts: all,
      objects: all,
    });
    const artifacts = actionIn(
      await planned(lab, ["--label", "2025-07", "--config", config]),
      "retention:dev/server-artifacts",
    );
    assert.match(artifacts.summary, /^delete 6 artifacts on ls, \d.* MiB: 2025-01 to 2025-06$/);
    // a plan that fits no more lets nothing go either
    await apply("2025-07", "--approve", "retention:dev/nothing");
    assert.deepEqual((await standing()).ws, all);
  });

  test("approved: what is kept is what the rules say, and its space is free", async () => {
    const said = await apply("2025-07", "--only", "retention", "--approve", "retention");
    for (const [count, of] of [
      [4, "ws"],
      [1, "ls"],
    ] as const)
      assert.match(said, new RegExp(`${count} snapshots?, [\\d.]+ MiB came free`), of);
    assert.match(said, /6 artifacts, [\d.]+ MiB came free/);
    assert.deepEqual(await standing(), {
      ws: ["2025-05", "2025-06", "2025-07"],
      ls: ["2025-07"],
      artifacts: ["2025-07"],
      objects: [...EARLIER, "2025-07"],
    });
    assert.equal((await manifestOf(lab)).length, 7);
    await assertNothingLeft("2025-07");
  });

  test("retention.auto: the next month is an increment, and what it pushes out goes without a question", async () => {
    config = await declaring({ auto: true });
    const said = await apply("2025-08");
    assert.match(said, /approved by retention\.auto/);
    assert.match(said, /nothing left to do/);
    assert.deepEqual(await standing(), {
      ws: ["2025-06", "2025-07", "2025-08"],
      ls: ["2025-07", "2025-08"],
      artifacts: ["2025-07", "2025-08"],
      objects: [...EARLIER, "2025-07", "2025-08"],
    });
    const row = (await manifestOf(lab)).at(-1);
    assert.deepEqual([row?.label, row?.parent], ["2025-08", "2025-07"]);
  });

  test("a label that the server let go comes back from the bucket, and what it took goes again", async () => {
    const back = "/home/dev/back";
    await expectExit(lab, 0, ["apply", "--yes", "--config", config, "--restore", "2025-03", "--to", back]);
    assert.equal(await fingerprint(lab, ["ws", back]), march);
    assert.deepEqual((await standing()).artifacts, ["2025-01", "2025-02", "2025-03", "2025-07", "2025-08"]);
    await apply("2025-08");
    const { artifacts, ls } = await standing();
    assert.deepEqual(
      [artifacts, ls],
      [
        ["2025-07", "2025-08"],
        ["2025-07", "2025-08"],
      ],
    );
    await assertNothingLeft("2025-08");
  });

  test("an object that the bucket locks: a clear error, nothing lost, and the next run ends it", async () => {
    config = await declaring({ server_artifacts: "all", cloud_artifacts: { keep_chains: 1 }, auto: true });
    const locked = { status: 409, code: "ObjectLockedByBucketPolicy" };
    proxy.rules = [{ on: "delete", key: /dev@2025-05/, always: locked }];
    const { exitCode, stdout, stderr } = await lab.devbackup([
      "apply",
      "--yes",
      "--config",
      config,
      "--label",
      "2025-08",
    ]);
    const said = stdout + stderr;
    assert.equal(exitCode, 1, said);
    assert.match(said, /cannot delete\s+dev\/artifacts\/incr\/dev@2025-05/);
    assert.match(said, /can't be replaced or deleted before its\s+lock ends/);
    const half = await standing();
    // the newest of them goes first
    assert.deepEqual(half.objects, [...EARLIER.slice(0, 5), "2025-07", "2025-08"]);
    assert.deepEqual(half.artifacts, [...EARLIER, "2025-07", "2025-08"]);
    proxy.rules = [];
    await apply("2025-08");
    assert.deepEqual((await standing()).objects, ["2025-07", "2025-08"]);
    await assertNothingLeft("2025-08");
  });
});
