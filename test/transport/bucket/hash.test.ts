import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { describe, type TestContext, test } from "node:test";
import { type Fault, faultProxy, type Rule } from "../../lab/s3/fault-proxy.ts";
import { startR2 } from "../../lab/s3/servers.ts";
import { processesWith, until } from "../processes.ts";
import { troubleOf } from "../trouble.ts";
import { bucketOf, host, MIB, withStore } from "./fixture.ts";

describe("hash: what an object is, by all of its bytes", () => {
  const store = withStore(startR2);

  const stored = async (name: string, sizeBytes: number) => {
    const source = await store.folder.file(name, sizeBytes);
    await store.bucket.upload(host, source);
    return source;
  };
  const through = async (t: TestContext, rule: Partial<Rule>) => {
    const proxy = await faultProxy(store.server);
    proxy.rules = [{ on: "get", ...rule }];
    const far = await bucketOf(proxy.server);
    t.after(async () => {
      far.close();
      await proxy.stop();
    });
    return { proxy, far };
  };
  const left = async () => (await readdir(tmpdir())).filter((name) => name.startsWith("tmp."));

  for (const sizeBytes of [0, 1, 11 * MIB + 3])
    test(`of ${sizeBytes} bytes, and nothing of it is left anywhere`, async () => {
      const before = await left();
      const { key, sha256 } = await stored(`whole-${sizeBytes}`, sizeBytes);
      const hashed = await store.bucket.hash(host, { key });
      assert.deepEqual({ ...hashed, etag: "" }, { kind: "hashed", sha256, sizeBytes, etag: "" });
      assert.deepEqual(await left(), before);
    });

  test("what breaks off is asked for from there, and the hash goes on", async (t) => {
    const { key, sha256 } = await stored("broken", 9 * MIB);
    const faults: Fault[] = [
      { afterBytes: 5 * MIB, ending: "reset" },
      { status: 503, code: "SlowDown" },
      { afterBytes: MIB, ending: "end" },
    ];
    const { proxy, far } = await through(t, { faults });
    const hashed = await far.hash(host, { key });
    assert.equal(hashed.kind === "hashed" && hashed.sha256, sha256);
    assert.deepEqual(
      proxy.of("get").map(({ from }) => from),
      [0, 5 * MIB, 5 * MIB, 6 * MIB],
    );
  });

  test("one byte that is another makes another hash", async (t) => {
    const source = await stored("spoilt", MIB);
    const { far } = await through(t, { always: { damagedByte: 1000 } });
    const bytes = await readFile(source.file);
    bytes.writeUInt8(bytes.readUInt8(1000) ^ 0xff, 1000);
    const hashed = await far.hash(host, { key: source.key });
    assert(hashed.kind === "hashed");
    assert.notEqual(hashed.sha256, source.sha256);
  });

  test("one that is not there, and one that another has taken the place of", async (t) => {
    assert.deepEqual(await store.bucket.hash(host, { key: "dev/none" }), { kind: "missing" });
    const source = await stored("replaced", 6 * MIB);
    const other = await store.folder.file("other", 6 * MIB);
    const { far } = await through(t, {
      faults: [{ afterBytes: MIB, ending: "reset" }],
      meanwhile: async (times) => times === 1 && store.bucket.upload(host, { ...other, key: source.key }),
    });
    assert.equal((await far.hash(host, { key: source.key })).kind, "changed");
  });

  test("a refusal is told as one, and the address stands in no argument list", async (t) => {
    const { key } = await stored("refused", MIB);
    const { far } = await through(t, { always: { status: 403, code: "AccessDenied" } });
    assert.equal((await troubleOf(far.hash(host, { key }))).code, "cloud-credentials");
    const slow = await through(t, { always: { bytesPerSecond: 400_000 } });
    const hashing = slow.far.hash(host, { key });
    await until(() => slow.proxy.of("get").length > 0);
    assert.deepEqual(processesWith("X-Amz-Signature"), []);
    await hashing;
  });

  test("a host that can't hash says so", async () => {
    const { key } = await stored("unhashed", 1000);
    const failing = {
      ...host,
      run: (script: string, options?: object) =>
        host.run(`openssl() { cat >/dev/null; return 1; }\n${script}`, options),
    };
    assert.equal((await troubleOf(store.bucket.hash(failing, { key }))).code, "hash-broken");
  });
});
