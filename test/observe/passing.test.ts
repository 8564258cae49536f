import assert from "node:assert/strict";
import { test } from "node:test";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { unknownWhilePassing } from "../../src/observe/passing.ts";
import { type Failure, StrangeAnswer } from "../../src/transport/bucket/failure.ts";
import { bucketError } from "../../src/transport/bucket/trouble.ts";

const store = { endpoint: "https://0123.r2.cloudflarestorage.com", bucket: "dev-backups", region: "auto" };
const refused = (status: number, code: string): Failure => ({
  kind: "refused",
  status,
  code,
  message: "",
  retryAfterMs: undefined,
});
const unreached = (reason: "connect" | "tls"): Failure => ({ kind: "unreached", reason, message: "no way" });

for (const [failure, weather] of [
  [refused(503, "SlowDown"), true],
  [refused(500, ""), true],
  [unreached("connect"), true],
  [unreached("tls"), true],
  [{ kind: "strange", message: "a portal's page" }, true],
  [refused(403, "RequestTimeTooSkewed"), true],
  [refused(403, "InvalidAccessKeyId"), false],
  [refused(403, "AccessDenied"), false],
  [refused(404, "NoSuchBucket"), false],
  [refused(301, "PermanentRedirect"), false],
] as const)
  test(`bucket: ${JSON.stringify(failure)} ${weather ? "leaves it unknown" : "is a mistake in what was declared"}`, () => {
    const error = bucketError(failure, store, { doing: "list the objects" });
    if (!weather) return assert.throws(() => unknownWhilePassing(error), error);
    const fact = unknownWhilePassing(error);
    const { next = "" } = error.trouble;
    assert.ok(
      fact.kind === "unknown" && fact.why.startsWith("bucket dev-backups at") && fact.why.endsWith(next),
    );
  });

test("bucket: an error that is none of a bucket's is thrown on", () => {
  for (const error of [
    new StrangeAnswer("x"),
    new DevbackupError({ code: "unknown-state", exitCode: 1, what: "x" }),
  ])
    assert.throws(() => unknownWhilePassing(error), error);
});
