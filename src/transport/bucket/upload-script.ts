import { LET_GO } from "../fence.ts";
import { sh } from "../quote.ts";
import { type CurlLimits, curlOptions, READ_ADDRESS, refused, withAddress } from "./curl.ts";
import { type Failure, failureOfCurl } from "./failure.ts";
import type { Part } from "./upload-parts.ts";

/** One PUT as the server carries it out. The address is no part of it: that comes on the script's stdin. */
export interface PutScript {
  /** On the server. */
  readonly file: string;
  readonly part: Part;
  /** Sent besides Content-Length and Content-MD5. */
  readonly headers: readonly string[];
  readonly limits: CurlLimits;
  /** Where the part is written down once the store has it; left out for a single PUT. */
  readonly noteIn?: { readonly statePath: string; readonly uploadId: string };
}

/** What the script reports. */
export type PutAnswer =
  | { readonly kind: "stored"; readonly etag: string; readonly md5: string }
  | { readonly kind: "failed"; readonly failure: Failure }
  /** The server itself could not do its part: a tool is missing, the file can't be read. */
  | { readonly kind: "broken"; readonly why: string };

/**
 * A script that sends one part with curl; the address is the first line of its stdin. Content-MD5 makes the
 * store refuse bytes damaged on the way.
 */
export function putScript({ file, part, headers, limits, noteIn }: PutScript): string {
  const options = [
    ...curlOptions(limits),
    ...["-D", "-", "-w", "\\ndevbackup-status %{http_code}\\n"],
    ...["-H", `Content-Length: ${part.sizeBytes}`, "-H", "Transfer-Encoding:", "-H", "Expect:"],
    ...headers.flatMap((header) => ["-H", header]),
  ];
  return [
    ...READ_ADDRESS,
    // a part is the same whoever sends it; a whole object might replace one that another run has sent
    ...(noteIn === undefined ? [] : [LET_GO]),
    sh`[ -r ${file} ] || { echo cannot read ${file} >&2; exit 66; }`,
    sh`bytes() { tail -c ${`+${part.offsetBytes + 1}`} ${file} | head -c ${part.sizeBytes}; }`,
    "md5=$(bytes | openssl dgst -md5 -binary | base64)",
    "case $md5 in ?*==) ;; *) echo openssl made no MD5 >&2; exit 65 ;; esac",
    // of an answer that does not end, only its beginning comes, and not how curl ended
    `answer=$({ ${withAddress(sh`bytes | curl ${options} -H "Content-MD5: $md5" -T -`)}printf '\\ndevbackup-curl %s\\n' "$?"; } | head -c 65536)`,
    `rc=$(printf '%s\\n' "$answer" | sed -n 's/^devbackup-curl //p' | tail -n 1)`,
    `rc=$\{rc:-23}`,
    `status=$(printf '%s\\n' "$answer" | sed -n 's/^devbackup-status //p' | tail -n 1)`,
    `etag=$(printf '%s\\n' "$answer" | tr -d '\\r' | sed -n 's/^[Ee][Tt][Aa][Gg]: *"\\{0,1\\}\\([^" ]*\\).*/\\1/p' | head -n 1)`,
    ...(noteIn === undefined ? [] : [noteDown(part.number, noteIn)]),
    `printf 'md5 %s\\ncurl %s\\nstatus %s\\netag %s\\n%s\\n' "$md5" "$rc" "$status" "$etag" "$answer"`,
  ].join("\n");
}

// one short write with O_APPEND: lines of parts that end together do not mix. An upload that was given up
// meanwhile, or completed, has no such state any more and must not get one again
const noteDown = (number: number, { statePath, uploadId }: NonNullable<PutScript["noteIn"]>): string =>
  [
    sh`if [ "$rc $status" = "0 200" ] && [ -n "$etag" ] && grep -qxF ${`upload ${uploadId}`} ${statePath} 2>/dev/null; then`,
    sh`  printf ${"part %s %s %s\\n"} ${number} "$etag" "$md5" >> ${statePath}`,
    "fi",
  ].join("\n");

/** Reads what {@link putScript} printed. `now` is what a `Retry-After` date is counted from. */
export function parsePutAnswer(exitCode: number, stdout: string, stderr: string, now: Date): PutAnswer {
  const match = /^md5 (\S+)\ncurl (\d+)\nstatus (\d*)\netag (.*)\n([\s\S]*)$/.exec(stdout);
  if (exitCode !== 0 || match === null) {
    return { kind: "broken", why: stderr.trim() || `the script ended with ${exitCode}` };
  }
  const [, md5 = "", curl = "", statusText = "", etag = "", answer = ""] = match;
  const status = Number(statusText);
  if (status === 200 && curl === "0" && etag !== "") return { kind: "stored", etag, md5 };
  // an answer counts even where curl could not send everything: a store that refuses does not wait for the rest
  if (status >= 200) return { kind: "failed", failure: refused(status, answer, now) };
  return { kind: "failed", failure: failureOfCurl(Number(curl), stderr) };
}

/** Prints the size of `file` and what the state file holds; exit 66 where there is no such file. */
export const lookScript = (file: string, statePath: string): string =>
  [
    sh`[ -f ${file} ] && [ -r ${file} ] || exit 66`,
    sh`wc -c < ${file}`,
    sh`cat ${statePath} 2>/dev/null || :`,
  ].join("\n");

/** Makes the state file, readable for its owner only, from stdin. */
export const beginStateScript = (statePath: string): string =>
  ["set -e", "umask 077", sh`cat > ${`${statePath}.new`}`, sh`mv -f ${`${statePath}.new`} ${statePath}`].join(
    "\n",
  );

export const endStateScript = (statePath: string): string => sh`rm -f ${statePath} ${`${statePath}.new`}`;
