import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CloudSpec } from "../../../src/desired-state/desired-state.ts";
import { inWords } from "../../../src/setup/store.ts";
import { type BucketTrial, type Right, tryBucket } from "../../../src/transport/bucket/trial.ts";
import { type FaultProxy, faultProxy, type Operation } from "../../lab/s3/fault-proxy.ts";
import { type S3Server, startR2 } from "../../lab/s3/servers.ts";
import { bucketOf } from "./fixture.ts";

const KEY = "home/devbackup-init-1";

describe("a bucket is tried out", () => {
  let server: S3Server;
  let proxy: FaultProxy;
  before(async () => {
    server = await startR2();
    proxy = await faultProxy(server);
  });
  after(async () => {
    await proxy.stop();
    await server.stop();
  });

  const specOf = (changed: Partial<CloudSpec> = {}): CloudSpec => ({
    endpoint: proxy.server.endpoint,
    bucket: server.bucket,
    prefix: "home/",
    region: "auto",
    accessKeyId: { kind: "env", name: "UNUSED" },
    secretAccessKey: { kind: "env", name: "UNUSED" },
    partSizeBytes: 5 * 1024 ** 2,
    concurrency: 1,
    bandwidthLimitBytesPerSecond: null,
    lockDays: null,
    ...changed,
  });
  const quick = { patience: { attempts: 2, firstDelayMs: 10, longestDelayMs: 10 } };
  const trial = (changed: Partial<CloudSpec> = {}, secretAccessKey = server.secretAccessKey) =>
    tryBucket(specOf(changed), { accessKeyId: server.accessKeyId, secretAccessKey }, KEY, quick);
  const forbid = (...operations: readonly Operation[]): void => {
    proxy.rules = [{ on: operations, always: { status: 403, code: "AccessDenied" } }];
  };
  const stored = async (): Promise<readonly string[]> => {
    const bucket = await bucketOf(server);
    const found = await bucket.list("");
    const keys = found.map(({ key }) => key);
    for (const key of keys) await bucket.delete(key);
    bucket.close();
    return keys;
  };
  const said = (outcome: BucketTrial): string =>
    outcome.kind === "works" ? "works" : Object.values(inWords("bucket b", outcome)).join(" | ");

  test("with all rights: written, listed, read and deleted again", async () => {
    proxy.rules = [];
    assert.deepEqual(await trial(), { kind: "works" });
    assert.deepEqual(
      proxy.asked.map(({ operation, status }) => [operation, status && status < 300]),
      [
        ["put", true],
        ["list", true],
        ["get", true],
        ["delete", true],
      ],
    );
    assert.deepEqual(await stored(), []);
  });

  const lacking: readonly { forbidden: Operation[]; rights: Right[]; left: boolean }[] = [
    { forbidden: ["put"], rights: ["write"], left: false },
    { forbidden: ["put", "list"], rights: ["write", "list"], left: false },
    { forbidden: ["list", "get"], rights: ["list", "read"], left: false },
    { forbidden: ["delete"], rights: ["delete"], left: true },
  ];
  for (const { forbidden, rights, left } of lacking)
    test(`a token that may not: ${rights.join(", ")}`, async () => {
      forbid(...forbidden);
      const outcome = await trial();
      assert.deepEqual(outcome, { kind: "lacks", rights, left: left ? KEY : null });
      assert.match(said(outcome), /the token is known there, and may not .*Object Read & Write/);
      assert.equal(said(outcome).includes(`delete ${KEY} there by hand`), left);
      assert.deepEqual(await stored(), left ? [KEY] : []);
    });

  test("a listing that the store does not have: said, and nothing is left behind", async () => {
    proxy.rules = [{ on: "list", always: { status: 501, code: "NotImplemented" } }];
    assert.match(said(await trial()), /cannot list the objects: HTTP 501 NotImplemented/);
    assert.deepEqual(await stored(), []);
  });

  test("a write whose answer is lost: deleted again, or named where that can't be done", async () => {
    const lost = { on: "put", always: { answer: "lost" } } as const;
    proxy.rules = [lost];
    const undone = await trial();
    assert.deepEqual([undone.kind, undone.kind === "failed" && undone.left], ["failed", null]);
    assert.deepEqual(await stored(), []);
    proxy.rules = [lost, { on: "delete", always: { status: 403, code: "AccessDenied" } }];
    assert.match(said(await trial()), new RegExp(`cannot write .*delete ${KEY} there by hand`));
    assert.deepEqual(await stored(), [KEY]);
    // the store has it from the first attempt, and refuses the second
    proxy.rules = [
      { on: "put", faults: [{ answer: "lost" }], always: { status: 403, code: "AccessDenied" } },
      { on: "delete", always: { status: 403, code: "AccessDenied" } },
    ];
    assert.match(said(await trial()), new RegExp(`may not write .*delete ${KEY} there by hand`));
    assert.deepEqual(await stored(), [KEY]);
    // and nothing is named that nobody can have written
    proxy.rules = [{ on: "put", always: { status: 501, code: "NotImplemented" } }];
    assert.doesNotMatch(said(await trial()), /by hand/);
  });

  test("a wrong secret, a bucket that is not there, nobody at the address: each with what to do", async () => {
    proxy.rules = [];
    assert.match(said(await trial({}, "wrong")), /cannot write .*check cloud\.access_key_id/);
    assert.match(said(await trial({ bucket: "none-such" })), /create it in the R2 dashboard/);
    assert.match(said(await trial({ endpoint: "http://127.0.0.1:9" })), /nothing answers at 127\.0\.0\.1:9/);
  });
});
