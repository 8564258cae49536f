import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { Label } from "../../domain/label.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import { LET_GO } from "../../transport/fence.ts";
import { sh } from "../../transport/quote.ts";
import { FORGET, PROVE } from "../artifact/prove-script.ts";
import { NOTHING_BEHIND } from "../artifact/read-artifact.ts";
import { identityFile } from "../keys/key-files.ts";
import { ENTER } from "../machine/enter.ts";
import { PLACE_FUNCTIONS, RESERVE_BYTES } from "../machine/place.ts";
import { manifestFile } from "../manifest/store.ts";
import { WAIT_OR_END } from "../receive/receive-script.ts";
import { COMPARE, headerOf } from "./compare.ts";
import { fingerprintFile } from "./fingerprint-files.ts";
import { LISTING } from "./listing.ts";

/** How {@link drillScript} ends where there is no room, and where an artifact that is what it should be can't be received. */
export const NO_ROOM = 48;
export const NOT_RESTORED = 49;

/** Beside what is hydrated; there only while a drill goes on, or after one that was cut off. */
export const drillFolder = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "restore/drill");

const lines = (spec: DatasetSpec): string => `set -u
${WAIT_OR_END}${sh`
lock=${joinPath(spec.repository, "locks/drill.lock")} d=${drillFolder(spec)}
(umask 077; : >>"$lock") && exec 8<>"$lock" && take 0 && claim || exit 1
`}${LET_GO}
trap 'rm -rf -- "$d"; : >"$lock"' EXIT; trap 'exit 129' HUP INT TERM PIPE
rm -rf -- "$d" || exit 1`;

/** Clears away what a drill that was cut off has left; ends one that still runs. */
export const clearDrillScript = lines;

/**
 * Receives all that a label is made of, by the server's manifest, into a Btrfs of its own in a file, seen by this script
 * alone; compares it with the fingerprint, and prints what `readDrill` reads. What is hydrated is neither touched nor used:
 * in one file system with it, btrfs receive would take a parent for the next increment that is the same by its UUID. The
 * kernel takes the mount away with the last process that sees it, however that ends.
 */
export const drillScript = (spec: DatasetSpec, label: Label): string => `${lines(spec)}${sh`
mkdir -m 700 -- "$d" "$d/tree" "$d/scratch" && : >"$d/disk" || exit 1
# a copy of what is written would be kept at each change
chattr +C "$d/disk" 2>/dev/null
free=$(df --output=avail -B 1 -- "$d" | tail -n 1) of=disk
`}${PLACE_FUNCTIONS}${sh`
# what was written last counts, too
sync -f "$d"
left=$(p=$d; quota | awk '{ for (at = 2; at < 4; at++) if ($(at + 2) != "none") print $(at + 2) - $at }' | sort -n | head -n 1)
if [ -n "$left" ] && [ "$left" -lt "$free" ]; then free=$((left > 0 ? left : 0)) of=quota; fi
unshare -m sh -s "$d" "$free" "$of" <<'END'
`}${inside(spec, label)}
END`;

const inside = (spec: DatasetSpec, label: Label): string => `set -u
${ENTER}${LISTING}${COMPARE}${FORGET}${PROVE}${sh`
d=$1 free=$2 of=$3 w=$1/scratch
l=${label} repository=${spec.repository} identity=${identityFile(spec)} f=${fingerprintFile(spec, label)}
tab=$(printf '\t')
# labels grow, and a parent stands above what builds on it
want=$l
tac ${manifestFile(spec)} | while IFS="$tab" read -r _ at _ parent bytes sha256 path _; do
  [ "$at" = "$want" ] || continue
  printf '%s %s %s %s\n' "$parent" "$sha256" "$bytes" "$path"
  want=$parent
done | tac >"$w/chain"
read -r parent _ <"$w/chain" && [ "$parent" = - ] || { echo "the manifest has no chain for $l" >&2; exit 1; }
bytes=$(awk '{ bytes += $3 } END { printf "%.0f", bytes }' "$w/chain")
room=$((free - ${RESERVE_BYTES}))
# what it is made from takes at least as much again, and Btrfs as much as that for itself
if [ "$room" -lt "$((bytes + 134217728))" ]; then echo "room $free $((bytes + 134217728 + ${RESERVE_BYTES})) $of"; exit ${NO_ROOM}; fi
# in a container there may be none, and those of the kernel can be had all the same
[ -e /dev/loop-control ] || mount -t devtmpfs devtmpfs /dev || exit 1
truncate -s "$room" "$d/disk" && mkfs.btrfs -q -m single -d single "$d/disk" >"$w/said" 2>&1 &&
  mount -o loop,noatime "$d/disk" "$d/tree" 2>"$w/said" && cd "$d/tree" || { cat "$w/said" >&2; exit 1; }
# what somebody else has taken meanwhile, or a quota, comes out in there as an error of the disk
no_room() { dd if=/dev/zero of="$d/more" bs=1M count=16 conv=fsync status=none 2>&1 | grep -e 'No space left on device' -e 'Disk quota exceeded' >&2; }
give_up() { if no_room; then exit ${NO_ROOM}; fi; exit "$1"; }
milliseconds() { echo "$(($(date +%s%N) / 1000000))"; }
begun=$(milliseconds)
while read -r _ expected size path; do
  echo "artifact $size $path"
  forget "$repository/$path"
  prove "$repository/$path" "$expected" "$repository/tmp"
  n=$(basename -- "$path" | cut -d . -f 1)
  { age -d -i "$identity" "$a" || echo "age failed" >>"$w/failed"; } |
    { zstd -q -d -c || echo "zstd failed" >>"$w/failed"; } |
    { receive_here && `}${NOTHING_BEHIND}${sh`; } || echo "btrfs receive failed, or the stream ended early" >>"$w/failed"
  [ ! -e "$w/failed" ] && [ "$(btrfs property get -ts "./$n" ro)" = ro=true ] || { cat "$w/failed" >&2; give_up ${NOT_RESTORED}; }
done <"$w/chain"
btrfs filesystem sync . || give_up 1
echo "restored $(($(milliseconds) - begun))"
gently
cd "./$n" || exit 1
if [ -e "$f" ]; then
  compare "$f" ${headerOf(spec, label)} || give_up 1
else
  list_inodes | cut -z -d ' ' -f 2- | count_files
  echo "no fingerprint"
fi
cd / && umount "$d/tree" || :`}`;
