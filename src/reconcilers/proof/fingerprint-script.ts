import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import type { AbsolutePath } from "../../domain/names.ts";
import { LET_GO } from "../../transport/fence.ts";
import { sh } from "../../transport/quote.ts";
import { ENTER } from "../machine/enter.ts";
import { tmpFile } from "../manifest/store.ts";
import { headerOf } from "./compare.ts";
import { fingerprintFile } from "./fingerprint-files.ts";
import { BY_REST, LISTING, REST_ALONE } from "./listing.ts";
import { serverScratch } from "./scratch.ts";

/**
 * On the workstation: the listing of a snapshot, compressed. What it keeps meanwhile lies in a folder of root's beside the
 * snapshots, which it removes; what an earlier one has left goes first.
 */
export const sourceScript = (spec: DatasetSpec, label: Label, base: Label | null): string =>
  `set -u
${ENTER}${LISTING}${sh`
n=${snapshotName(spec.name, label)} base=${base === null ? "" : snapshotName(spec.name, base)} s=${`.${spec.name}.fingerprint`}
clear_scratch() { cd -P /proc/self/fd/6 && rm -rf -- "./$s"; }
enter_own ${spec.snapshots} && exec 6<. && clear_scratch && mkdir -m 700 -- "./$s" && exec 5<"./$s" || exit 1
w=/proc/self/fd/5
trap clear_scratch EXIT; trap 'exit 129' HUP INT TERM PIPE
gently
for s_n in "$n" $base; do
  [ "$(btrfs property get -ts "./$s_n" ro)" = ro=true ] || { echo "$s_n is no snapshot" >&2; exit 1; }
done
if [ -n "$base" ]; then (step "$base" && list_inodes) >"$w/before" || exit 1; fi
(step "$n" && if [ -n "$base" ]; then list_tree_on "$w/before"; else list_tree; fi) | sorted `}${BY_REST} >"$w/listing"
[ ! -e "$w/failed" ] || { cat "$w/failed" >&2; exit 1; }
zstd -q -c <"$w/listing"`;

const listingFile = (spec: DatasetSpec): AbsolutePath => tmpFile(spec, `${spec.name}.listing`);

/** On the server: takes it in as it comes. Once the file is open, it writes to that one alone, and another run to another. */
export const sinkScript = (spec: DatasetSpec): string =>
  `${sh`
set -e
umask 077
t=${listingFile(spec)}
rm -f -- "$t"
exec 6>"$t"
`}${LET_GO}
cat >&6`;

/** On the server: what has come of one that was not sent whole. */
export const clearScript = (spec: DatasetSpec): string => sh`rm -f -- ${listingFile(spec)}`;

/** How {@link finishScript} ends where the fingerprint of `base` does not have all that is to be taken from it. */
export const NOT_FITTING = 45;

/**
 * On the server: makes the fingerprint of what has come, unchanged files with the hashes that the one of `base` has, and
 * prints how many files there are and how many of them were read. One that is there already stays.
 */
export const finishScript = (spec: DatasetSpec, label: Label, base: Label | null): string =>
  `set -u
${serverScratch(spec)}
${LISTING}${sh`
umask 077
t=${listingFile(spec)} f=${fingerprintFile(spec, label)} base=${base === null ? "" : fingerprintFile(spec, base)}
trap 'rm -rf -- "$w" "$t" "$f.new"' EXIT
count() { tr -dc '\0' | wc -c; }
zstd -q -d -c -- "$t" >"$w/listing" &&
  sed -z -n '/^=/p' "$w/listing" >"$w/same" &&
  sed -z '/^=/d' "$w/listing" >"$w/own" && : >"$w/taken" || exit 1
if [ -n "$base" ]; then
  { zstd -q -d -c -- "$base" || failed zstd; } | tail -z -n +2 | sorted -m `}${BY_REST} - "$w/same" |
    uniq ${REST_ALONE}${sh` -D | sed -z '/^=/d' >"$w/taken"
fi
[ ! -e "$w/failed" ] && [ "$(count <"$w/taken")" = "$(count <"$w/same")" ] || { cat "$w/failed" >&2; exit ${NOT_FITTING}; }
{ printf '%s\0' ${headerOf(spec, label)}; sorted -m `}${BY_REST} "$w/own" "$w/taken"; } | zstd -q -c >"$f.new" && [ ! -e "$w/failed" ] || exit 1
read_files=$(sed -z -n '/^[^ ]* f /p' "$w/own" | count)
files=$((read_files + $(count <"$w/taken")))
chmod 400 "$f.new" && sync "$f.new" || exit 1
# from its last step on nobody would look for what lies about
rm -rf -- "$w" "$t"
mv -T -n -- "$f.new" "$f" && [ ! -e "$f.new" ] || { echo "$f is there already" >&2; exit 1; }
sync "$(dirname -- "$f")"
echo "$files $read_files"`;
