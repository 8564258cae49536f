import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { AbsolutePath, Sha256 } from "../../../src/domain/names.ts";
import { troubleOf } from "../trouble.ts";
import { bucketOf, host } from "./fixture.ts";

/** By the key: the headers that S3 says it by (API_HeadObject), and what a listing has of it. */
const OBJECTS: Readonly<Record<string, { head: Record<string, string>; listed: string }>> = {
  standard: { head: {}, listed: "STANDARD" },
  instant: { head: { "x-amz-storage-class": "GLACIER_IR" }, listed: "GLACIER_IR" },
  archived: { head: { "x-amz-storage-class": "GLACIER" }, listed: "GLACIER" },
  "being-restored": {
    head: { "x-amz-storage-class": "DEEP_ARCHIVE", "x-amz-restore": 'ongoing-request="true"' },
    listed: "DEEP_ARCHIVE",
  },
  restored: {
    head: {
      "x-amz-storage-class": "DEEP_ARCHIVE",
      "x-amz-restore": 'ongoing-request="false", expiry-date="Fri, 21 Dec 2035 00:00:00 GMT"',
    },
    listed: "DEEP_ARCHIVE",
  },
  tiered: {
    head: {
      "x-amz-storage-class": "INTELLIGENT_TIERING",
      "x-amz-archive-status": "DEEP_ARCHIVE_ACCESS",
    },
    listed: "INTELLIGENT_TIERING",
  },
};

test("an object that can't be read now is told from the others, and never asked for", async (context) => {
  const asked: string[] = [];
  const server = createServer(({ method, url = "" }, response) => {
    const { pathname } = new URL(url, "http://store");
    const object = OBJECTS[pathname.slice("/b/".length)];
    asked.push(method ?? "");
    if (object === undefined) {
      const contents = Object.entries(OBJECTS).map(
        ([key, { listed }]) =>
          `<Contents><Key>${key}</Key><Size>100</Size><ETag>"e"</ETag><StorageClass>${listed}</StorageClass></Contents>`,
      );
      response.end(
        `<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>${contents.join("")}</ListBucketResult>`,
      );
      return;
    }
    response.writeHead(200, { "content-length": 100, etag: '"e"', ...object.head }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bucket = await bucketOf({
    endpoint,
    bucket: "b",
    region: "auto",
    accessKeyId: "id",
    secretAccessKey: "secret",
  });
  context.after(async () => {
    bucket.close();
    server.closeAllConnections();
    server.close();
    await host.close();
  });
  const heads = await Promise.all(Object.keys(OBJECTS).map((key) => bucket.head(key)));
  assert.deepEqual(
    heads.flatMap((head) => (head?.archive === undefined ? [] : [`${head.key} ${head.archive}`])),
    ["archived GLACIER", "being-restored DEEP_ARCHIVE", "tiered DEEP_ARCHIVE_ACCESS"],
  );
  // what was brought back, and the tier, are told by no listing
  assert.deepEqual(
    (await bucket.list("")).flatMap(({ key, archive }) =>
      archive === undefined ? [] : [`${key} ${archive}`],
    ),
    ["archived GLACIER", "being-restored DEEP_ARCHIVE", "restored DEEP_ARCHIVE"],
  );
  assert.deepEqual(await bucket.hash(host, { key: "tiered" }), {
    kind: "archived",
    archive: "DEEP_ARCHIVE_ACCESS",
  });
  const file = `/tmp/devbackup-archive-${process.pid}` as AbsolutePath;
  const request = { key: "archived", file, sizeBytes: 100, sha256: "0".repeat(64) as Sha256 };
  const { code, exitCode } = await troubleOf(bucket.download(host, request));
  assert.deepEqual([code, exitCode], ["object-archived", 1]);
  assert.equal(asked.filter((method) => method === "GET").length, 1, "the listing alone");
});
