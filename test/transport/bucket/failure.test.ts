import assert from "node:assert/strict";
import { test } from "node:test";
import { refused as curlRefused } from "../../../src/transport/bucket/curl.ts";
import {
  type Failure,
  failureOf,
  failureOfCurl,
  parseErrorDocument,
  parseRetryAfter,
  verdictOf,
  withoutQueries,
} from "../../../src/transport/bucket/failure.ts";
import { type Attempt, delayMs, withRetries } from "../../../src/transport/bucket/retry.ts";
import { bucketError } from "../../../src/transport/bucket/trouble.ts";

const refused = (status: number, code = "", message = ""): Failure => ({
  kind: "refused",
  status,
  code,
  message,
  retryAfterMs: undefined,
});

const verdicts = [
  [refused(429, "TooManyRequests"), "again"],
  [refused(503, "SlowDown"), "again"],
  [refused(502), "again"],
  [refused(500, "InternalError"), "again"],
  [refused(400, "BadDigest"), "again"],
  [refused(400, "RequestTimeout"), "again"],
  [refused(501, "NotImplemented"), "unsupported"],
  [refused(403, "SignatureDoesNotMatch"), "credentials"],
  [refused(403, "InvalidAccessKeyId"), "credentials"],
  [refused(401, "Unauthorized"), "credentials"],
  [refused(400, "InvalidArgument", "Credential access key has length 8, should be 32"), "credentials"],
  [refused(400, "InvalidArgument", "max-keys"), "refused"],
  [refused(403, "AccessDenied", "Access Denied"), "forbidden"],
  [refused(403), "forbidden"],
  [refused(403, "AccessDenied", "Request has expired"), "expired"],
  [refused(400, "ExpiredRequest"), "expired"],
  [refused(403, "RequestTimeTooSkewed"), "clock"],
  [refused(404, "NoSuchBucket"), "bucket-missing"],
  [refused(404, "NoSuchUpload"), "upload-gone"],
  [refused(400, "AuthorizationHeaderMalformed"), "region"],
  [refused(400, "InvalidPart"), "upload-gone"],
  [refused(301, "PermanentRedirect"), "region"],
  [{ kind: "strange", message: "a page" }, "strange"],
  [failureOfCurl(1, "curl: (1) Received HTTP/0.9 when not allowed"), "again"],
  [failureOfCurl(7, "curl: (7) refused"), "again"],
  [failureOfCurl(56, "curl: (56) reset"), "again"],
  [failureOfCurl(60, "curl: (60) certificate"), "unreached"],
  [failureOfCurl(3, "curl: (3) URL"), "unreached"],
] as const;

for (const [failure, verdict] of verdicts) {
  const name = failure.kind === "refused" ? `${failure.status} ${failure.code}` : failure.message;
  test(`failure: ${name} means ${verdict}`, () => assert.equal(verdictOf(failure), verdict));
}

test("failure: errors of Node's network are told apart", () => {
  const reasonOf = (code: string) => {
    const failure = failureOf(Object.assign(new Error("x"), { code }), new Date());
    return failure?.kind === "unreached" ? failure.reason : undefined;
  };
  assert.equal(reasonOf("ENOTFOUND"), "name");
  assert.equal(reasonOf("ECONNREFUSED"), "connect");
  assert.equal(reasonOf("ECONNRESET"), "broken");
  assert.equal(reasonOf("DEPTH_ZERO_SELF_SIGNED_CERT"), "tls");
  assert.equal(reasonOf("ERR_STREAM_PREMATURE_CLOSE"), "broken");
  assert.equal(reasonOf("EPERM"), "connect");
  assert.equal(reasonOf("ERR_TLS_CERT_ALTNAME_INVALID"), "tls");
  assert.equal(failureOf(new TypeError("a defect of ours"), new Date()), undefined);
});

test("an answer that is no S3 service's is told in our words, unless a gateway of the store may have made it", () => {
  const fromSdk = (status: number) => {
    const error = new Error("x\n  Deserialization error: to see the raw response, inspect the hidden field");
    return failureOf(Object.assign(error, { $metadata: { httpStatusCode: status } }), new Date());
  };
  for (const status of [200, 302, 403, 404]) {
    for (const failure of [fromSdk(status), curlRefused(status, "HTTP/1.1 X\r\n\r\n<html>", new Date())])
      assert.deepEqual(failure, {
        kind: "strange",
        message: `HTTP ${status}, and no answer of an S3 service`,
      });
  }
  for (const status of [429, 500, 503])
    for (const failure of [fromSdk(status), curlRefused(status, "<html>busy", new Date())])
      assert.equal(failure && verdictOf(failure), "again");
});

const now = new Date("2026-03-01T00:00:00Z");
for (const [value, expected] of [
  [undefined, undefined],
  ["", undefined],
  ["3", 3_000],
  ["0.5", 500],
  ["-1", 0],
  ["Sun, 01 Mar 2026 00:00:10 GMT", 10_000],
  ["Sat, 28 Feb 2026 23:00:00 GMT", 0],
  ["soon", undefined],
] as const) {
  test(`Retry-After: ${value}`, () => assert.equal(parseRetryAfter(value, now), expected));
}

test("retry: the wait doubles up to its longest, has jitter, and is never shorter than asked for", () => {
  const patience = { attempts: 9, firstDelayMs: 1_000, longestDelayMs: 10_000 };
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((attempt) => delayMs(attempt, patience, 0, 1)),
    [1e3, 2e3, 4e3, 8e3, 1e4],
  );
  assert.equal(delayMs(1, patience, 0, 0), 500);
  assert.equal(delayMs(1, patience, 20_000, 0), 20_000);
});

const again: Attempt<never> = { kind: "again", retryAfterMs: undefined, error: new Error("busy") };
const patience = { attempts: 3, firstDelayMs: 1, longestDelayMs: 2 };

test("retry: until done, or until patience is at its end", async () => {
  const outcomes: Attempt<string>[] = [again, again, { kind: "done", value: "there" }];
  const next = async () => outcomes.shift() ?? again;
  const { signal } = new AbortController();
  assert.equal(await withRetries(next, patience, signal), "there");
  await assert.rejects(
    withRetries(async () => again, patience, signal),
    /busy/,
  );
});

test("retry: what asks for more patience than there is gets none", async () => {
  let attempts = 0;
  const busy = async (): Promise<Attempt<never>> => {
    attempts += 1;
    return { ...again, retryAfterMs: 3_600_000 };
  };
  await assert.rejects(withRetries(busy, patience, new AbortController().signal), /busy/);
  assert.equal(attempts, 1);
});

test("retry: an abort ends the wait with its own reason", async () => {
  const stop = new AbortController();
  const long = { attempts: 9, firstDelayMs: 60_000, longestDelayMs: 60_000 };
  setTimeout(() => stop.abort(new Error("enough")), 20);
  await assert.rejects(
    withRetries(async () => again, long, stop.signal),
    /enough/,
  );
});

test("errors: an S3 document is read for its code and message only", () => {
  const body = `<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code><Message>It&apos;s wrong</Message>
    <SignatureProvided>deadbeef</SignatureProvided></Error>`;
  assert.deepEqual(parseErrorDocument(body), { code: "SignatureDoesNotMatch", message: "It's wrong" });
  assert.deepEqual(parseErrorDocument("<html>502</html>"), { code: "", message: "" });
});

test("errors: a presigned address loses its query", () => {
  const text = 'cannot open "https://x.test/b/k?X-Amz-Signature=ab&x=1" for <http://y.test/?a=b>, really?';
  assert.equal(withoutQueries(text), 'cannot open "https://x.test/b/k?…" for <http://y.test/?…>, really?');
});

test("errors: so does what is left of one in a store's words", () => {
  const text = "canonical: X-Amz-Credential=AK%2F1&X-Amz-Signature=ab, signature=cd; AWSAccessKeyId%3DAK";
  assert.equal(
    withoutQueries(text),
    "canonical: X-Amz-Credential=…&X-Amz-Signature=…, signature=…; AWSAccessKeyId%3D…",
  );
});

test("errors: name the bucket, the cause and the next step", () => {
  const store = { endpoint: "https://0123.r2.cloudflarestorage.com", bucket: "dev-backups", region: "auto" };
  const missing = bucketError(refused(404, "NoSuchBucket", "No such bucket"), store, {
    doing: "list the objects",
  });
  assert.deepEqual(missing.trouble, {
    code: "bucket-missing",
    exitCode: 1,
    what: "bucket dev-backups at 0123.r2.cloudflarestorage.com: cannot list the objects",
    why: "HTTP 404 NoSuchBucket: No such bucket",
    state: "what was stored before stands; it is safe to run again",
    next: "create it in the R2 dashboard or with: wrangler r2 bucket create dev-backups; or check cloud.bucket, cloud.account_id and cloud.jurisdiction",
  });
});
