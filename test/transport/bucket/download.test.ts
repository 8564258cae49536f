import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { describe, type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { AbsolutePath, Sha256 } from "../../../src/domain/names.ts";
import type { DownloadRequest } from "../../../src/transport/bucket/download-job.ts";
import type { UploadRequest } from "../../../src/transport/bucket/upload-job.ts";
import { type Fault, type FaultProxy, faultProxy, type Rule } from "../../lab/s3/fault-proxy.ts";
import { startR2, startSwift, whyNoSwift } from "../../lab/s3/servers.ts";
import { troubleOf } from "../trouble.ts";
import { bucketOf, host, MIB, withStore } from "./fixture.ts";

const STORES = [
  { name: "R2's simulator", start: startR2, skip: undefined },
  { name: "Swift", start: startSwift, skip: whyNoSwift() },
];

for (const { name, start, skip } of STORES) {
  describe(`download: ${name}`, { ...(skip === undefined ? {} : { skip }) }, () => {
    const store = withStore(start);

    /** An object of random bytes, the file it came from, and the request that brings it back. */
    const stored = async (name: string, sizeBytes: number) => {
      const source = await store.folder.file(name, sizeBytes);
      await store.bucket.upload(host, source);
      return { source, request: requestFor(source) };
    };

    const through = async (t: TestContext, gets: Omit<Rule, "on"> = {}) => {
      const proxy = await faultProxy(store.server, [{ on: "get", ...gets }]);
      const far = await bucketOf(proxy.server);
      t.after(() => {
        far.close();
        return proxy.stop();
      });
      return { proxy, far };
    };

    for (const size of [0, 1_000, 12 * MIB + 1]) {
      test(`brings ${size} bytes: only that object is asked for, once`, async (t) => {
        const { source, request } = await stored(`file ${size}+%&'$.age`, size);
        const { proxy, far } = await through(t);
        const progress: number[] = [];
        const done = await far.download(host, { ...request, onProgress: (bytes) => progress.push(bytes) });
        assert.deepEqual(done, { sizeBytes: size, resumedBytes: 0 });
        assert.ok(await sameFiles(source, request));
        assert.equal((await stat(request.file)).mode & 0o777, 0o600);
        assert.equal(progress.at(-1), size);
        assert.deepEqual(startsOf(proxy), size === 0 ? [] : [0]);
        assert.deepEqual([...new Set(proxy.asked.map(({ key }) => key))], [request.key]);
        assert.equal(sumOf(proxy), size);
      });
    }

    test("goes on where an earlier one stopped, and asks for the rest only", async (t) => {
      const { source, request } = await stored("resumed", 9 * MIB);
      await writeFile(request.file, (await readFile(source.file)).subarray(0, 5 * MIB + 7));
      const { proxy, far } = await through(t);
      assert.equal((await far.download(host, request)).resumedBytes, 5 * MIB + 7);
      assert.deepEqual(startsOf(proxy), [5 * MIB + 7]);
      assert.equal(sumOf(proxy), 4 * MIB - 7);
      assert.ok(await sameFiles(source, request));
      // whole already: nothing is asked for any more
      assert.equal((await far.download(host, request)).resumedBytes, 9 * MIB);
      assert.equal(startsOf(proxy).length, 1);
    });

    test("what breaks off is asked for again from there; no byte comes twice", async (t) => {
      const { source, request } = await stored("broken", 9 * MIB);
      const faults: Fault[] = [
        { status: 503, headers: { "retry-after": "1" }, code: "SlowDown" },
        { afterBytes: 5 * MIB, ending: "reset" },
        { status: 403, code: "ExpiredRequest" },
        { afterBytes: MIB, ending: "end" },
      ];
      const { proxy, far } = await through(t, { faults });
      const began = Date.now();
      await far.download(host, request);
      assert.ok(Date.now() - began >= 1_000, "Retry-After was not waited for");
      assert.deepEqual(startsOf(proxy), [0, 0, 5 * MIB, 5 * MIB, 6 * MIB]);
      assert.equal(sumOf(proxy), 9 * MIB);
      assert.ok(await sameFiles(source, request));
    });

    test("patience begins anew with every part that came, and has an end; the next run goes on", async (t) => {
      const { source, request } = await stored("patience", 27 * MIB);
      // four attempts are all the patience there is: five that each bring a part do not use it up
      const { proxy, far } = await through(t, {
        faults: Array.from({ length: 5 }, () => ({ afterBytes: 5 * MIB, ending: "reset" as const })),
        always: { status: 500, code: "InternalError" },
      });
      const trouble = await troubleOf(far.download(host, request));
      assert.deepEqual([trouble.code, trouble.exitCode], ["cloud-unavailable", 1]);
      assert.equal(startsOf(proxy).length, 5 + 4);
      proxy.rules = [];
      assert.equal((await far.download(host, request)).resumedBytes, 25 * MIB);
      assert.equal(sumOf(proxy), 27 * MIB);
      assert.ok(await sameFiles(source, request));
    });

    test("an object that is replaced by other parts of the same bytes is fetched anew", async (t) => {
      const { source, request } = await stored("replaced", 12 * MIB);
      const whole = await bucketOf(store.server, { partSizeBytes: 64 * MIB });
      const { proxy, far } = await through(t, {
        faults: [{ afterBytes: MIB, ending: "reset" }],
        meanwhile: async (before) => before === 1 && whole.upload(host, source),
      });
      assert.deepEqual(await far.download(host, request), { sizeBytes: 12 * MIB, resumedBytes: 0 });
      assert.deepEqual(startsOf(proxy), [0, MIB, 0]);
      assert.ok(await sameFiles(source, request));
      whole.close();
    });

    test("an object that is replaced again and again is given up", async (t) => {
      const { source, request } = await stored("restless", 12 * MIB);
      const other = { ...(await store.folder.file("other", 12 * MIB)), key: source.key };
      const meanwhile = (before: number) => store.bucket.upload(host, before % 2 === 0 ? other : source);
      const { far } = await through(t, { meanwhile });
      const trouble = await troubleOf(far.download(host, request));
      assert.deepEqual([trouble.code, trouble.exitCode, trouble.host], ["object-changed", 1, "ls"]);
      assert.equal(existsSync(request.file), false);
    });

    test("where nothing tells what it has to be, it is taken anew, whatever an earlier run has left", async (t) => {
      const { source, request } = await stored("without-a-note", 2 * MIB);
      await writeFile(request.file, Buffer.alloc(MIB));
      const { far } = await through(t);
      const done = await far.download(host, { ...request, sha256: null });
      assert.deepEqual(done, { sizeBytes: 2 * MIB, resumedBytes: 0 });
      assert.ok(await sameFiles(source, request));
    });

    test("a beginning of other bytes is no damage of the object", async (t) => {
      const { source, request } = await stored("other-beginning", 3 * MIB);
      const { proxy, far } = await through(t);
      for (const size of [MIB, 3 * MIB, 4 * MIB]) {
        await writeFile(request.file, Buffer.alloc(size));
        assert.deepEqual(await far.download(host, request), { sizeBytes: 3 * MIB, resumedBytes: 0 });
        assert.ok(await sameFiles(source, request));
      }
      assert.deepEqual(startsOf(proxy), [MIB, 0, 0, 0]);
    });

    test("a byte that is damaged on the way: all of it is fetched once more, alone", async (t) => {
      const { source, request } = await stored("damaged-once", 2 * MIB);
      const { proxy, far } = await through(t, { faults: [{ damagedByte: MIB + 5 }] });
      assert.deepEqual(await far.download(host, request), { sizeBytes: 2 * MIB, resumedBytes: 0 });
      assert.deepEqual(startsOf(proxy), [0, 0]);
      assert.ok(await sameFiles(source, request));
    });

    test("a byte that is damaged each time: nothing is left, expected and got are named", async (t) => {
      const { request } = await stored("damaged", 2 * MIB);
      const { proxy, far } = await through(t, { always: { damagedByte: MIB + 5 } });
      const trouble = await troubleOf(far.download(host, request));
      assert.deepEqual([trouble.code, trouble.exitCode, trouble.host], ["object-damaged", 6, "ls"]);
      assert.match(trouble.what, new RegExp(request.key));
      assert.match(
        trouble.why ?? "",
        new RegExp(`^its SHA-256 is (?!${request.sha256})[0-9a-f]{64}, not ${request.sha256}$`),
      );
      assert.match(trouble.state ?? "", /nothing was received/);
      assert.equal(existsSync(request.file), false);
      assert.deepEqual(startsOf(proxy), [0, 0]);
    });

    test("the whole is checked as well where it lies there already", async () => {
      const { request } = await stored("lying", 1_000);
      const sha256 = "00".repeat(32) as Sha256;
      await store.bucket.download(host, request);
      const trouble = await troubleOf(store.bucket.download(host, { ...request, sha256 }));
      assert.deepEqual([trouble.code, trouble.exitCode], ["object-damaged", 6]);
      assert.equal(existsSync(request.file), false);
    });

    test("an object of another size, or none, is refused before a byte of it is asked for", async (t) => {
      const { request } = await stored("size", 1_000);
      const { proxy, far } = await through(t);
      const short = await troubleOf(far.download(host, { ...request, sizeBytes: 1_001 }));
      assert.deepEqual([short.code, short.exitCode], ["object-truncated", 6]);
      assert.match(short.why ?? "", /1000 bytes, not 1001/);
      const long = await troubleOf(far.download(host, { ...request, sizeBytes: 999 }));
      assert.deepEqual([long.code, long.exitCode], ["object-damaged", 6]);
      assert.deepEqual(startsOf(proxy), []);
      const none = await troubleOf(far.download(host, { ...request, key: "dev/none" }));
      assert.deepEqual([none.code, none.exitCode], ["object-missing", 6]);
      assert.equal(existsSync(request.file), false);
    });

    test("an object that vanishes on the way: what came is kept", async (t) => {
      const { request } = await stored("vanished", 3 * MIB);
      const { far } = await through(t, {
        faults: [{ afterBytes: MIB, ending: "reset" }],
        always: { status: 404, code: "NoSuchKey" },
      });
      const trouble = await troubleOf(far.download(host, request));
      assert.deepEqual([trouble.code, trouble.exitCode], ["object-missing", 6]);
      assert.equal((await stat(request.file)).size, MIB);
    });

    test("an answer that is not the range that was asked for does not reach the file", async (t) => {
      const { source, request } = await stored("range", 2_000);
      await writeFile(request.file, (await readFile(source.file)).subarray(0, 1_000));
      const { proxy, far } = await through(t, { faults: [{ status: 200, headers: { etag: '"another"' } }] });
      assert.equal((await far.download(host, request)).resumedBytes, 0);
      assert.deepEqual(startsOf(proxy), [1_000, 0]);
      assert.ok(await sameFiles(source, request));
    });

    test("an abort ends it within seconds, and the next run goes on", async (t) => {
      const { source, request } = await stored("aborted", 6 * MIB);
      const { proxy, far } = await through(t, { faults: [{ afterBytes: 2 * MIB, ending: "stall" }] });
      const stop = new AbortController();
      const onProgress = (bytes: number) => bytes >= MIB && stop.abort();
      const began = Date.now();
      const trouble = await troubleOf(far.download(host, { ...request, onProgress, signal: stop.signal }));
      assert.deepEqual([trouble.code, trouble.exitCode], ["interrupted", 130]);
      assert.ok(Date.now() - began < 5_000);
      const kept = (await stat(request.file)).size;
      assert.equal((await far.download(host, request)).resumedBytes, kept);
      assert.deepEqual(startsOf(proxy), [0, kept]);
      assert.ok(await sameFiles(source, request));
    });

    test("a script that outlived its controller is waited for, and what it brought counts", async (t) => {
      const { source, request } = await stored("outlived", 3 * MIB);
      const { proxy, far } = await through(t);
      const rest = host.run(
        `exec 9>>'${request.file}'; flock 9; sleep 2; head -c ${2 * MIB} '${source.file}' >&9`,
      );
      while (!existsSync(request.file)) await setTimeout(50);
      await setTimeout(500);
      await far.download(host, request);
      await rest;
      assert.deepEqual(startsOf(proxy), [2 * MIB]);
      assert.ok(await sameFiles(source, request));
    });

    test("says so: a wrong secret, a missing bucket, an endpoint that is down", async () => {
      const { request } = await stored("refused", 1_000);
      for (const { change, code } of [
        { change: { secretAccessKey: "not-the-secret-9f3c" }, code: "cloud-credentials" },
        { change: { bucket: "nonesuch" }, code: "bucket-missing" },
        { change: { endpoint: "http://127.0.0.1:9" }, code: "cloud-unreachable" },
      ]) {
        const wrong = await bucketOf({ ...store.server, ...change });
        for (const trouble of [
          await troubleOf(wrong.download(host, request)),
          await troubleOf(wrong.get(request.key, 1_000)),
        ]) {
          assert.equal(trouble.code, code);
          assert.doesNotMatch(JSON.stringify(trouble), /X-Amz|Signature=|not-the-secret/);
        }
        wrong.close();
      }
    });

    test("a small object comes into memory", async (t) => {
      const { source, request } = await stored("small", 3_000);
      const { proxy, far } = await through(t, { faults: [{ afterBytes: 1_000, ending: "reset" }] });
      assert.deepEqual(Buffer.from((await far.get(request.key, 3_000)) ?? []), await readFile(source.file));
      assert.equal(startsOf(proxy).length, 2);
      assert.equal(await far.get("dev/none", 3_000), undefined);
      const trouble = await troubleOf(far.get(request.key, 2_999));
      assert.deepEqual([trouble.code, trouble.exitCode], ["object-too-large", 6]);
    });
  });
}

const requestFor = ({ key, sizeBytes, sha256, file }: UploadRequest): DownloadRequest => ({
  key,
  sizeBytes,
  sha256,
  file: `${file}.fetched` as AbsolutePath,
});

const sameFiles = async (source: UploadRequest, { file }: DownloadRequest): Promise<boolean> =>
  (await readFile(file)).equals(await readFile(source.file));

/** Of the ranges of all GETs, where they began. */
const startsOf = (proxy: FaultProxy): readonly (number | undefined)[] =>
  proxy.of("get").map(({ from }) => from);

const sumOf = (proxy: FaultProxy): number => proxy.of("get").reduce((sum, { bytes }) => sum + bytes, 0);
