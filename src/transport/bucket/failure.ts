/** How a request to the store failed: the store said no, something else answered, or nothing did. */
export type Failure =
  | {
      readonly kind: "refused";
      readonly status: number;
      /** S3's word for it: `SlowDown`; "" where the answer had none. */
      readonly code: string;
      readonly message: string;
      readonly retryAfterMs: number | undefined;
    }
  /** A portal, a proxy, a server that is no S3 service; or a service whose answer cannot be so. */
  | { readonly kind: "strange"; readonly message: string }
  | {
      readonly kind: "unreached";
      readonly reason: "name" | "connect" | "tls" | "broken" | "other";
      readonly message: string;
    };

/** What a failure means for what is sent next. `again`: the same may work in a while. */
export type Verdict =
  | "again"
  | "expired"
  | "credentials"
  | "forbidden"
  | "bucket-missing"
  /** What stands there may be neither replaced nor deleted yet. */
  | "locked"
  /** Not known to the store any more, or nothing that it can complete: begin anew. */
  | "upload-gone"
  | "clock"
  | "region"
  | "unsupported"
  | "strange"
  | "unreached"
  | "refused";

/** Whether the same request may work in a while: `expired` holds for an address, which is signed anew. */
export const isPassing = (verdict: Verdict): boolean => verdict === "again" || verdict === "strange";

/**
 * By S3's error codes (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html) and R2's own
 * (https://developers.cloudflare.com/r2/api/error-codes/); the status where there is none.
 */
export function verdictOf(failure: Failure): Verdict {
  if (failure.kind === "unreached") {
    return failure.reason === "tls" || failure.reason === "other" ? "unreached" : "again";
  }
  if (failure.kind === "strange") return "strange";
  const { status, code, message } = failure;
  const expired = /expired/i.test(message) && status < 500;
  if (code === "ExpiredRequest" || (code === "AccessDenied" && expired)) return "expired";
  // AWS says AccessDenied, MinIO InvalidRequest or ObjectLocked: only the words tell
  if (status < 500 && /object.?lock|is locked|WORM/i.test(`${code} ${message}`)) return "locked";
  if (code === "ExpiredToken") return "credentials";
  const byCode = CODES[code];
  if (byCode !== undefined) return byCode;
  // R2 answers so to an access key id of the wrong length
  if (code === "InvalidArgument" && /credential access key/i.test(message)) return "credentials";
  if (status === 429 || status === 408) return "again";
  if (status === 501 || status === 405) return "unsupported";
  if (status >= 500) return "again";
  if (status === 401) return "credentials";
  if (status === 403) return "forbidden";
  return "refused";
}

const CODES: Readonly<Record<string, Verdict>> = {
  InvalidAccessKeyId: "credentials",
  SignatureDoesNotMatch: "credentials",
  Unauthorized: "credentials",
  NotSignedUp: "credentials",
  InvalidToken: "credentials",
  AccessDenied: "forbidden",
  NoSuchBucket: "bucket-missing",
  // R2's bucket locks, HTTP 409
  ObjectLockedByBucketPolicy: "locked",
  NoSuchUpload: "upload-gone",
  // the store has not all the parts that it is to join, or not as they were sent
  InvalidPart: "upload-gone",
  InvalidPartOrder: "upload-gone",
  RequestTimeTooSkewed: "clock",
  AuthorizationHeaderMalformed: "region",
  PermanentRedirect: "region",
  TemporaryRedirect: "region",
  NotImplemented: "unsupported",
  // the bytes were damaged or cut off on the way
  BadDigest: "again",
  IncompleteBody: "again",
  RequestTimeout: "again",
  SlowDown: "again",
  TooManyRequests: "again",
};

/** `Retry-After` as milliseconds from `now`: a number of seconds or an HTTP date (RFC 9110, 10.2.3). */
export function parseRetryAfter(value: string | undefined, now: Date): number | undefined {
  if (value === undefined || value.trim() === "") return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}

/** The parts of an S3 error document that are for people; the rest of it can hold a signature. */
export function parseErrorDocument(body: string): { code: string; message: string } {
  const element = (name: string): string =>
    (new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? "").replaceAll("&apos;", "'").trim();
  return { code: element("Code"), message: element("Message") };
}

/** `text` without the query of any address and without its parts: there a presigned request carries its signature. */
export const withoutQueries = (text: string): string =>
  text
    .replace(/\?[^\s"'<>]*[=&][^\s"'<>]*/g, "?…")
    .replace(/\b(X-Amz-[A-Za-z-]+|Signature|Credential|AWSAccessKeyId)(=|%3D)[^\s"'<>&,;]*/gi, "$1$2…");

/**
 * A status whose answer held no S3 error document. Gateways of a store itself answer 429 and 5xx so; any other
 * is not the store's: a captive portal's page or redirect, say.
 */
export function withoutDocument(status: number, retryAfterMs: number | undefined): Failure {
  const ofStore = status === 429 || status === 408 || status === 405 || status >= 500;
  return ofStore
    ? { kind: "refused", status, code: "", message: "", retryAfterMs }
    : { kind: "strange", message: `HTTP ${status}, and no answer of an S3 service` };
}

/** Stores quote an ETag or not. */
export const unquoted = (etag: string | undefined): string => (etag ?? "").replace(/^"|"$/g, "");

/** Thrown for an answer that came without an error, and cannot be a true one. */
export class StrangeAnswer extends Error {}

/** An SDK error or an error of Node's network as a {@link Failure}; undefined for anything else. */
export function failureOf(error: unknown, now: Date): Failure | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof StrangeAnswer) return { kind: "strange", message: error.message };
  const { $metadata, $response, code } = error as Error & {
    $metadata?: { httpStatusCode?: number };
    $response?: { headers?: Record<string, string> };
    code?: string;
  };
  const status = $metadata?.httpStatusCode;
  if (status !== undefined) {
    const retryAfterMs = parseRetryAfter($response?.headers?.["retry-after"], now);
    return NO_CODES.has(error.name)
      ? withoutDocument(status, retryAfterMs)
      : { kind: "refused", status, code: error.name, message: error.message, retryAfterMs };
  }
  const name = code ?? error.name;
  // what came is no HTTP
  if (name.startsWith("HPE_")) return { kind: "strange", message: error.message };
  const reason = NETWORK_ERRORS.find(([pattern]) => pattern.test(name))?.[1];
  return reason && { kind: "unreached", reason, message: error.message || name };
}

/** What the SDK calls an error whose answer named none; `NotFound` is what it makes of a bare 404. */
const NO_CODES: ReadonlySet<string> = new Set([
  "Error",
  "SyntaxError",
  "Unknown",
  "UnknownError",
  "NotFound",
]);

const NETWORK_ERRORS: readonly (readonly [RegExp, (Failure & { kind: "unreached" })["reason"]])[] = [
  [/^(ENOTFOUND|EAI_AGAIN)$/, "name"],
  [/^(ECONNREFUSED|E(HOST|NET)(UNREACH|DOWN)|EADDRNOTAVAIL|EPERM|EACCES|ETIMEDOUT|TimeoutError)$/, "connect"],
  [/CERT|^ERR_TLS|^UNABLE_TO_|^EPROTO$|^ERR_SSL/, "tls"],
  [/^(ECONNRESET|EPIPE|ECONNABORTED|ENETRESET|ERR_STREAM_PREMATURE_CLOSE)$/, "broken"],
];

/** What curl's exit code says (curl(1), EXIT CODES); `stderr` is its own message. */
export function failureOfCurl(exitCode: number, stderr: string): Failure {
  const reason = CURL_ERRORS.find(([codes]) => codes.includes(exitCode))?.[1] ?? "other";
  return { kind: "unreached", reason, message: stderr.trim() || `curl ended with ${exitCode}` };
}

const CURL_ERRORS: readonly (readonly [readonly number[], (Failure & { kind: "unreached" })["reason"]])[] = [
  [[5, 6], "name"],
  [[7, 28], "connect"],
  [[51, 53, 54, 58, 59, 60, 66, 77, 80, 82, 83, 90, 91], "tls"],
  // 35 is a handshake that was cut off as often as one that was refused; 1 and 8: what came is no HTTP; 23: an
  // answer longer than anything that is read
  [[1, 8, 16, 18, 23, 35, 52, 55, 56, 65, 92, 95], "broken"],
];
