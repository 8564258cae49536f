import type { AbsolutePath } from "../domain/names.ts";
import { sh } from "../transport/quote.ts";
import { SENT_WHOLE } from "./receive.ts";

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
 * begun afresh; one that still writes to it is waited for.
 */
export const unpackScript = (folder: AbsolutePath, way: Way): string =>
  `${beside(folder)}${sh`
set -u
w=$(mktemp -d /run/devbackup.XXXXXX) || exit 1
trap 'rm -rf "$w"' EXIT; trap 'exit 129' HUP INT TERM PIPE
if [ -e "$part" ] || [ -L "$part" ]; then
  ours || { echo "$part is in the way" >&2; exit 1; }
  exec 8>>"$part/$mark" && flock 8 && clear_part || exit 1
fi
mkdir -p -- "$part/tree" && exec 8>>"$part/$mark" && flock 8 || exit 1
{ zstd -q -d -c || : >"$w/failed"; } |
`}${
    way === "stream"
      ? `{ btrfs -q receive -e "$part/tree" && ${SENT_WHOLE}; } || : >"$w/failed"`
      : `tar -x -C "$part/tree" --numeric-owner --same-permissions --acls --xattrs --xattrs-include='*' -S || : >"$w/failed"`
  }
[ ! -e "$w/failed" ] || { echo "what arrived is not whole, or could not be written" >&2; exit 1; }`;

/** Puts what {@link unpackScript} took in at its place; prints which folder that is. */
export const settleScript = (folder: AbsolutePath, way: Way, name: string): string =>
  `${beside(folder)}${sh`
if [ -d "$d" ]; then rmdir -- "$d"; fi
`}${
    way === "stream"
      ? sh`btrfs -q subvolume snapshot "$part/tree/"${name} "$d"`
      : 'mv -T -- "$part/tree" "$d"'
  }
sync -f "$d"
clear_part
stat -c %d:%i -- "$d"`;

/** Removes what a failed run has taken in. */
export const clearScript = (folder: AbsolutePath): string => `${beside(folder)}if ours; then clear_part; fi`;

const beside = (folder: AbsolutePath): string => sh`
d=${folder} part=${`${folder}.devbackup-part`} mark=.devbackup
ours() { [ -f "$part/$mark" ] && [ ! -L "$part" ]; }
clear_part() {
  for s in "$part/tree"/*@*; do
    if [ -d "$s" ] && [ "$(stat -c %i -- "$s")" = 256 ]; then btrfs -q subvolume delete "$s" || return; fi
  done
  rm -rf --one-file-system -- "$part"
}
`;
