import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import {
  type AbsolutePath,
  fileName,
  type HostName,
  joinPath,
  parseSha256,
  type Sha256,
} from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { LET_GO } from "../../transport/fence.ts";
import type { Host } from "../../transport/host.ts";
import { type FailedEnd, failedEnd, pipe } from "../../transport/pipe.ts";
import { sh } from "../../transport/quote.ts";
import { recipientFile } from "../keys/key-files.ts";
import { SCRATCH } from "../run-script.ts";

/** What is sent. */
export interface Sending {
  readonly dataset: DatasetSpec;
  readonly label: Label;
  /** Null for an anchor. */
  readonly parent: Label | null;
}

/**
 * Sends a snapshot from one host into `tmp` on the other, synced. What both ends agree on comes back, and
 * when it was there by the clock of `server`.
 * @throws DevbackupError where either end failed, or `ingest-mismatch` where they do not agree
 */
export async function send(
  workstation: Host,
  server: Host,
  { dataset, label, parent }: Sending,
  tmp: AbsolutePath,
  signal: AbortSignal,
): Promise<{ sizeBytes: number; sha256: Sha256; endedAt: Date }> {
  const result = await pipe({
    from: workstation,
    source: exportScript(dataset, label, parent),
    to: server,
    sink: ingestScript(tmp),
    signal,
  });
  const file = fileName(tmp);
  const failed = failedEnd(result);
  if (failed?.end === "sink") throw endFailed(server.name, `${file} could not be written`, failed);
  if (failed?.end === "source") throw endFailed(workstation.name, `${file} could not be sent`, failed);
  const [, sentSha] = /^sha256 ([0-9a-f]{64})$/m.exec(result.source.stderr) ?? [];
  const [, gotSha = "", size = "", time = ""] =
    /^([0-9a-f]{64}) (\d+) (\d+)$/m.exec(result.sink.stdout) ?? [];
  const sha256 = parseSha256(gotSha);
  if (sha256 === undefined || sha256 !== sentSha)
    throw new DevbackupError({
      code: "ingest-mismatch",
      exitCode: 1,
      host: server.name,
      what: `${file} arrived damaged`,
      why: `sha256 ${gotSha || "unknown"}, expected ${sentSha ?? "unknown"}`,
      state: "Nothing was registered; it is safe to run again",
      next: "devbackup apply",
    });
  return { sizeBytes: Number(size), sha256, endedAt: new Date(Number(time) * 1000) };
}

const endFailed = (host: HostName, what: string, { why }: FailedEnd): DevbackupError =>
  new DevbackupError({
    code: "artifact-failed",
    exitCode: 1,
    host,
    what,
    why,
    state: "Nothing was registered; it is safe to run again",
    next: "devbackup apply",
  });

/**
 * POSIX sh has no pipefail: each stage leaves a mark where it fails. The hash is taken of what leaves the
 * host; openssl is four times as fast at it as sha256sum.
 */
function exportScript(dataset: DatasetSpec, label: Label, parent: Label | null): string {
  const at = (which: Label) => joinPath(dataset.snapshots, snapshotName(dataset.name, which));
  const from = parent === null ? [] : ["-p", at(parent)];
  return `${SCRATCH}${sh`
mkfifo "$w/sum"
openssl dgst -sha256 -r <"$w/sum" >"$w/sha256" & sum=$!
{ btrfs -q send ${from} ${at(label)} || : >"$w/send-failed"; } |
{ zstd -q -c -T0 -${dataset.compressionLevel} || : >"$w/zstd-failed"; } |
{ age -R ${recipientFile(dataset)} || : >"$w/age-failed"; } |
tee "$w/sum" || : >"$w/tee-failed"
wait "$sum" || : >"$w/sum-failed"
for f in "$w"/*-failed; do [ -e "$f" ] || continue; f=$(basename "$f"); echo "$f" | sed 's/-failed$/ failed/' >&2; failed=1; done
[ -z "$failed" ] || exit 1
[ -s "$w/sha256" ] || { echo "/run: No space left on device" >&2; exit 1; }
echo "sha256 $(cut -c1-64 "$w/sha256")" >&2`}`;
}

/** Once it has the file open, it writes to that one whatever another run puts under the name. */
export const ingestScript = (tmp: AbsolutePath): string =>
  `${sh`
set -e
umask 077
exec 6>${tmp}
`}${LET_GO}
${SCRATCH}${sh`
mkfifo "$w/sum"
openssl dgst -sha256 -r <"$w/sum" >"$w/sha256" & sum=$!
tee "$w/sum" >&6
wait "$sum"
# where its output finds no room, openssl ends with 0 all the same
[ -s "$w/sha256" ] || { echo "/run: No space left on device" >&2; exit 1; }
sync ${tmp}
echo "$(cut -c1-64 "$w/sha256") $(stat -c %s -- ${tmp}) $(date +%s)"`}`;
