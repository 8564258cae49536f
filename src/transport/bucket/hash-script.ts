import { LET_GO } from "../fence.ts";
import { sh } from "../quote.ts";
import { type CurlLimits, curlOptions, READ_ADDRESS, withAddress } from "./curl.ts";
import { takeScript } from "./download-script.ts";

/** One object as the host hashes it. The address is no part of it: that comes on the script's stdin. */
export interface HashScript {
  /** Of the whole object. */
  readonly sizeBytes: number;
  /** The object is read only as long as it has this ETag; without quotes. */
  readonly etag: string;
  readonly limits: CurlLimits;
}

/** How often in a row nothing may come before the script gives up, and how long it waits, in seconds, times that. */
const TRIES = 5;
const PAUSE_SECONDS = 2;

/**
 * A script that gets an object piece by piece as it comes, puts it through SHA-256, and keeps nothing of it: where an
 * answer breaks off, the next one begins behind its last byte, and the hash goes on. What the answers were is printed as
 * `getScript` does, of the last one, with a line `sha256 HASH` behind it where all of it has come.
 */
export function hashScript({ sizeBytes, etag, limits }: HashScript): string {
  const options = [...curlOptions(limits), "-i", "-H", `If-Match: "${etag}"`];
  return [
    ...READ_ADDRESS,
    LET_GO,
    `w=
trap 'rm -rf "$w"' EXIT; trap 'exit 129' HUP INT TERM PIPE
w=$(mktemp -d) && mkfifo "$w/bytes" || exit 73`,
    sh`all=${sizeBytes} etag=${etag} at=0 failed=0`,
    `openssl dgst -sha256 -r <"$w/bytes" >"$w/sha256" & hashing=$!
exec 9>"$w/bytes"
printf '\\nstatus \\nstored \\ncurl 0\\n' >"$w/answer"`,
    takeScript('2>"$w/records"'),
    `while [ "$at" -lt "$all" ]; do
: >"$w/records"
{ ${withAddress(sh`curl ${options} -r "$at-" 9>&-`)}echo $? >"$w/curl"; } | take >"$w/answer"
printf 'curl %s\\n' "$(cat "$w/curl")" >>"$w/answer"
got=$(sed -n 's/^\\([0-9]*\\) byte.*/\\1/p' "$w/records")
at=$((at + \${got:-0}))
[ "$at" -lt "$all" ] || break
if [ "\${got:-0}" -gt 0 ]; then failed=0; continue; fi
failed=$((failed + 1))
case $(sed -n 's/^status //p' "$w/answer") in '' | 429 | 5??) ;; *) break ;; esac
[ $failed -lt ${TRIES} ] || break
sleep $((failed * ${PAUSE_SECONDS}))
done
exec 9>&-
wait "$hashing" && [ -s "$w/sha256" ] || { echo "openssl could not hash it" >&2; exit 74; }
cat "$w/answer"; printf 'size %s\\n' "$at"
[ "$at" != "$all" ] || printf 'sha256 %s\\n' "$(cut -c1-64 "$w/sha256")"`,
  ].join("\n");
}
