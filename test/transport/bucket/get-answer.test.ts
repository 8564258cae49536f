import assert from "node:assert/strict";
import { test } from "node:test";
import type { AbsolutePath } from "../../../src/domain/names.ts";
import { getScript, parseGetAnswer } from "../../../src/transport/bucket/download-script.ts";

const printed = (answer: string, status: string, stored: string, curl: number, size: number) =>
  `${answer}\nstatus ${status}\nstored ${stored}\ncurl ${curl}\nsize ${size}\n`;
const part = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\n\r\n";
const document = (code: string) => `<Error><Code>${code}</Code><Message>busy</Message></Error>`;
const reset = { kind: "unreached", reason: "broken", message: "curl: (56) reset" };

const rows = [
  {
    name: "all of it",
    stdout: printed(part, "206", "0", 0, 10),
    answer: { kind: "got", sizeBytes: 10, failure: undefined },
  },
  {
    name: "nothing was lacking",
    stdout: printed("", "", "", 0, 10),
    answer: { kind: "got", sizeBytes: 10, failure: undefined },
  },
  {
    name: "a part of it",
    stdout: printed(part, "206", "0", 56, 7),
    answer: { kind: "got", sizeBytes: 7, failure: reset },
  },
  {
    name: "no answer",
    stdout: printed("", "", "", 56, 5),
    answer: { kind: "got", sizeBytes: 5, failure: reset },
  },
  {
    name: "refused, with the time to wait",
    stdout: printed(`HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n${document("SlowDown")}`, "503", "", 0, 5),
    answer: {
      kind: "got",
      sizeBytes: 5,
      failure: { kind: "refused", status: 503, code: "SlowDown", message: "busy", retryAfterMs: 7_000 },
    },
  },
  {
    name: "another ETag",
    stdout: printed("", "412", "", 0, 5),
    answer: { kind: "changed", why: "HTTP 412" },
  },
  {
    name: "another range",
    stdout: printed("HTTP/1.1 206 OK\r\nETag: x\r\nContent-Range: bytes 0-9/11\r\n\r\nabc", "206", "", 0, 5),
    answer: { kind: "changed", why: "HTTP 206, bytes 0-9/11" },
  },
  {
    name: "a page of somebody else's",
    stdout: printed("HTTP/1.1 200 OK\r\n\r\n<html>Log in", "200", "", 0, 5),
    answer: {
      kind: "got",
      sizeBytes: 5,
      failure: { kind: "strange", message: "HTTP 200, and no answer of an S3 service" },
    },
  },
  { name: "gone", stdout: printed(document("NoSuchKey"), "404", "", 0, 5), answer: { kind: "missing" } },
  {
    name: "the bucket is gone",
    stdout: printed(document("NoSuchBucket"), "404", "", 0, 5),
    answer: {
      kind: "got",
      sizeBytes: 5,
      failure: {
        kind: "refused",
        status: 404,
        code: "NoSuchBucket",
        message: "busy",
        retryAfterMs: undefined,
      },
    },
  },
  {
    name: "the file could not be written",
    stdout: printed(part, "206", "1", 23, 7),
    answer: { kind: "broken", why: "curl: (56) reset" },
  },
  { name: "no curl", exitCode: 69, stdout: "", answer: { kind: "broken", why: "curl: (56) reset" } },
] as const;

for (const { name, stdout, answer, ...row } of rows) {
  test(`answer of a GET: ${name}`, () => {
    const exitCode = "exitCode" in row ? row.exitCode : 0;
    assert.deepEqual(parseGetAnswer(exitCode, stdout, "curl: (56) reset\n", new Date()), answer);
  });
}

test("a name with anything in it is one word of the script", () => {
  const file = "/srv/a 'b' $(c)\\".concat("/x") as AbsolutePath;
  const script = getScript({
    file,
    sizeBytes: 1,
    etag: 'a"; rm',
    limits: { limitBytesPerSecond: undefined, stalledSeconds: 60 },
  });
  assert.ok(script.includes(`9>>'/srv/a '\\''b'\\'' $(c)\\/x'`));
  assert.ok(script.includes(`'If-Match: "a"; rm"'`));
});
