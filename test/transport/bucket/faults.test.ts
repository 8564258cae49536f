import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Bucket } from "../../../src/transport/bucket/bucket.ts";
import { readUploadState } from "../../../src/transport/bucket/upload-resume.ts";
import { type S3Server, startR2 } from "../../lab/s3/servers.ts";
import {
  bucketOf,
  type Fault,
  type FaultProxy,
  faultProxy,
  host,
  MIB,
  sameBytes,
  troubleOf,
  workFolder,
} from "./fixture.ts";

describe("upload through a bad network", () => {
  let server: S3Server;
  let folder: Awaited<ReturnType<typeof workFolder>>;
  const open: (FaultProxy | Bucket)[] = [];
  before(async () => {
    [server, folder] = await Promise.all([startR2(), workFolder()]);
  });
  after(async () => {
    for (const thing of open) await ("stop" in thing ? thing.stop() : thing.close());
    await Promise.all([server?.stop(), folder?.remove()]);
  });

  const through = async (faultOf: (part: number, before: number) => Fault | undefined) => {
    const proxy = await faultProxy(server, faultOf);
    const bucket = await bucketOf(proxy.server);
    open.push(proxy, bucket);
    return { proxy, bucket };
  };

  test("each part is retried alone: 503 with Retry-After, 429, a reset in the middle, damaged bytes", async () => {
    const faults: Record<number, Fault[]> = {
      1: [{ status: 503, headers: { "retry-after": "3" }, code: "SlowDown" }],
      2: [
        { status: 429, code: "TooManyRequests" },
        { status: 500, code: "InternalError" },
      ],
      3: ["reset", "reset"],
      4: [{ status: 400, code: "BadDigest" }],
    };
    const tries: number[] = [];
    const { proxy, bucket } = await through((part, before) => {
      if (part === 1) tries.push(Date.now());
      return faults[part]?.[before];
    });
    const request = await folder.file("retried", 23 * MIB);
    const done = await bucket.upload(host, request);
    assert.equal(done.parts, 5);
    const [first = 0, second = 0] = tries;
    assert.ok(second - first >= 3_000, "Retry-After was not waited for");
    assert.deepEqual([...proxy.taken].sort(), [1, 2, 3, 4, 5]);
    assert.ok(await sameBytes(bucket, request));
  });

  test("a single PUT is retried as well", async () => {
    const { proxy, bucket } = await through((_, before) => (before < 2 ? "reset" : undefined));
    const request = await folder.file("single", 4 * MIB);
    await bucket.upload(host, request);
    assert.deepEqual(proxy.taken, [0]);
    assert.ok(await sameBytes(bucket, request));
  });

  test("an expired address is signed anew", async () => {
    const expired = { status: 403, code: "AccessDenied", headers: {} };
    const { bucket } = await through((_, before) =>
      before === 0 ? { ...expired, code: "ExpiredRequest" } : undefined,
    );
    const request = await folder.file("expired", 1_000);
    assert.equal((await bucket.upload(host, request)).parts, 1);
  });

  test("a refused part fails at once, and what was sent is kept", async () => {
    let refused = 0;
    const { bucket } = await through((part) => {
      if (part !== 3) return undefined;
      refused += 1;
      return { status: 403, code: "AccessDenied" };
    });
    const request = await folder.file("refused", 23 * MIB);
    const trouble = await troubleOf(bucket.upload(host, request));
    assert.deepEqual([trouble.code, trouble.host, refused], ["cloud-credentials", "ls", 1]);
    assert.match(trouble.what, /part 3/);
    assert.doesNotMatch(JSON.stringify(trouble), /Signature/);
    assert.ok((await readUploadState(host, request.statePath)) !== undefined);
    const direct = await bucketOf(server);
    open.push(direct);
    // a state is good for its own endpoint only
    assert.equal((await direct.upload(host, request)).resumedParts, 0);
  });

  test("patience has an end, and the next run goes on from there", async () => {
    let broken = true;
    const { proxy, bucket } = await through((part) => (broken && part === 5 ? { status: 503 } : undefined));
    const request = await folder.file("patience", 23 * MIB);
    const trouble = await troubleOf(bucket.upload(host, request));
    assert.deepEqual([trouble.code, trouble.exitCode], ["cloud-unavailable", 1]);
    assert.match(trouble.why ?? "", /HTTP 503/);
    broken = false;
    proxy.taken.length = 0;
    const done = await bucket.upload(host, request);
    // a part of the first run that was given up may still arrive, and then comes once more
    assert.equal(done.resumedParts + new Set(proxy.taken).size, 5);
    assert.ok(done.resumedParts >= 2);
    assert.ok(await sameBytes(bucket, request));
  });

  test("the store refuses bytes that do not fit their MD5", async () => {
    const bucket = await bucketOf(server);
    open.push(bucket);
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
    const trouble = await troubleOf(bucket.upload(damaging, await folder.file("md5", 1_000)));
    assert.match(trouble.why ?? "", /BadDigest|MD5/i);
    await host.run(`rm -r ${stdout.trim()}`);
  });
});
