import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Bucket } from "../../../src/transport/bucket/bucket.ts";
import {
  type Fault,
  type FaultProxy,
  faultProxy,
  PORTAL,
  type Rule,
  takenParts,
} from "../../lab/s3/fault-proxy.ts";
import { type S3Server, startR2 } from "../../lab/s3/servers.ts";
import { troubleOf } from "../trouble.ts";
import { bucketOf, host, MIB, sameBytes, stateOf, workFolder } from "./fixture.ts";

describe("upload to a bucket that misbehaves", () => {
  let server: S3Server;
  let folder: Awaited<ReturnType<typeof workFolder>>;
  let direct: Bucket;
  const open: (FaultProxy | Bucket)[] = [];
  before(async () => {
    [server, folder] = await Promise.all([startR2(), workFolder()]);
    direct = await bucketOf(server);
    open.push(direct);
  });
  after(async () => {
    for (const thing of open) await ("stop" in thing ? thing.stop() : thing.close());
    await Promise.all([server?.stop(), folder?.remove()]);
  });

  const through = async (rules: readonly Rule[], stalledSeconds?: number) => {
    const proxy = await faultProxy(server, rules);
    const bucket = await bucketOf(proxy.server, stalledSeconds === undefined ? {} : { stalledSeconds });
    open.push(proxy, bucket);
    return { proxy, bucket };
  };

  test("each part is retried alone: 503 with Retry-After, 429, a reset in the middle, damaged bytes", async () => {
    const { proxy, bucket } = await through([
      { on: "part", part: 1, faults: [{ status: 503, headers: { "retry-after": "3" }, code: "SlowDown" }] },
      {
        on: "part",
        part: 2,
        faults: [
          { status: 429, code: "TooManyRequests" },
          { status: 500, code: "InternalError" },
        ],
      },
      {
        on: "part",
        part: 3,
        faults: [
          { afterBytes: MIB, ending: "reset", of: "request" },
          { afterBytes: MIB, ending: "reset", of: "request" },
        ],
      },
      { on: "part", part: 4, faults: [{ damagedByte: 4_000_000, of: "request" }] },
      { on: "part", part: 5, faults: [{ answer: "lost" }] },
    ]);
    const request = await folder.file("retried", 23 * MIB);
    const done = await bucket.upload(host, request);
    assert.equal(done.parts, 5);
    const [first, second] = proxy.of("part").filter(({ part }) => part === 1);
    assert.ok((second?.atMs ?? 0) - (first?.atMs ?? 0) >= 3_000, "Retry-After was not waited for");
    // the store took part 5 twice, the first time without anybody being told
    assert.deepEqual([...takenParts(proxy)].sort(), [1, 2, 3, 4, 5, 5]);
    assert.ok(await sameBytes(direct, request));
  });

  test("a single PUT is retried as well", async () => {
    const cut: Fault = { afterBytes: MIB, ending: "reset", of: "request" };
    const { proxy, bucket } = await through([
      { on: "put", faults: [cut, cut, { damagedByte: 5, of: "request" }] },
    ]);
    const request = await folder.file("single", 4 * MIB);
    await bucket.upload(host, request);
    assert.deepEqual(takenParts(proxy), [0]);
    assert.ok(await sameBytes(direct, request));
  });

  test("so are beginning, completing and looking", async () => {
    const { proxy, bucket } = await through([
      { on: "create", faults: [{ status: 500, code: "InternalError" }, PORTAL] },
      // CompleteMultipartUpload can fail behind a 200 (its API reference, "Errors")
      { on: "complete", faults: [{ status: 200, code: "InternalError" }, PORTAL] },
      { on: "head", faults: [{ status: 503 }, PORTAL] },
    ]);
    const request = await folder.file("control", 12 * MIB);
    assert.equal((await bucket.upload(host, request)).parts, 3);
    assert.deepEqual([proxy.of("create").length, proxy.of("complete").length], [3, 3]);
    assert.deepEqual([...takenParts(proxy)].sort(), [1, 2, 3]);
    assert.ok(await sameBytes(direct, request));
  });

  test("a completion whose answer is lost counts, and no byte is sent again", async () => {
    const { proxy, bucket } = await through([{ on: "complete", faults: [{ answer: "lost" }] }]);
    const request = await folder.file("lost", 12 * MIB);
    await bucket.upload(host, request);
    assert.deepEqual([...takenParts(proxy)].sort(), [1, 2, 3]);
    assert.ok(await sameBytes(direct, request));
  });

  for (const [what, fault] of [
    ["a portal's page", PORTAL],
    ["an error behind a 200", { status: 200, code: "InternalError" }],
  ] as const)
    test(`a completion that is answered by ${what} is none: the next run completes, and sends nothing again`, async () => {
      const { proxy, bucket } = await through([{ on: "complete", always: fault }]);
      const request = await folder.file(`not completed by ${what}`, 12 * MIB);
      const trouble = await troubleOf(bucket.upload(host, request));
      assert.equal(trouble.exitCode, 1);
      assert.match(trouble.code, /^cloud-(strange|unavailable)$/);
      assert.equal(await direct.head(request.key), undefined);
      proxy.rules = [];
      proxy.asked.length = 0;
      assert.equal((await bucket.upload(host, request)).resumedParts, 3);
      assert.deepEqual(takenParts(proxy), []);
      assert.ok(await sameBytes(direct, request));
    });

  test("an expired address is signed anew", async () => {
    const { proxy, bucket } = await through([
      {
        on: "put",
        faults: [
          { status: 403, code: "ExpiredRequest" },
          { status: 403, body: EXPIRED },
        ],
      },
    ]);
    const request = await folder.file("expired", 1_000);
    assert.equal((await bucket.upload(host, request)).parts, 1);
    assert.equal(proxy.of("put").length, 3);
  });

  test("a refused part fails at once, and what was sent is kept", async () => {
    const { proxy, bucket } = await through([
      { on: "part", part: 3, always: { status: 403, code: "AccessDenied" } },
    ]);
    const request = await folder.file("refused", 23 * MIB);
    const trouble = await troubleOf(bucket.upload(host, request));
    assert.deepEqual([trouble.code, trouble.host], ["cloud-credentials", "ls"]);
    assert.equal(proxy.of("part").filter(({ part }) => part === 3).length, 1);
    assert.match(trouble.what, /part 3/);
    assert.ok((await stateOf(request)) !== undefined);
    // a state is good for its own endpoint only
    assert.equal((await direct.upload(host, request)).resumedParts, 0);
  });

  test("patience has an end, and the next run goes on from there", async () => {
    const { proxy, bucket } = await through([{ on: "part", part: 5, always: { status: 503 } }]);
    const request = await folder.file("patience", 23 * MIB);
    const trouble = await troubleOf(bucket.upload(host, request));
    assert.deepEqual([trouble.code, trouble.exitCode], ["cloud-unavailable", 1]);
    assert.match(trouble.why ?? "", /HTTP 503/);
    assert.equal(proxy.of("part").filter(({ part }) => part === 5).length, 4);
    proxy.rules = [];
    proxy.asked.length = 0;
    const done = await bucket.upload(host, request);
    // a part of the first run that was given up may still arrive, and then comes once more
    assert.equal(done.resumedParts + new Set(takenParts(proxy)).size, 5);
    assert.ok(done.resumedParts >= 2);
    assert.ok(await sameBytes(direct, request));
  });

  test("a store that wants to be asked tomorrow is not waited for", async () => {
    const busy: Fault = { status: 503, headers: { "retry-after": "86400" }, code: "SlowDown" };
    const { proxy, bucket } = await through([{ on: ["put", "list"], always: busy }]);
    const request = await folder.file("tomorrow", 1_000);
    for (const ask of [() => bucket.upload(host, request), () => bucket.list("")]) {
      const trouble = await troubleOf(ask());
      assert.equal(trouble.code, "cloud-unavailable");
      assert.match(trouble.why ?? "", /SlowDown.*it asks to wait 86400 s/);
    }
    assert.equal(proxy.asked.length, 2);
  });

  for (const [what, fault] of [
    ["never comes", { afterBytes: 0, ending: "stall" }],
    ["does not end", { status: 200, headers: { etag: '"0"' }, endless: "x".repeat(10_000) }],
    ["stops behind its head", { status: 500, endless: "" }],
  ] as const)
    test(`an answer that ${what} is given up, and the part sent again`, async () => {
      const { proxy, bucket } = await through([{ on: "put", faults: [fault] }], 2);
      const request = await folder.file(`answer ${what}`, 1_000);
      await bucket.upload(host, request);
      assert.equal(proxy.of("put").length, 2);
      assert.ok(await sameBytes(direct, request));
    });

  test("a page in the store's place takes nothing in: nothing counts as sent", async () => {
    for (const sizeBytes of [1_000, 12 * MIB]) {
      const { bucket } = await through([{ on: ["create", "put", "part"], always: PORTAL }]);
      const request = await folder.file(`portal ${sizeBytes}`, sizeBytes);
      const trouble = await troubleOf(bucket.upload(host, request));
      assert.deepEqual([trouble.code, trouble.exitCode], ["cloud-strange", 1]);
      assert.match(trouble.next ?? "", /captive portal/);
      assert.equal(await direct.head(request.key), undefined);
    }
  });

  test("the store refuses bytes that do not fit their MD5", async () => {
    const { exitCode, stdout } = await host.run(
      `export PATH="$(mktemp -d):$PATH"; d=\${PATH%%:*}
       printf '#!/bin/sh\\nexec /usr/bin/openssl dgst -md5 -binary /dev/null\\n' > $d/openssl; chmod 755 $d/openssl; echo $d`,
    );
    assert.equal(exitCode, 0);
    const damaging = {
      ...host,
      run: (script: string, options?: Parameters<typeof host.run>[1]) =>
        host.run(`PATH=${stdout.trim()}:$PATH\n${script}`, options),
    };
    const trouble = await troubleOf(direct.upload(damaging, await folder.file("md5", 1_000)));
    assert.match(trouble.why ?? "", /BadDigest|MD5/i);
    await host.run(`rm -r ${stdout.trim()}`);
  });
});

const EXPIRED = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
