import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import type { AbsolutePath, Sha256 } from "../../../src/domain/names.ts";
import { faultProxy, takenParts } from "../../lab/s3/fault-proxy.ts";
import { startR2, startSwift, whyNoSwift } from "../../lab/s3/servers.ts";
import { troubleOf } from "../trouble.ts";
import { bucketOf, host, MIB, sameBytes, stateOf, withStore } from "./fixture.ts";

const STORES = [
  { name: "R2's simulator", start: startR2, skip: undefined, listsUploads: false },
  { name: "Swift", start: startSwift, skip: whyNoSwift(), listsUploads: true },
];

for (const { name, start, skip, listsUploads } of STORES) {
  describe(`bucket: ${name}`, { ...(skip === undefined ? {} : { skip }) }, () => {
    const store = withStore(start);

    const sizes = [
      { what: "nothing", size: 0, parts: 1 },
      { what: "a small file", size: 1_000, parts: 1 },
      { what: "a file of exactly one part", size: 5 * MIB, parts: 1 },
      { what: "parts, the last one smaller", size: 17_000_001, parts: 4 },
      { what: "an exact multiple of the part size", size: 10 * MIB, parts: 2 },
    ];
    for (const { what, size, parts } of sizes) {
      test(`uploads ${what}`, async () => {
        const progress: number[] = [];
        const request = await store.folder.file(`file ${size}+%&'$.age`, size);
        const done = await store.bucket.upload(host, {
          ...request,
          onProgress: (bytes) => progress.push(bytes),
        });
        assert.deepEqual({ ...done, etag: "" }, { etag: "", sizeBytes: size, parts, resumedParts: 0 });
        const head = await store.bucket.head(request.key);
        assert.deepEqual([head?.sizeBytes, head?.sha256, head?.etag], [size, request.sha256, done.etag]);
        assert.ok(await sameBytes(store.bucket, request));
        assert.equal(progress.at(-1), size);
        assert.equal(existsSync(request.statePath), false);
      });
    }

    test("lists every page, only under the prefix, in order", async () => {
      const paged = await bucketOf(store.server, { listPageSize: 2 });
      const request = await store.folder.file("tiny", 10);
      for (const number of [5, 3, 1, 4, 2])
        await store.bucket.upload(host, { ...request, key: `pages/${number}` });
      await store.bucket.upload(host, { ...request, key: "pages-not/6" });
      const objects = await paged.list("pages/");
      assert.deepEqual(
        objects.map(({ key }) => key),
        [1, 2, 3, 4, 5].map((number) => `pages/${number}`),
      );
      assert.ok(objects.every(({ sizeBytes, etag }) => sizeBytes === 10 && /^[0-9a-f]{32}$/.test(etag)));
      assert.ok(objects.every(({ lastModified }) => Math.abs(Date.now() - lastModified.getTime()) < 600_000));
      assert.deepEqual(await paged.list("nothing/"), []);
      paged.close();
    });

    test("no head of what is not there", async () =>
      assert.equal(await store.bucket.head("nothing"), undefined));

    test("an interrupted upload goes on with the missing parts", async (t) => {
      const proxy = await faultProxy(store.server);
      t.after(proxy.stop);
      const through = await bucketOf(proxy.server, { concurrency: 1 });
      const request = await store.folder.file("resumed", 23 * MIB);
      const stop = new AbortController();
      const onProgress = (bytes: number) => bytes >= 10 * MIB && stop.abort();
      const trouble = await troubleOf(through.upload(host, { ...request, onProgress, signal: stop.signal }));
      assert.deepEqual([trouble.code, trouble.exitCode], ["interrupted", 130]);
      assert.match(trouble.state ?? "", /parts that were sent are kept/);
      assert.deepEqual(takenParts(proxy), [1, 2]);

      const state = await stateOf(request);
      assert.deepEqual([...(state?.sent.keys() ?? [])], [1, 2]);
      assert.equal((await stat(request.statePath)).mode & 0o777, 0o600);
      const unfinished = await through.unfinishedUploads("dev/");
      assert.equal(unfinished.kind, listsUploads ? "known" : "unknown");
      if (unfinished.kind === "known") {
        const [only] = unfinished.value;
        assert.deepEqual([only?.key, only?.uploadId], [request.key, state?.uploadId]);
      }

      proxy.asked.length = 0;
      const done = await through.upload(host, request);
      assert.deepEqual([done.parts, done.resumedParts], [5, 2]);
      assert.deepEqual(takenParts(proxy), [3, 4, 5]);
      assert.ok(await sameBytes(store.bucket, request));
      assert.equal(existsSync(request.statePath), false);
      if (listsUploads)
        assert.deepEqual(await store.bucket.unfinishedUploads(""), { kind: "known", value: [] });
      through.close();
    });

    /** An upload of `request` that has ended after its first part. */
    const begun = async (request: Awaited<ReturnType<typeof store.folder.file>>): Promise<void> => {
      const stop = new AbortController();
      const one = await bucketOf(store.server, { concurrency: 1 });
      const onProgress = (bytes: number) => bytes > 0 && stop.abort();
      await troubleOf(one.upload(host, { ...request, onProgress, signal: stop.signal }));
      one.close();
    };

    test("an upload that the store has ended meanwhile starts anew", async () => {
      const request = await store.folder.file("gone", 12 * MIB);
      await begun(request);
      const state = await stateOf(request);
      assert.ok(state);
      await store.bucket.abortUpload(state);
      await store.bucket.abortUpload(state);
      const done = await store.bucket.upload(host, request);
      assert.deepEqual([done.parts, done.resumedParts], [3, 0]);
      assert.ok(await sameBytes(store.bucket, request));
    });

    test("a state of other bytes is given up, its upload aborted", async () => {
      const request = await store.folder.file("changed", 12 * MIB);
      await begun(request);
      const before = await stateOf(request);
      const changed = { ...(await store.folder.file("changed", 12 * MIB)), statePath: request.statePath };
      const done = await store.bucket.upload(host, changed);
      assert.deepEqual([done.parts, done.resumedParts], [3, 0]);
      assert.ok(await sameBytes(store.bucket, changed));
      assert.notEqual(changed.sha256, before?.sha256);
      if (listsUploads)
        assert.deepEqual(await store.bucket.unfinishedUploads(""), { kind: "known", value: [] });
    });

    test("a part that the state has and the store has not is sent again", async () => {
      const request = await store.folder.file("lost", 12 * MIB);
      await begun(request);
      const text = await readFile(request.statePath, "utf8");
      await writeFile(
        request.statePath,
        `${text}${(text.match(/^part 1.*\n/m)?.[0] ?? "").replace("part 1", "part 2")}`,
      );
      const done = await store.bucket.upload(host, request);
      // a store that lists no parts finds out when it is to join them; then all are sent again
      assert.equal(done.resumedParts, listsUploads ? 1 : 0);
      assert.ok(await sameBytes(store.bucket, request));
    });

    test("a completion whose answer was lost counts", async () => {
      const request = await store.folder.file("completed", 12 * MIB);
      await begun(request);
      const text = await readFile(request.statePath, "utf8");
      await store.bucket.upload(host, request);
      await writeFile(request.statePath, text);
      const done = await store.bucket.upload(host, request);
      assert.equal(done.etag, (await store.bucket.head(request.key))?.etag);
      assert.equal(existsSync(request.statePath), false);
    });

    const wrongs = [
      {
        what: "a wrong secret",
        change: { secretAccessKey: "not-the-secret-9f3c" },
        code: "cloud-credentials",
      },
      { what: "an unknown key id", change: { accessKeyId: "nobody" }, code: "cloud-credentials" },
      { what: "a bucket that does not exist", change: { bucket: "nonesuch" }, code: "bucket-missing" },
      {
        what: "a name that does not resolve",
        change: { endpoint: "http://r2.invalid" },
        code: "cloud-unreachable",
      },
      {
        what: "an endpoint that is down",
        change: { endpoint: "http://127.0.0.1:9" },
        code: "cloud-unreachable",
      },
    ];
    for (const { what, change, code } of wrongs) {
      test(`says so: ${what}`, async () => {
        const wrong = await bucketOf({ ...store.server, ...change });
        const trouble = await troubleOf(wrong.list(""));
        assert.deepEqual([trouble.code, trouble.exitCode], [code, 1]);
        assert.ok(trouble.next && trouble.why);
        const request = await store.folder.file("small", 100);
        const put = await troubleOf(wrong.upload(host, request));
        assert.equal(put.code, code);
        assert.doesNotMatch(JSON.stringify([trouble, put]), /X-Amz|Signature=|not-the-secret/);
        wrong.close();
      });
    }

    const wrongRegion = async () => {
      const wrong = await bucketOf({ ...store.server, region: "eu-west-9" });
      const trouble = await troubleOf(wrong.list(""));
      assert.equal(trouble.code, "cloud-region");
      assert.match(`${trouble.next} ${trouble.why}`, /eu-west-9.*us-east-1/);
      wrong.close();
    };
    // the simulator takes any region
    if (listsUploads) test("says so: a wrong region", wrongRegion);

    // the simulator does not say what time it is
    if (listsUploads)
      for (const hours of [-30, 30])
        test(`a clock here that is wrong by ${hours} h: the store's is used`, async (t) => {
          t.mock.timers.enable({ apis: ["Date"], now: Date.now() + hours * 3_600_000 });
          const skewed = await bucketOf(store.server);
          t.after(() => skewed.close());
          const request = await store.folder.file(`clock ${hours}`, 12 * MIB);
          assert.deepEqual(await skewed.list("clock/"), []);
          assert.equal((await skewed.upload(host, request)).parts, 3);
          await skewed.download(host, { ...request, file: `${request.file}.fetched` as AbsolutePath });
        });

    test("says so: a file that is gone, or has another size", async () => {
      const request = await store.folder.file("here", 100);
      const gone = await troubleOf(store.bucket.upload(host, { ...request, file: `${request.file}.not` }));
      assert.deepEqual([gone.code, gone.exitCode, gone.host], ["upload-file-missing", 6, "ls"]);
      const changed = await troubleOf(store.bucket.upload(host, { ...request, sizeBytes: 101 }));
      assert.deepEqual([changed.code, changed.exitCode], ["upload-file-changed", 6]);
      assert.equal(await store.bucket.head(request.key), undefined);
    });

    test("says so: what is stored is not what was sent", async (t) => {
      const request = await store.folder.file("wrong", 100);
      const liar = await faultProxy(store.server, [
        { on: "put", always: { status: 200, headers: { etag: '"abc"' } } },
      ]);
      t.after(liar.stop);
      const through = await bucketOf(liar.server);
      const absent = await troubleOf(through.upload(host, request));
      assert.deepEqual([absent.code, absent.exitCode], ["cloud-object-wrong", 6]);
      await store.bucket.upload(host, request);
      const other = await troubleOf(through.upload(host, { ...request, sha256: "00".repeat(32) as Sha256 }));
      assert.deepEqual([other.code, other.exitCode], ["cloud-object-wrong", 6]);
      assert.match(other.why ?? "", /SHA-256/);
      through.close();
    });
  });
}
