import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { troubleOf } from "../trouble.ts";
import { bucketOf, host, MIB, workFolder } from "./fixture.ts";

/** As R2 answers where one of a bucket's lock rules covers the key. */
const REFUSED = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>ObjectLockedByBucketPolicy</Code><Message>The object is locked by the bucket policy.</Message></Error>`;

interface Stood {
  readonly sizeBytes: number;
  readonly sha256: string;
}

describe("a bucket whose locks cover the key", () => {
  let work: Awaited<ReturnType<typeof workFolder>>;
  let stands: Stood;
  let lock: { status: number; body: string };
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      const { method, url = "" } = request;
      if (method === "HEAD")
        response.writeHead(200, {
          "content-length": stands.sizeBytes,
          etag: '"e"',
          "last-modified": new Date(0).toUTCString(),
          "x-amz-meta-sha256": stands.sha256,
        });
      else if (method === "GET" && url.includes("object-lock"))
        response.writeHead(lock.status, { "content-type": "application/xml" }).write(lock.body);
      else if (method === "POST" && url.includes("uploads"))
        response.write(
          "<InitiateMultipartUploadResult><UploadId>U</UploadId></InitiateMultipartUploadResult>",
        );
      else if (method === "PUT" && url.includes("partNumber")) response.writeHead(200, { etag: '"part"' });
      else if (method === "DELETE" && /uploadId|unlocked/.test(url)) response.writeHead(204);
      else response.writeHead(409, { "content-type": "application/xml" }).write(REFUSED);
      response.end();
    });
  });
  let bucket: Awaited<ReturnType<typeof bucketOf>>;
  before(async () => {
    work = await workFolder();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const keys = { accessKeyId: "id", secretAccessKey: "secret" };
    bucket = await bucketOf({ endpoint, bucket: "b", region: "auto", ...keys });
  });
  after(async () => {
    bucket.close();
    server.closeAllConnections();
    server.close();
    await Promise.all([work.remove(), host.close()]);
  });

  for (const [what, sizeBytes] of [
    ["whole", 1000],
    ["in parts", 6 * MIB],
  ] as const) {
    test(`${what}: what stands there is another: told as a lock, and that it stays`, async () => {
      const request = await work.file(`other-${sizeBytes}`, sizeBytes);
      stands = { sizeBytes, sha256: "0".repeat(64) };
      const { code, why, state, next } = await troubleOf(bucket.upload(host, request));
      assert.equal(code, "cloud-locked");
      assert.match(why ?? "", /HTTP 409 ObjectLockedByBucketPolicy/);
      assert.match(state ?? "", /stays as it is/);
      assert.match(next ?? "", /wrangler r2 bucket lock list b.*NAME\/artifacts\/ may be/);
    });

    test(`${what}: what stands there is what is sent: a run was cut off before it heard so`, async () => {
      const request = await work.file(`same-${sizeBytes}`, sizeBytes);
      stands = { sizeBytes, sha256: request.sha256 };
      assert.equal((await bucket.upload(host, request)).etag, "e");
    });
  }

  test("an object there is not deleted, and it is told as a lock; another one is", async () => {
    const { code, what, state } = await troubleOf(bucket.delete("dev/artifacts/locked"));
    assert.equal(code, "cloud-locked");
    assert.match(what, /cannot delete dev\/artifacts\/locked$/);
    assert.match(state ?? "", /can't be replaced or deleted before its lock ends/);
    await bucket.delete("dev/artifacts/unlocked");
  });

  const DAYS = (rule: string) =>
    `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>${rule}</ObjectLockConfiguration>`;
  const RULE = (period: string) =>
    `<Rule><DefaultRetention><Mode>COMPLIANCE</Mode>${period}</DefaultRetention></Rule>`;
  const error = (code: string) => `<Error><Code>${code}</Code><Message>m</Message></Error>`;
  for (const [name, status, body, expected] of [
    ["days", 200, DAYS(RULE("<Days>90</Days>")), 90],
    ["years", 200, DAYS(RULE("<Years>2</Years>")), 730],
    ["no rule", 200, DAYS(""), 0],
    ["nothing configured", 404, error("ObjectLockConfigurationNotFoundError"), 0],
    ["not in this store", 501, error("NotImplemented"), "unknown"],
    ["not for this key", 403, error("AccessDenied"), "unknown"],
  ] as const)
    test(`its lock: ${name}`, async () => {
      lock = { status, body };
      const found = await bucket.lockDays();
      assert.equal(found.kind === "known" ? found.value : found.kind, expected);
    });
});
