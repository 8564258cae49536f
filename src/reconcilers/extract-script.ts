import type { AbsolutePath } from "../domain/names.ts";
import { LET_GO } from "../transport/fence.ts";
import { sh } from "../transport/quote.ts";
import { SENT_WHOLE } from "./receive.ts";
import { WAIT_OR_END } from "./receive-script.ts";

/** How a tree travels: as a stream of Btrfs where both ends are on it, and whole; else as an archive. */
export type Way = "stream" | "archive";

/** How {@link packScript} ends where the tree does not hold what was asked for. */
export const NO_SUCH_PATH = 44;

/**
 * Names, owners by number, times to the nanosecond, links, holes, ACLs and attributes travel (tar(1)); sockets do not,
 * and a fifo with two names becomes two.
 */
export const packScript = (tree: AbsolutePath, paths: readonly string[]): string => sh`
w=$(mktemp -d /run/devbackup.XXXXXX) || exit 1
trap 'rm -rf "$w"' EXIT; trap 'exit 129' HUP INT TERM PIPE
cd ${tree} || exit 1
for p in ${paths}; do [ -e "./$p" ] || [ -L "./$p" ] || { echo "there is no $p in it" >&2; exit ${NO_SUCH_PATH}; }; done
{ tar -c --format=posix --numeric-owner --acls --xattrs --xattrs-include='*' -S -- ${paths.length === 0 ? ["."] : paths.map((path) => `./${path}`)} || : >"$w/failed"; } |
zstd -q -c -T0 -1 || exit 1
[ ! -e "$w/failed" ] || { echo "tar failed" >&2; exit 1; }`;

/**
 * Takes in, beside the target, what the other end sends. Only a folder that an earlier run of ours has left there is
 * begun afresh; one that still writes to it is ended, since nobody puts what it makes in its place.
 */
export const unpackScript = (folder: AbsolutePath, way: Way): string =>
  `${beside(folder)}${sh`
set -u
w=$(mktemp -d /run/devbackup.XXXXXX) || exit 1
trap 'rm -rf "$w"' EXIT; trap 'exit 129' HUP INT TERM PIPE
if ours; then exec 8>>"$lock" && take 0 && clear_part || exit 1; fi
if [ -e "$part" ] || [ -L "$part" ]; then
  begun_ours && rmdir -- "$part" || { echo "$part is in the way" >&2; exit 1; }
fi
mkdir -p -- "$(dirname -- "$part")" && mkdir -m 700 -- "$part" && exec 8>>"$lock" && flock 8 && claim || exit 1
`}${LET_GO}${sh`
mkdir -- "$part/tree" || exit 1
{ zstd -q -d -c || : >"$w/failed"; } |
`}${
    way === "stream"
      ? `{ btrfs -q receive -e "$part/tree" && ${SENT_WHOLE}; } || : >"$w/failed"`
      : `tar -x -C "$part/tree" --numeric-owner --same-permissions --acls --xattrs --xattrs-include='*' -S || : >"$w/failed"`
  }
[ ! -e "$w/failed" ] || { echo "what arrived is not whole, or could not be written" >&2; exit 1; }`;

/** Brings what {@link unpackScript} took in to the disk; prints which folder {@link settleScript} will make of it. */
export const sealScript = (folder: AbsolutePath, way: Way, name: string): string =>
  `${beside(folder)}${sh`
sync -f "$part/tree"
stat -c ${WHICH_FOLDER} -- "$part/tree"${way === "stream" ? `/${name}` : ""}`}`;

/**
 * In stat(1)'s words, which folder it is: the same before and after it has got its name, and after a restart, when a
 * device may have another number. A snapshot has both from what it was made of.
 */
export const WHICH_FOLDER = "%i:%W";

/** Puts what {@link unpackScript} took in at its place. */
export const settleScript = (folder: AbsolutePath, way: Way, name: string): string =>
  `${beside(folder)}${sh`
exec 8>>"$lock"; flock 8; claim
if [ -d "$d" ]; then rmdir -- "$d"; fi
`}${
    way === "stream"
      ? sh`btrfs -q subvolume snapshot "$part/tree/"${name} "$d"`
      : 'mv -T -- "$part/tree" "$d"'
  }
sync -f "$d"
clear_part`;

/** Removes what a failed or cut-off run has taken in. */
export const clearScript = (folder: AbsolutePath): string =>
  `${beside(folder)}if ours; then exec 8>>"$lock"; take 0; clear_part; fi`;

/** Whether such a thing is there; for a probe. */
export const isBesideScript = (folder: AbsolutePath): string =>
  `${beside(folder)}if ours; then echo beside; fi`;

/** The mark in it comes first and goes last: cut off in between, there is an empty folder of root's alone. */
const beside = (folder: AbsolutePath): string =>
  `${WAIT_OR_END}${sh`
d=${folder} part=${`${folder}.devbackup-part`} lock=${`${folder}.devbackup-part/.devbackup`}
begun_ours() { [ ! -L "$part" ] && [ -d "$part" ] && [ "$(stat -c '%a %u' -- "$part")" = "700 0" ]; }
ours() { begun_ours && [ -f "$lock" ]; }
clear_part() {
  for s in "$part/tree"/*@*; do
    if [ -d "$s" ] && [ "$(stat -c %i -- "$s")" = 256 ]; then btrfs -q subvolume delete "$s" || return; fi
  done
  rm -rf --one-file-system -- "$part/tree" && rm -f -- "$lock" && rmdir -- "$part"
}
`}`;
