import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import type { AbsolutePath, HostName } from "../../../src/domain/names.ts";
import { getScript } from "../../../src/transport/bucket/download-script.ts";
import type { Host } from "../../../src/transport/host.ts";
import { connectSsh } from "../../../src/transport/ssh/host.ts";
import { faultProxy } from "../../lab/s3/fault-proxy.ts";
import { startR2 } from "../../lab/s3/servers.ts";
import { processesWith, until } from "../processes.ts";
import { noSshd, startSshd } from "../sshd.ts";
import { troubleOf } from "../trouble.ts";
import { bucketOf, host, MIB, withStore } from "./fixture.ts";

const notRoot = process.getuid?.() === 0 ? undefined : "needs root: mounts a small file system";

describe("download: what the host itself can lack", () => {
  const store = withStore(startR2);

  const stored = async (name: string, sizeBytes: number, into: string) => {
    const source = await store.folder.file(name, sizeBytes);
    await store.bucket.upload(host, source);
    return { source, request: { ...source, file: `${into}/${name}.fetched` as AbsolutePath } };
  };

  /** The host with another program in the place of one of its own. */
  const withProgram = async (program: string, text: string): Promise<Host> => {
    const bin = `${store.folder.path}/${program}-bin`;
    await host.run(`mkdir ${bin}; cat >${bin}/${program}; chmod 755 ${bin}/${program}`, { stdin: text });
    return { ...host, run: (script, options) => host.run(`PATH=${bin}:$PATH\n${script}`, options) };
  };

  test("a full disk says how much is lacking, and what came is kept", { skip: notRoot }, async (t) => {
    const small = `${store.folder.path}/small`;
    await host.run(`mkdir ${small}; mount -t tmpfs -o size=6m none ${small}`);
    t.after(() => host.run(`umount ${small}`));
    const { source, request } = await stored("full", 5 * MIB, small);
    await host.run(`head -c ${2 * MIB} /dev/zero >${small}/other`);
    const before = await troubleOf(store.bucket.download(host, request));
    assert.deepEqual([before.code, before.exitCode, before.host], ["disk-full", 1, "ls"]);
    assert.match(before.why ?? "", /1 MiB are lacking \(1048576 bytes\)/);
    assert.equal(existsSync(request.file), false);

    // the same where it is found out on the way
    const blind = await withProgram("df", "#!/bin/sh\nexit 1\n");
    const onTheWay = await troubleOf(store.bucket.download(blind, request));
    assert.deepEqual([onTheWay.code, onTheWay.exitCode], ["disk-full", 1]);
    assert.match(onTheWay.why ?? "", /No space left on device.*1 MiB are lacking/s);
    assert.equal((await stat(request.file)).size, 4 * MIB);

    await host.run(`rm ${small}/other`);
    const proxy = await faultProxy(store.server);
    const far = await bucketOf(proxy.server);
    assert.equal((await far.download(host, request)).resumedBytes, 4 * MIB);
    assert.deepEqual(
      proxy.of("get").map(({ from }) => from),
      [4 * MIB],
    );
    assert.ok((await readFile(request.file)).equals(await readFile(source.file)));
    far.close();
    await proxy.stop();
  });

  test("says so: a folder that is not there, a tool that fails", async () => {
    const { request } = await stored("tools", 1_000, store.folder.path);
    const nowhere = { ...request, file: `${store.folder.path}/none/x` as AbsolutePath };
    const folderless = await troubleOf(store.bucket.download(host, nowhere));
    assert.deepEqual([folderless.code, folderless.exitCode], ["download-broken", 1]);
    assert.match(folderless.why ?? "", /none\/x/);
    const openssl = await withProgram("openssl", "#!/bin/sh\necho no hash today >&2; exit 1\n");
    const hashless = await troubleOf(store.bucket.download(openssl, request));
    assert.deepEqual([hashless.code, hashless.why], ["download-broken", "no hash today"]);
    // the bytes are there, unchecked
    assert.equal((await store.bucket.download(host, request)).resumedBytes, 1_000);
  });

  test("the path that is asked for is the one that was signed, as it stands", async (t) => {
    const asked: (string | undefined)[] = [];
    const web = createServer(({ url }, answer) => {
      asked.push(url);
      answer.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    t.after(() => web.close());
    await once(web, "listening");
    const file = `${store.folder.path}/asked` as AbsolutePath;
    const limits = { limitBytesPerSecond: undefined, stalledSeconds: 5 };
    const path = "/bucket/../other/./x?X-Amz-Signature=0a";
    await host.run(getScript({ file, sizeBytes: 9, etag: "e", limits }), {
      stdin: `http://127.0.0.1:${(web.address() as AddressInfo).port}${path}\n`,
    });
    assert.deepEqual(asked, [path]);
  });

  test("over a real sshd, an abort leaves no curl behind", { skip: noSshd }, async (t) => {
    const sshd = await startSshd();
    const far = await connectSsh(sshd.spec, { name: "ls" as HostName, become: "none", ...sshd });
    const proxy = await faultProxy(store.server, [
      { on: "get", faults: [{ afterBytes: 2 * MIB, ending: "stall" }] },
    ]);
    const through = await bucketOf(proxy.server);
    t.after(async () => {
      through.close();
      await far.close();
      await Promise.all([sshd.stop(), proxy.stop()]);
    });
    const { source, request } = await stored("ssh", 4 * MIB, store.folder.path);
    const etag = (await store.bucket.head(request.key))?.etag ?? "";
    const stop = new AbortController();
    const ending = troubleOf(through.download(far, { ...request, signal: stop.signal }));
    await until(() => processesWith(etag).length > 0);
    await until(() => existsSync(request.file));
    stop.abort();
    assert.equal((await ending).code, "interrupted");
    assert.deepEqual(processesWith(etag), []);
    await through.download(far, request);
    assert.ok((await readFile(request.file)).equals(await readFile(source.file)));
  });
});
