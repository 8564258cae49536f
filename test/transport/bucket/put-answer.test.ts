import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePutAnswer, putScript } from "../../../src/transport/bucket/upload-script.ts";

const MD5 = "CY9rzUYh03PK3k6DJie09g==";
const printed = (curl: number, status: string, etag: string, answer: string) =>
  `md5 ${MD5}\ncurl ${curl}\nstatus ${status}\netag ${etag}\n${answer}\n`;
const slowDown =
  "HTTP/1.1 503 Slow Down\r\nretry-after: 7\r\n\r\n<Error><Code>SlowDown</Code><Message>busy</Message></Error>";

const rows = [
  {
    name: "stored",
    stdout: printed(0, "200", "abc", "HTTP/1.1 200 OK\r\nETag: abc\r\n"),
    answer: { kind: "stored", etag: "abc", md5: MD5 },
  },
  {
    name: "refused, with the time to wait",
    stdout: printed(0, "503", "", slowDown),
    answer: {
      kind: "failed",
      failure: { kind: "refused", status: 503, code: "SlowDown", message: "busy", retryAfterMs: 7_000 },
    },
  },
  {
    name: "refused before all was sent",
    stdout: printed(
      55,
      "403",
      "",
      "HTTP/1.1 403 Forbidden\r\n\r\n<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
    ),
    answer: {
      kind: "failed",
      failure: { kind: "refused", status: 403, code: "AccessDenied", message: "no", retryAfterMs: undefined },
    },
  },
  {
    name: "connection lost",
    stdout: printed(56, "000", "", ""),
    answer: { kind: "failed", failure: { kind: "unreached", reason: "broken", message: "curl: (56) reset" } },
  },
  {
    name: "a page of somebody else's",
    stdout: printed(0, "200", "", "HTTP/1.1 200 OK\r\n\r\n<html>Log in"),
    answer: {
      kind: "failed",
      failure: { kind: "strange", message: "HTTP 200, and no answer of an S3 service" },
    },
  },
  { name: "no curl", exitCode: 69, stdout: "", answer: { kind: "broken", why: "curl: (56) reset" } },
] as const;

for (const { name, stdout, answer, ...row } of rows) {
  test(`answer of a PUT: ${name}`, () => {
    const exitCode = "exitCode" in row ? row.exitCode : 0;
    assert.deepEqual(parsePutAnswer(exitCode, stdout, "curl: (56) reset\n", new Date()), answer);
  });
}

test("a limit is handed to curl, and a slow limit is not taken for a stalled connection", () => {
  const put = { file: "/f", part: { number: 1, offsetBytes: 0, sizeBytes: 5 }, headers: [] };
  assert.match(
    putScript({ ...put, limits: { limitBytesPerSecond: 2_000.7, stalledSeconds: 60 } }),
    /--speed-limit 500 .*--limit-rate 2000 /,
  );
  assert.match(
    putScript({ ...put, limits: { limitBytesPerSecond: undefined, stalledSeconds: 60 } }),
    /--speed-limit 1024 --speed-time 60 -D /,
  );
});
