import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { curlOptions, READ_ADDRESS, withAddress } from "../../../src/transport/bucket/curl.ts";
import { sh } from "../../../src/transport/quote.ts";
import { bucketOf, host, workFolder } from "./fixture.ts";

test("somebody in between, with a certificate that nobody vouches for, gets neither a listing nor a byte", async (context) => {
  const folder = await workFolder();
  const [key, cert] = [join(folder.path, "key"), join(folder.path, "cert")];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
    { stdio: "ignore" },
  );
  const heard: string[] = [];
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    heard.push(`${request.method} ${request.url}`);
    response.end("");
  }).listen(0, "127.0.0.1");
  context.after(async () => {
    server.close();
    await folder.remove();
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const endpoint = `https://localhost:${(server.address() as AddressInfo).port}`;
  const bucket = await bucketOf({
    endpoint,
    bucket: "b",
    region: "auto",
    accessKeyId: "key",
    secretAccessKey: "secret",
  });
  context.after(() => bucket.close());
  await assert.rejects(bucket.list("dev/"));

  const script = [
    ...READ_ADDRESS,
    withAddress(sh`curl ${curlOptions({ limitBytesPerSecond: undefined, stalledSeconds: 60 })}`),
  ].join("\n");
  const { exitCode, stderr } = await host.run(script, { stdin: `${endpoint}/b/key\n` });
  assert.equal(exitCode, 60, stderr);
  assert.deepEqual(heard, []);
});
