import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import {
  type Changes,
  type DevbackupOptions,
  type Lab,
  type Result,
  startLab,
  whyNoLab,
} from "../lab/lab.ts";
import { type S3Server, startSwift, whyNoSwift } from "../lab/s3/servers.ts";
import { startDevbackup } from "../lab/started.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";
const FILE = "dev@2090-01.full.send.zst.age";
const KEY = `a/b/dev/artifacts/anchors/${FILE}`;
const MANIFEST_KEY = "a/b/dev/manifests/snapshots_v2.tsv.age";
const SIGNATURE_KEY = "a/b/dev/manifests/snapshots_v2.tsv.sig";
const STATE = `${REPOSITORY}/tmp/${FILE}.upload`;

describe("the copy in the cloud", { skip: whyNoLab() || whyNoSwift() }, () => {
  let lab: Lab;
  let client: S3Client;
  let homeAlone: string;
  let declared: string;
  before(async () => {
    lab = await startLab();
    client = await lab.bucket.client();
    homeAlone = await lab.desiredState({ cloud: undefined });
    declared = await state({});
  });
  after(async () => {
    client?.destroy();
    await lab?.stop();
  });

  const state = (cloud: Changes): Promise<string> =>
    lab.desiredState({ cloud: { prefix: "a/b/", part_size: "5 MiB", ...cloud } });
  const exits = async (exitCode: number, args: string[], options?: DevbackupOptions): Promise<Result> => {
    const result = await lab.devbackup(args, options);
    assert.equal(result.exitCode, exitCode, `${args.join(" ")}\n${result.stdout}${result.stderr}`);
    return result;
  };
  const apply = (config: string, ...more: string[]): string[] => [
    "apply",
    "--yes",
    "--label",
    "2090-01",
    "--config",
    config,
    ...more,
  ];
  const planned = async (config: string, options?: DevbackupOptions, exitCode = 0) => {
    const { stdout } = await exits(
      exitCode,
      ["plan", "--json", "--label", "2090-01", "--config", config],
      options,
    );
    const { actions, warnings } = JSON.parse(stdout) as {
      actions: { id: string; hazard: string; reason: string; summary: string }[];
      warnings: { code: string }[];
    };
    return { actions, warnings: warnings.map(({ code }) => code) };
  };
  const place = {
    get Bucket() {
      return lab.bucket.bucket;
    },
  };
  const sha256Of = async (key: string): Promise<string> => {
    const { Body } = await client.send(new GetObjectCommand({ ...place, Key: key }));
    return createHash("sha256")
      .update((await Body?.transformToByteArray()) ?? "")
      .digest("hex");
  };
  const artifactSha256 = async (): Promise<string> =>
    (await lab.must("ls", `sha256sum <${REPOSITORY}/artifacts/anchors/${FILE}`)).slice(0, 64);

  test("without a cloud, rows have no key, and every plan warns", async () => {
    await lab.must("ws", "btrfs -q subvolume create code && head -c 23M /dev/urandom >code/photo.raw", {
      user: "dev",
    });
    const { stdout } = await exits(0, apply(homeAlone));
    assert.match(stdout, /warning: .*no cloud is declared/);
    const rows = await lab.must("ls", `tail -n 1 ${REPOSITORY}/manifests/snapshots_v2.tsv`);
    assert.match(rows, /\t-\n$/);
  });

  test("declared later, it gets what is there already: rows get their keys, and the artifact is to be sent", async () => {
    const { actions } = await planned(declared);
    assert.deepEqual(
      actions.map(({ id }) => id),
      ["manifest:dev", "upload:dev@2090-01", "upload-manifest:dev"],
    );
  });

  let sentBefore = 0;
  test("an upload that is interrupted keeps the parts that were sent, and nothing stands under its key", async () => {
    const slow = await state({ bandwidth_limit: "5 MiB/s", concurrency: 1 });
    const started = startDevbackup(lab, apply(slow));
    const parts = async (): Promise<number> =>
      Number(await lab.must("ls", `grep -c '^part ' ${STATE} 2>/dev/null; :`));
    for (const start = Date.now(); (await parts()) < 2; await sleep(200))
      assert.ok(Date.now() - start < 90_000, started.output());
    started.signal("SIGINT");
    const { exitCode } = await started.ended;
    assert.equal(exitCode, 130, started.output());
    sentBefore = await parts();
    assert.ok(sentBefore >= 2 && sentBefore < 5, `${sentBefore} parts were sent`);
    assert.deepEqual(await lab.bucket.list(), []);
    assert.equal(await lab.must("ls", "pgrep -x curl; :"), "");
  });

  test("the next apply sends only the parts that are missing; the object is the artifact", async () => {
    const { stdout } = await exits(0, apply(declared));
    assert.match(
      stdout,
      new RegExp(`upload:dev@2090-01 {2}done .* in 5 parts, ${sentBefore} of them sent by an earlier run`),
    );
    const sha256 = await artifactSha256();
    assert.equal(await sha256Of(KEY), sha256);
    const head = await client.send(new HeadObjectCommand({ ...place, Key: KEY }));
    assert.equal(head.Metadata?.sha256, sha256);
    assert.match(head.ETag ?? "", /-5"?$/);
    assert.equal(await lab.must("ls", `ls -A ${REPOSITORY}/tmp`), "");
    const rows = await lab.must("ls", `tail -n 1 ${REPOSITORY}/manifests/snapshots_v2.tsv`);
    assert.ok(rows.endsWith(`\t${KEY}\n`), rows);
    assert.deepEqual(
      (await lab.bucket.list()).map(({ key }) => key),
      [KEY, MANIFEST_KEY, SIGNATURE_KEY],
    );
    assert.deepEqual((await planned(declared)).actions, []);
  });

  test("the manifest there opens with the server's key, and is the server's", async () => {
    const { Body } = await client.send(new GetObjectCommand({ ...place, Key: MANIFEST_KEY }));
    const encrypted = Buffer.from((await Body?.transformToByteArray()) ?? "").toString("base64");
    assert.equal(
      await lab.must("ls", `base64 -d | age -d -i ${REPOSITORY}/keys/ls_dev_backup.key`, {
        input: encrypted,
      }),
      await lab.must("ls", `cat ${REPOSITORY}/manifests/snapshots_v2.tsv`),
    );
  });

  test("what was deleted or overwritten behind our back is sent again", async () => {
    await client.send(new DeleteObjectCommand({ ...place, Key: KEY }));
    await client.send(new PutObjectCommand({ ...place, Key: MANIFEST_KEY, Body: "forged" }));
    const { actions } = await planned(declared);
    assert.deepEqual(
      actions.map(({ id, hazard }) => [id, hazard]),
      [
        ["upload:dev@2090-01", "none"],
        ["upload-manifest:dev", "none"],
      ],
    );
    assert.match(actions[1]?.reason ?? "", /not what was sent/);
    await exits(0, apply(declared));
    assert.equal(await sha256Of(KEY), await artifactSha256());
    assert.notEqual((await lab.bucket.list(MANIFEST_KEY))[0]?.sizeBytes, "forged".length);
    assert.deepEqual((await planned(declared)).actions, []);
  });

  test("an object of another size is replaced only where that is approved", async () => {
    await client.send(new PutObjectCommand({ ...place, Key: KEY, Body: "something else" }));
    const [action] = (await planned(declared, undefined, 6)).actions;
    assert.deepEqual([action?.id, action?.hazard], ["upload:dev@2090-01", "destructive"]);
    assert.match(action?.reason ?? "", /has 14 bytes, the artifact \d+/);
    const { stdout } = await lab.devbackup(apply(declared));
    assert.match(stdout, /--approve upload:dev@2090-01/);
    assert.equal((await lab.bucket.list(KEY))[0]?.sizeBytes, 14);
    await exits(0, apply(declared, "--approve", "upload:dev@2090-01"));
    assert.equal(await sha256Of(KEY), await artifactSha256());
  });

  test("taken out of the desired state, it is warned of, and nothing is done to it", async () => {
    const { actions, warnings } = await planned(homeAlone);
    assert.deepEqual(actions, []);
    assert.ok(warnings.includes("no-cloud"));
  });

  describe("another store, which lists unfinished uploads", () => {
    let swift: S3Server;
    let moved: string;
    let keys: DevbackupOptions;
    before(async () => {
      const dir = join(lab.dir, "swift");
      await mkdir(dir);
      swift = await startSwift({ host: lab.addresses.controller, dir, buckets: ["moved"] });
      const { endpoint, region, bucket } = swift;
      moved = await state({ endpoint, region, bucket });
      keys = {
        env: { R2_ACCESS_KEY_ID: swift.accessKeyId, R2_SECRET_ACCESS_KEY: swift.secretAccessKey },
      };
    });
    after(() => swift?.stop());

    test("everything is sent there; a stranger's unfinished upload is listed in the plan and ended", async () => {
      const { endpoint, region, accessKeyId, secretAccessKey } = swift;
      const other = new S3Client({
        endpoint,
        region,
        credentials: { accessKeyId, secretAccessKey },
        forcePathStyle: true,
        requestChecksumCalculation: "WHEN_REQUIRED",
        responseChecksumValidation: "WHEN_REQUIRED",
      });
      const at = { Bucket: "moved", Key: KEY };
      const { UploadId } = await other.send(new CreateMultipartUploadCommand(at));
      await other.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: "left over" }));

      const { actions } = await planned(moved, keys);
      const abort = actions.find(({ id }) => id.startsWith("abort-upload:dev/"));
      assert.match(abort?.summary ?? "", new RegExp(`clear away an unfinished upload of ${FILE}`));
      await exits(0, apply(moved), keys);
      const { Uploads = [] } = await other.send(new ListMultipartUploadsCommand({ Bucket: "moved" }));
      assert.deepEqual(Uploads, []);
      const head = await other.send(new HeadObjectCommand(at));
      assert.equal(head.Metadata?.sha256, await artifactSha256());
      assert.deepEqual((await planned(moved, keys)).actions, []);
      other.destroy();
    });
  });
});
