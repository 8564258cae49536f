import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { type AbsolutePath, parseSha256 } from "../../domain/names.ts";
import type { ArtifactReading } from "../../domain/rebuild.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { LET_GO } from "../../transport/fence.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { identityFile } from "../keys/key-files.ts";
import { SCRATCH } from "../run-script.ts";

export interface ReadArtifact {
  readonly reading: ArtifactReading;
  /** When the file was last written: RFC 3339, UTC. */
  readonly ts: string;
}

/**
 * Reads an artifact on the server to its end, once: its hash, and what its stream says of itself. `btrfs receive
 * --dump` (btrfs-receive(8)) needs no parent and writes nothing; age notices a bit that is not as it was encrypted,
 * and an end that came too early.
 * @throws DevbackupError where the server could not look, with `next` as what to type; what it found wrong with the file is an answer
 */
export async function readArtifact(
  host: Host,
  spec: DatasetSpec,
  file: AbsolutePath,
  signal: AbortSignal,
  next = "devbackup manifest rebuild",
): Promise<ReadArtifact> {
  const result = await host.run(readScript(file, identityFile(spec)), { signal });
  const read = result.exitCode === 0 ? parseRead(result.stdout) : undefined;
  if (read !== undefined) return read;
  throw new DevbackupError({
    code: "artifact-unread",
    exitCode: 1,
    host: host.name,
    what: `${file} could not be read`,
    why: result.stderr.trim() || `exit code ${result.exitCode}`,
    state: "Nothing was changed; it is safe to run again",
    next,
  });
}

const readScript = (file: AbsolutePath, identity: AbsolutePath): string =>
  `${LET_GO}
${sh`a=${file} k=${identity}`}
${READING}`;

/**
 * Behind a btrfs receive that ends with the stream of one snapshot, as `--dump` and `-e` do: what follows that would be
 * received too by a plain one (btrfs-progs cmds/receive.c), as another snapshot.
 */
export const NOTHING_BEHIND =
  '{ [ "$(wc -c)" = 0 ] || { echo "there is more behind its stream" >&2; false; }; }';

/**
 * Of the artifact `$a`, with the identity `$k`. POSIX sh has no pipefail: each stage leaves its word where it fails. The
 * first with something to say is the cause: those before it only lost their reader, those behind it their writer.
 */
export const READING: string = `${SCRATCH}
failed=
${sh`seen=$(date -u -r "$a" +%Y-%m-%dT%H:%M:%SZ) && size=$(stat -c %s -- "$a") || exit 1
mkfifo "$w/sum" || exit 1
openssl dgst -sha256 -r <"$w/sum" >"$w/sha256" & sum=$!
{ tee "$w/sum" <"$a" 2>"$w/1.said" || : >"$w/1.failed"; } |
{ age -d -i "$k" 2>"$w/2.said" || : >"$w/2.failed"; } |
{ zstd -q -d -c 2>"$w/3.said" || : >"$w/3.failed"; } |
{ { btrfs receive --dump && `}${NOTHING_BEHIND}${sh`; } 2>"$w/4.said" || : >"$w/4.failed"; } |
awk '$1 == "subvol" || $1 == "snapshot" { print }' >"$w/stream"
wait "$sum" || exit 1
echo "file $seen $size"
for stage in 1 2 3 4; do
  [ -e "$w/$stage.failed" ] || continue
  failed=1
  [ ! -s "$w/$stage.said" ] || { echo "damaged $(head -n 1 "$w/$stage.said")"; exit 0; }
done
[ -z "$failed" ] || { echo "damaged it could not be read to its end"; exit 0; }
echo "sha256 $(cut -c1-64 "$w/sha256")"
cat "$w/stream"`}`;

/** `snapshot  ./dev@2026-02  uuid=… transid=8 parent_uuid=… parent_transid=7`, or `subvol` without a parent. */
const STREAM =
  /^(?:subvol|snapshot) +\.\/(\S+) +uuid=([0-9a-f-]{36}) transid=\d+(?: parent_uuid=([0-9a-f-]{36}) .*)?$/;

function parseRead(stdout: string): ReadArtifact | undefined {
  const [first = "", second = "", ...streams] = stdout.trimEnd().split("\n");
  const [, ts, size] = /^file (\S+) (\d+)$/.exec(first) ?? [];
  if (ts === undefined) return undefined;
  const damaged = (why: string): ReadArtifact => ({ ts, reading: { kind: "damaged", why } });
  if (second.startsWith("damaged ")) return damaged(second.slice("damaged ".length));
  const sha256 = parseSha256(second.slice("sha256 ".length));
  if (sha256 === undefined) return undefined;
  const [, snapshot, uuid, parentUuid = null] = STREAM.exec(streams[0] ?? "") ?? [];
  if (snapshot === undefined || uuid === undefined || streams.length > 1)
    return damaged("what it holds is not the stream of one snapshot");
  return { ts, reading: { kind: "whole", sizeBytes: Number(size), sha256, snapshot, uuid, parentUuid } };
}
