import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { before, describe, type TestContext, test } from "node:test";
import type { AbsolutePath } from "../../../src/domain/names.ts";
import type { Bucket } from "../../../src/transport/bucket/bucket.ts";
import { type Fault, faultProxy, PORTAL, type Rule } from "../../lab/s3/fault-proxy.ts";
import { startR2 } from "../../lab/s3/servers.ts";
import { troubleOf } from "../trouble.ts";
import { bucketOf, host, withStore } from "./fixture.ts";

/** What nobody may find in a message: of an address, of a key. */
const SECRET = /X-Amz-(?!…)\w|Signature=(?!…)|test-secret|AKIATEST/;

describe("a bucket whose answers cannot be believed", () => {
  const store = withStore(startR2);
  before(async () => {
    for (const number of [1, 2, 3, 4, 5]) {
      const request = await store.folder.file(`listed ${number}`, 10 * number);
      await store.bucket.upload(host, { ...request, key: `pages/${number}` });
    }
  });

  const through = async (t: TestContext, rules: readonly Rule[]) => {
    const proxy = await faultProxy(store.server, rules);
    const far = await bucketOf(proxy.server, { stalledSeconds: 1, listPageSize: 2 });
    t.after(() => {
      far.close();
      return proxy.stop();
    });
    return { proxy, far };
  };
  const keysOf = async (far: Bucket): Promise<string[]> => (await far.list("pages/")).map(({ key }) => key);
  const ALL = [1, 2, 3, 4, 5].map((number) => `pages/${number}`);

  const passing: readonly (readonly [string, Fault])[] = [
    ["503 with Retry-After", { status: 503, headers: { "retry-after": "1" }, code: "SlowDown" }],
    ["429", { status: 429, code: "TooManyRequests" }],
    ["a gateway's 502", { status: 502, body: "<html>Bad Gateway" }],
    ["a reset in the middle", { afterBytes: 100, ending: "reset" }],
    ["an end in the middle", { afterBytes: 100, ending: "end" }],
    ["silence", { afterBytes: 0, ending: "stall" }],
    ["silence in the middle", { afterBytes: 100, ending: "stall" }],
    ["a slow body", { bytesPerSecond: 300 }],
    ["an endless body", { status: 200, endless: "<a>".repeat(50_000) }],
    ["a portal's page", PORTAL],
    ["a portal's redirect", { status: 302, headers: { location: "http://portal.test/?X-Amz-Signature=ab" } }],
    ["a portal's refusal", { status: 403, body: "<html>Log in first" }],
    ["nothing at all", { status: 200 }],
    ["an error behind a 200", { status: 200, code: "InternalError" }],
    ["another bucket's listing", { replaced: [["<Name>test-bucket</Name>", "<Name>other</Name>"]] }],
    ["an object without a size", { replaced: [["Size>", "Weight>"]] }],
    ["no word about the next page", { replaced: [["NextContinuationToken", "Next"]] }],
  ];
  for (const [what, fault] of passing)
    test(`listing: ${what} is asked again, and never taken for a shorter listing`, async (t) => {
      const { proxy, far } = await through(t, [{ on: "list", faults: [undefined, fault] }]);
      assert.deepEqual(await keysOf(far), ALL);
      assert.equal(proxy.of("list").length, 4);

      proxy.rules = [{ on: "list", always: fault }];
      const trouble = await troubleOf(keysOf(far));
      assert.equal(trouble.exitCode, 1);
      assert.match(trouble.code, /^cloud-(unavailable|unreachable|strange)$/);
      assert.ok(trouble.why !== "" && trouble.next);
      assert.doesNotMatch(JSON.stringify(trouble), SECRET);
    });

  test("listing: keys outside the prefix are left out; control characters stay what they are", async (t) => {
    const strange = "<Key>pages/&#x1b;[31m&#10;</Key>";
    const { far } = await through(t, [
      {
        on: "list",
        always: {
          replaced: [
            ["<Key>pages/2</Key>", "<Key>others/2</Key>"],
            ["<Key>pages/3</Key>", strange],
          ],
        },
      },
    ]);
    assert.deepEqual(await keysOf(far), ["pages/1", "pages/\x1b[31m\n", "pages/4", "pages/5"]);
  });

  test("listing: one that never ends is given up", async (t) => {
    const page = (token: string) =>
      `<ListBucketResult><Name>test-bucket</Name><IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken><Contents><Key>pages/1</Key><Size>5</Size></Contents></ListBucketResult>`;
    const { proxy, far } = await through(t, [{ on: "list", always: { status: 200, body: page("again") } }]);
    const trouble = await troubleOf(keysOf(far));
    assert.deepEqual([trouble.code, trouble.why], ["cloud-strange", "the listing does not come to an end"]);
    assert.ok(proxy.of("list").length < 50);
  });

  test("unfinished uploads: a stranger's, outside the prefix, are not told of; nor is a portal's page a listing", async (t) => {
    const upload = (key: string) => `<Upload><Key>${key}</Key><UploadId>id-${key}</UploadId></Upload>`;
    const listing = `<ListMultipartUploadsResult><Bucket>test-bucket</Bucket><IsTruncated>false</IsTruncated>${upload("dev/a")}${upload("other/b")}</ListMultipartUploadsResult>`;
    const { proxy, far } = await through(t, [
      { on: "uploads", faults: [PORTAL], always: { status: 200, body: listing } },
    ]);
    const found = await far.unfinishedUploads("dev/");
    assert.deepEqual(found.kind === "known" && found.value.map(({ key }) => key), ["dev/a"]);
    proxy.rules = [{ on: "uploads", always: PORTAL }];
    assert.equal((await troubleOf(far.unfinishedUploads("dev/"))).code, "cloud-strange");
  });

  test("a small object: a page in its place is not taken for it, nor is one that stalls or does not end", async (t) => {
    const { far, proxy } = await through(t, [
      {
        on: "get",
        faults: [PORTAL, { afterBytes: 5, ending: "stall" }, { status: 404, body: "<html>not here" }],
      },
    ]);
    assert.equal((await far.get("pages/1", 100))?.length, 10);
    assert.equal(proxy.of("get").length, 4);
    proxy.rules = [
      { on: "get", always: { status: 200, headers: { etag: '"0"' }, endless: "x".repeat(1_000) } },
    ];
    assert.deepEqual((await troubleOf(far.get("pages/1", 100_000))).code, "object-too-large");
    proxy.rules = [{ on: "get", always: PORTAL }];
    assert.equal((await troubleOf(far.get("pages/1", 100))).code, "cloud-strange");
  });

  test("an object's head: a page in its place is asked for again", async (t) => {
    const { far, proxy } = await through(t, [{ on: "head", faults: [PORTAL, { status: 302 }] }]);
    assert.equal((await far.head("pages/3"))?.sizeBytes, 30);
    proxy.rules = [{ on: "head", always: PORTAL }];
    assert.equal((await troubleOf(far.head("pages/3"))).code, "cloud-strange");
    proxy.rules = [{ on: "head", always: { status: 403 } }];
    assert.equal((await troubleOf(far.head("pages/3"))).code, "cloud-credentials");
  });

  const inPlace: readonly (readonly [string, Fault])[] = [
    ["a portal's page", PORTAL],
    ["a portal's page without an end", { ...PORTAL, endless: "<p>Log in</p>".repeat(1_000), status: 200 }],
    [
      "a head without an end",
      { status: 200, headers: Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`x-${n}`, "y"])) },
    ],
    ["a redirect", { status: 307, headers: { location: "http://portal.test/" } }],
    ["an answer that stops", { afterBytes: 1_000, ending: "stall" }],
    ["an answer that is slow", { bytesPerSecond: 200_000 }],
  ];
  for (const [what, fault] of inPlace)
    test(`download: ${what} is no reason to give up, and leaves nothing of its own in the file`, async (t) => {
      const source = await store.folder.file(`in place of ${what}`, 100_000);
      await store.bucket.upload(host, source);
      const request = { ...source, file: `${source.file}.fetched` as AbsolutePath };
      const { far, proxy } = await through(t, [{ on: "get", faults: [fault] }]);
      await far.download(host, request);
      assert.ok((await readFile(request.file)).equals(await readFile(source.file)));
      // what is not the object's does not count as its beginning; what is, does
      const starts = proxy.of("get").map(({ from }) => from);
      if ("status" in fault) assert.deepEqual(starts, [0, 0]);
      else assert.deepEqual(starts.lastIndexOf(0), 0);
    });

  test("download: what a portal keeps from coming is told as that, and what had come is kept", async (t) => {
    const source = await store.folder.file("behind the portal", 100_000);
    await store.bucket.upload(host, source);
    const request = { ...source, file: `${source.file}.fetched` as AbsolutePath };
    await writeFile(request.file, (await readFile(source.file)).subarray(0, 500));
    const { far, proxy } = await through(t, [{ on: "get", always: PORTAL }]);
    const trouble = await troubleOf(far.download(host, request));
    assert.deepEqual([trouble.code, trouble.exitCode, trouble.host], ["cloud-strange", 1, "ls"]);
    assert.doesNotMatch(JSON.stringify(trouble), SECRET);
    assert.equal((await stat(request.file)).size, 500);
    proxy.rules = [];
    assert.equal((await far.download(host, request)).resumedBytes, 500);
    assert.ok((await readFile(request.file)).equals(await readFile(source.file)));
  });

  test("download: an object that is not there is told from a HEAD that lies", async (t) => {
    const request = {
      ...(await store.folder.file("none", 10)),
      file: `${store.folder.path}/none.fetched` as AbsolutePath,
    };
    assert.equal((await troubleOf(store.bucket.download(host, request))).code, "object-missing");
    const { far } = await through(t, [
      { on: "head", always: { status: 404 } },
      { on: "list", always: PORTAL },
    ]);
    assert.equal((await troubleOf(far.download(host, request))).code, "cloud-strange");
    assert.equal(existsSync(request.file), false);
  });

  test("what the store says of an address is not passed on", async (t) => {
    const address = "/k?X-Amz-Credential=AKIATEST%2F2026&X-Amz-Signature=abcdef0123";
    const canonical = "X-Amz-Credential=AKIATEST%2F2026&X-Amz-Signature=abcdef0123";
    const body = `<Error><Code>Refused</Code><Message>GET ${address.replaceAll("&", "&amp;")} ${canonical}</Message></Error>`;
    const refusing: Fault = { status: 400, body };
    const { far } = await through(t, [{ on: ["list", "put"], always: refusing }]);
    for (const trouble of [
      await troubleOf(far.list("")),
      await troubleOf(far.upload(host, await store.folder.file("refused", 10))),
    ])
      assert.doesNotMatch(JSON.stringify(trouble), /AKIATEST|abcdef0123/);
  });

  test("a clock that is wrong, here or there, is named", async (t) => {
    const { far } = await through(t, [
      { on: "list", always: { status: 403, code: "RequestTimeTooSkewed" } },
      { on: "put", always: { status: 403, code: "ExpiredRequest" } },
    ]);
    const listing = await troubleOf(far.list(""));
    assert.deepEqual([listing.code, listing.exitCode], ["clock-skew", 1]);
    assert.match(listing.next ?? "", /timedatectl/);
    assert.equal((await troubleOf(far.upload(host, await store.folder.file("late", 10)))).code, "clock-skew");
  });
});
