import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { AbsolutePath } from "../../../src/domain/names.ts";
import { type S3Server, startR2 } from "../../lab/s3/servers.ts";
import { bucketOf, host, MIB, workFolder } from "./fixture.ts";

describe("upload and download: what others can see of them", () => {
  let server: S3Server;
  let folder: Awaited<ReturnType<typeof workFolder>>;
  before(async () => {
    [server, folder] = await Promise.all([startR2(), workFolder()]);
  });
  after(() => Promise.all([server?.stop(), folder?.remove()]));

  test("no argument list holds the address or the secret", async () => {
    const bucket = await bucketOf(server, { bandwidthLimitBytesPerSecond: 12_345_678 });
    const request = await folder.file("watched", 20 * MIB);
    const seen = new Set<string>();
    const watch = setInterval(() => {
      for (const line of commandLines()) seen.add(line);
    }, 5);
    await bucket.upload(host, request);
    const uploading = new Set(seen);
    seen.clear();
    await bucket.download(host, { ...request, file: `${request.file}.fetched` as AbsolutePath });
    clearInterval(watch);
    bucket.close();
    const { port } = new URL(server.endpoint);
    // for the three parts under way together, or for the one answer
    for (const [lines, limit] of [
      [uploading, 4_115_226],
      [seen, 12_345_678],
    ] as const) {
      // another curl of this machine is none of ours
      const curls = [...lines].filter((line) => line.startsWith("curl") && line.includes(` ${limit} `));
      assert.ok(curls.length >= 1, "curl was never seen");
      for (const line of lines) assert.doesNotMatch(line, /X-Amz-(Signature|Credential)=|test-secret/);
      for (const line of curls) assert.ok(!line.includes(`:${port}`), line);
      for (const line of curls) assert.match(line, /--limit-rate /);
    }
  });

  test("the bytes do not pass through JavaScript: 300 MiB in less than 150 MiB of memory", async () => {
    const request = await folder.file("large", 0);
    await host.run(`head -c ${300 * MIB} /dev/zero > ${request.file}`);
    const { stdout } = await host.run(`openssl dgst -sha256 -r ${request.file}`);
    const job = {
      server: { ...server, stop: undefined },
      request: { ...request, sizeBytes: 300 * MIB, sha256: stdout.slice(0, 64) },
    };
    const child = spawn(
      process.execPath,
      ["--import", import.meta.resolve("tsx"), join(import.meta.dirname, "transfer-child.ts")],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    child.stdin.end(JSON.stringify(job));
    let out = "";
    for await (const chunk of child.stdout) out += chunk;
    const { parts, mostRssBytes } = JSON.parse(out) as { parts: number; mostRssBytes: number };
    assert.equal(parts, 5);
    assert.ok(mostRssBytes < 150 * MIB, `${Math.round(mostRssBytes / MIB)} MiB`);
  });
});

function commandLines(): string[] {
  const lines: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      lines.push(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
    } catch {
      // ended meanwhile
    }
  }
  return lines;
}
