import { type Failure, parseErrorDocument, parseRetryAfter, withoutDocument } from "./failure.ts";
import { STALLED_BYTES_PER_SECOND } from "./retry.ts";

export interface CurlLimits {
  /** Undefined for no limit. */
  readonly limitBytesPerSecond: number | undefined;
  readonly stalledSeconds: number;
}

/**
 * What every curl on a host is called with. The address is no part of it: it goes through a here-document on
 * descriptor 3 ({@link withAddress}), so that it stands in no argument list.
 */
export function curlOptions({ limitBytesPerSecond, stalledSeconds }: CurlLimits): readonly string[] {
  const limit = limitBytesPerSecond && Math.max(1, Math.floor(limitBytesPerSecond));
  const stalled = Math.max(1, Math.min(STALLED_BYTES_PER_SECOND, Math.floor((limit ?? Infinity) / 4)));
  return [
    ...["-q", "-sS", "--http1.1", "--path-as-is", "--suppress-connect-headers", "--connect-timeout", "15"],
    ...["--speed-limit", String(stalled), "--speed-time", String(stalledSeconds)],
    ...(limit === undefined ? [] : ["--limit-rate", String(limit)]),
  ];
}

/** The beginning of a script that calls curl: `$url` is the first line of its stdin. */
export const READ_ADDRESS = [
  "IFS= read -r url || exit 64",
  "command -v curl >/dev/null || { echo curl is not installed >&2; exit 69; }",
];

/** `command`, which ends with a call of curl, with that address handed to it. */
export const withAddress = (command: string): string =>
  [`${command} -K /dev/fd/3 3<<URL`, 'url = "$url"', "URL", ""].join("\n");

/** A refusal from its status and what curl printed of it, headers and body. */
export function refused(status: number, answer: string, now: Date): Failure {
  const retryAfterMs = parseRetryAfter(/^retry-after: *(.*?)\r?$/im.exec(answer)?.[1], now);
  const document = parseErrorDocument(answer);
  return document.code === ""
    ? withoutDocument(status, retryAfterMs)
    : { kind: "refused", status, ...document, retryAfterMs };
}
