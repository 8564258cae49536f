import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { download, expectExit, manifestOf, planned, sha256 } from "../lab/expect.ts";
import { type Lab, type Result, startLab, whyNoLab } from "../lab/lab.ts";
import { type Fault, type FaultProxy, faultProxy, PORTAL, type Rule } from "../lab/s3/fault-proxy.ts";
import { startDevbackup } from "../lab/started.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";
const EVERYTHING: Rule["on"] = [
  "list",
  "uploads",
  "parts",
  "head",
  "get",
  "put",
  "part",
  "create",
  "complete",
];
const BUSY: Fault = { status: 503, headers: { "retry-after": "1" }, code: "SlowDown" };

describe("bad weather", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let proxy: FaultProxy;
  let recovery: string[];
  let config: string[];
  const outputs: string[] = [];

  before(async () => {
    lab = await startLab();
    // both the controller and the server reach the bucket by way of this
    proxy = await faultProxy(lab.bucket, [], lab.addresses.controller);
    const passphrase = join(lab.dir, "passphrase");
    await writeFile(passphrase, "four sober months of winter\n", { mode: 0o600 });
    const made = await expectExit(lab, 0, [
      ...["keys", "new-recovery", "--json", "--out", "recovery.age", "--passphrase-file", passphrase],
    ]);
    const { recipient } = JSON.parse(made) as { recipient: string };
    const folder = await lab.desiredState({
      encryption: { recovery_recipients: [recipient] },
      cloud: { endpoint: proxy.server.endpoint, part_size: "5 MiB", concurrency: 2 },
    });
    config = ["--config", folder];
    recovery = ["--identity", join(lab.dir, "recovery.age"), "--passphrase-file", passphrase, ...config];
    await lab.must("ws", "btrfs -q subvolume create code && head -c 23M /dev/urandom >code/photo.raw", {
      user: "dev",
    });
  });
  after(async () => {
    await proxy?.stop();
    await lab?.stop();
  });
  afterEach(() => {
    proxy.rules = [];
    proxy.asked.length = 0;
  });

  const ends = async (exitCode: number, args: readonly string[], says?: RegExp): Promise<Result> => {
    const result = await lab.devbackup(args);
    const said = result.stdout + result.stderr;
    outputs.push(said);
    assert.equal(result.exitCode, exitCode, `${args.join(" ")}\n${said}`);
    if (says !== undefined) assert.match(said.replace(/\s+/g, " "), says);
    return result;
  };
  const backup = (label: string): string[] => ["apply", "--yes", "--label", label, ...config];
  const RESTORE = ["apply", "--yes", "--restore", "latest"];
  const artifactOf = async (label: string): Promise<string> => {
    const row = (await manifestOf(lab)).find((each) => each.label === label);
    assert.ok(row, `${label} has no row`);
    return row.objectKey;
  };
  /** All that is registered lies in the bucket, byte for byte, and nothing is left to do. */
  const allIsThere = async (label: string): Promise<void> => {
    for (const row of await manifestOf(lab))
      assert.equal(sha256(await download(lab, row.objectKey)), row.sha256, row.label);
    assert.deepEqual((await planned(lab, ["--label", label, ...config])).actions, []);
  };

  test("a backup through a bucket where everything fails at first is done in one run", async () => {
    proxy.rules = [
      { on: "list", faults: [BUSY, PORTAL, { status: 200 }] },
      { on: "create", faults: [{ status: 500, code: "InternalError" }] },
      { on: "part", part: 1, faults: [{ status: 429, code: "TooManyRequests" }] },
      { on: "part", part: 2, faults: [{ afterBytes: 2_000_000, ending: "reset", of: "request" }] },
      { on: "part", part: 3, faults: [{ damagedByte: 1_000_000, of: "request" }, PORTAL] },
      { on: "part", part: 4, faults: [{ answer: "lost" }] },
      { on: "complete", faults: [{ status: 200, code: "InternalError" }] },
      { on: "put", faults: [BUSY, { status: 403, code: "ExpiredRequest" }, PORTAL] },
      { on: "head", faults: [{ status: 500 }] },
    ];
    await ends(0, backup("2090-01"), /verified: nothing left to do/);
    for (const { on, part, faults } of proxy.rules)
      assert.ok(
        proxy.asked.filter((each) => each.operation === on && each.part === (part ?? 0)).length >
          (faults?.length ?? 0),
        `${on} ${part ?? ""} did not meet its faults`,
      );
    await allIsThere("2090-01");
  });

  test("a portal in the bucket's place, and a wrong clock: the backup at home is made, and said", async () => {
    await lab.must("ws", "head -c 1M /dev/urandom >code/note", { user: "dev" });
    proxy.rules = [{ on: "list", always: { status: 403, code: "RequestTimeTooSkewed" } }];
    await ends(0, ["plan", "--label", "2090-02", ...config], /RequestTimeTooSkewed.*timedatectl/);
    proxy.rules = [{ on: EVERYTHING, always: PORTAL }];
    await ends(1, backup("2090-02"), /could not be looked at, .* no listing of this bucket.* captive portal/);
    await artifactOf("2090-02");
    await lab.must("ls", `test -e ${REPOSITORY}/restore/worktree_receive/dev@2090-02`);
  });

  test("a bucket that turns away in the middle of a run fails what is sent, and nothing else", async () => {
    const tomorrow: Fault = { status: 503, headers: { "retry-after": "86400" }, code: "SlowDown" };
    proxy.rules = [{ on: ["put", "part", "create"], always: tomorrow }];
    await ends(1, backup("2090-02"), /SlowDown.*asks to wait 86400 s/);
    proxy.rules = [];
    await ends(0, backup("2090-02"), /verified: nothing left to do/);
    await allIsThere("2090-02");
  });

  test("an object that vanishes between the listing and the restore is named; put back, the restore completes", async () => {
    const [anchor, increment] = [await artifactOf("2090-01"), await artifactOf("2090-02")];
    const kept = await download(lab, increment);
    const client = await lab.bucket.client();
    const at = { Bucket: lab.bucket.bucket, Key: increment };
    await lab.wipe("ls");
    proxy.rules = [
      { on: "head", key: /incr/, meanwhile: () => client.send(new DeleteObjectCommand(at)) },
      { on: "get", key: /manifests/, faults: [BUSY, PORTAL, { afterBytes: 100, ending: "reset" }] },
      {
        on: "get",
        key: /anchors/,
        faults: [
          BUSY,
          { afterBytes: 6_000_000, ending: "reset" },
          { status: 403, code: "ExpiredRequest" },
          PORTAL,
          { afterBytes: 6_000_000, ending: "end" },
        ],
      },
    ];
    const approve = ["--approve", "all"];
    await ends(6, [...RESTORE, ...approve, ...recovery], /incr\S* is not in the bucket.*put the object back/);
    // nothing came twice
    const came = proxy.of("get").filter(({ key }) => key === anchor);
    assert.equal(
      came.reduce((sum, { bytes }) => sum + bytes, 0),
      (await download(lab, anchor)).length,
    );

    const digest = sha256(kept);
    await client.send(new PutObjectCommand({ ...at, Body: kept, Metadata: { sha256: digest } }));
    client.destroy();
    proxy.rules = [
      { on: "list", faults: [PORTAL] },
      { on: "head", faults: [{ status: 503 }] },
      { on: "get", key: /incr/, faults: [{ damagedByte: 300_000 }] },
    ];
    await ends(0, [...RESTORE, ...approve, ...recovery]);
    proxy.rules = [];
    const there = await lab.must("ls", "cat /srv/work/dev/note /srv/work/dev/photo.raw | sha256sum");
    assert.equal(await lab.must("ws", "cat /home/dev/code/note /home/dev/code/photo.raw | sha256sum"), there);
    await ends(0, ["apply", "--yes", ...approve, "--label", "2090-02", ...config]);
    await allIsThere("2090-02");
  });

  test("1 Mbit/s, 200 ms, 1 % loss, stalls, and a cable that is out for a moment: the run goes on", async () => {
    const patient = join(lab.dir, "patient");
    await writeFile(patient, "Host *\n  ServerAliveInterval 3\n  ServerAliveCountMax 4\n");
    await lab.must("ws", "head -c 800k /dev/urandom >code/more", { user: "dev" });
    await lab.netem("ls", 100, 1, 1);
    try {
      const started = startDevbackup(lab, backup("2090-03"), { sshConfig: patient });
      await started.said(/artifact:dev@2090-03 {2}started/);
      await lab.stall("ls", 5_000);
      await lab.cut("ls");
      await sleep(1_500);
      await lab.heal("ls");
      const { exitCode } = await started.ended;
      outputs.push(started.output());
      assert.equal(exitCode, 0, started.output());
    } finally {
      await lab.netem("ls", 0);
    }
    await allIsThere("2090-03");
  });

  test("no message held an address, a signature or a key", () => {
    assert.ok(outputs.length > 6);
    const secret = new RegExp(`X-Amz-(?!…)\\w|Signature=(?!…)|${lab.bucket.secretAccessKey}`);
    for (const output of outputs) assert.doesNotMatch(output, secret);
  });
});
