import { type AbsolutePath, parentOf } from "../../domain/names.ts";
import { LET_GO } from "../fence.ts";
import { sh } from "../quote.ts";
import { type CurlLimits, curlOptions, READ_ADDRESS, refused, withAddress } from "./curl.ts";
import { type Failure, failureOfCurl } from "./failure.ts";

/** One GET as the host carries it out. The address is no part of it: that comes on the script's stdin. */
export interface GetScript {
  /** On the host; made, readable for its owner only, where it is not there. */
  readonly file: AbsolutePath;
  /** Of the whole object. */
  readonly sizeBytes: number;
  /** The object is taken only as long as it has this ETag; without quotes. */
  readonly etag: string;
  readonly limits: CurlLimits;
}

/** What the script reports. */
export type GetAnswer =
  /** How much of the file is there now, and why it is not all of it. */
  | { readonly kind: "got"; readonly sizeBytes: number; readonly failure: Failure | undefined }
  /** Another object than before is there: nothing was taken from it. */
  | { readonly kind: "changed"; readonly why: string }
  | { readonly kind: "missing" }
  /** The host itself could not do its part: a tool is missing, the file can't be written. */
  | { readonly kind: "broken"; readonly why: string };

/**
 * A script that adds to `file` what it lacks. Where that begins is read from the file itself under a lock: a
 * script that outlived its controller may still be adding to it, and then this one goes on where that one ends.
 * Only the body of the very answer that was asked for reaches the file, and no more of it than is missing.
 */
export function getScript({ file, sizeBytes, etag, limits }: GetScript): string {
  const options = [...curlOptions(limits), "-i", "-H", `If-Match: "${etag}"`];
  return [
    ...READ_ADDRESS,
    "umask 077",
    sh`exec 5>&1 9>>${file} && flock 9 || exit 73`,
    LET_GO,
    sh`all=${sizeBytes} etag=${etag}`,
    sh`at=$(wc -c <${file}) || exit 73`,
    `[ "$at" -lt "$all" ] || { printf '\\nstatus \\nstored \\ncurl 0\\nsize %s\\n' "$at"; exit; }`,
    takeScript("status=none"),
    `rc=$({ { ${withAddress(sh`curl ${options} -r "$at-"`)}echo $? >&4; } | take >&5; } 4>&1)`,
    sh`printf 'curl %s\nsize %s\n' "$rc" "$(wc -c <${file})"`,
  ].join("\n");
}

/**
 * A shell function, where `$at`, `$all` and `$etag` say what was asked for: puts the body of the answer on descriptor 9.
 * Prints the head of the answer, and its body where that is not what was asked for. `records`: where dd says how much
 * it was, `status=none` for nowhere.
 */
export const takeScript = (records: string): string => `
cr=$(printf '\\r')
take() {
  status= range= tag= stored= lines=0
  while [ $lines -lt 200 ] && IFS= read -r line; do
    lines=$((lines + 1))
    printf '%s\\n' "$line"
    line=\${line%"$cr"}
    case $line in
      HTTP/*) status=\${line#* }; status=\${status%% *}; range= tag= ;;
      [Cc]ontent-[Rr]ange:*) range=\${line#*:}; range=\${range# } ;;
      [Ee][Tt]ag:*) tag=\${line#*:}; tag=\${tag# }; tag=\${tag#\\"}; tag=\${tag%\\"} ;;
      '') case $status in 1??) ;; *) break ;; esac ;;
    esac
  done
  case "$at $status $range" in
    "$at 206 bytes $at-"*"/$all" | "0 200 "*) [ "$tag" = "$etag" ] || status="other $status" ;;
    *) status="other $status" ;;
  esac
  case $status in
    2*)
      # head goes by 8 KiB, which costs Btrfs and the pipe a second of CPU for every GiB
      dd bs=256K count="$((all - at))" iflag=fullblock,count_bytes ${records} >&9; stored=$? ;;
    *) head -c 8192 ;;
  esac
  printf '\\nstatus %s\\nstored %s\\n' "\${status#other }" "$stored"
}`;

/** Reads what {@link getScript} printed. `now` is what a `Retry-After` date is counted from. */
export function parseGetAnswer(exitCode: number, stdout: string, stderr: string, now: Date): GetAnswer {
  const match = /^([\s\S]*)\nstatus (\d*)\nstored (\d*)\ncurl (\d+)\nsize (\d+)\n$/.exec(stdout);
  if (exitCode !== 0 || match === null) {
    return { kind: "broken", why: stderr.trim() || `the script ended with ${exitCode}` };
  }
  const [, answer = "", statusText = "", stored = "", curl = "", size = ""] = match;
  const [status, curlCode, sizeBytes] = [Number(statusText), Number(curl), Number(size)];
  if (stored !== "" && stored !== "0") return { kind: "broken", why: stderr.trim() };
  if (stored === "" && status >= 200) return notTaken(status, answer, sizeBytes, now);
  const failure = curlCode === 0 ? undefined : failureOfCurl(curlCode, stderr);
  return { kind: "got", sizeBytes, failure };
}

function notTaken(status: number, answer: string, sizeBytes: number, now: Date): GetAnswer {
  const failure = refused(status, answer, now);
  // 412: another ETag; 416: shorter than what is here already; 200 and 206: not the bytes that were asked for,
  // where they are an object's at all
  if (status === 412 || status === 416 || (status < 300 && /^etag:/im.test(answer))) {
    const range = /^content-range: *(.*?)\r?$/im.exec(answer)?.[1];
    return { kind: "changed", why: [`HTTP ${status}`, range].filter(Boolean).join(", ") };
  }
  const missing = status === 404 && failure.kind === "refused" && failure.code !== "NoSuchBucket";
  return missing ? { kind: "missing" } : { kind: "got", sizeBytes, failure };
}

/** Prints how much of `file` is there, and how many bytes there is room for in its folder. */
export const lookScript = (file: AbsolutePath): string =>
  [
    sh`[ -e ${file} ] && wc -c <${file} || echo 0`,
    sh`df -B1 --output=avail -- ${parentOf(file)} | sed 1d`,
  ].join("\n");

/** Brings `file` to the disk and prints its size and SHA-256. */
export const checkScript = (file: AbsolutePath): string =>
  [
    sh`sync ${file} || exit 74`,
    sh`sum=$(openssl dgst -sha256 -r <${file}) || exit 65`,
    sh`echo "$(wc -c <${file}) $(echo "$sum" | cut -c1-64)"`,
  ].join("\n");

export const removeScript = (file: AbsolutePath): string => sh`rm -f -- ${file}`;
