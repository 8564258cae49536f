import { type AbsolutePath, fileName, parentOf } from "../../domain/names.ts";
import { LET_GO } from "../../transport/fence.ts";
import { sh } from "../../transport/quote.ts";
import { ENTER } from "../machine/enter.ts";
import { SCRATCH } from "../run-script.ts";
import { SENT_WHOLE, WAIT_OR_END } from "./receive-script.ts";

/** How a tree travels: as a stream of Btrfs where both ends are on it, and whole; else as an archive. */
export type Way = "stream" | "archive";

/** How {@link packScript} ends where the tree does not hold what was asked for. */
export const NO_SUCH_PATH = 44;

/**
 * Names, owners by number, times to the nanosecond, links, holes, ACLs and attributes travel (tar(1)); sockets do not,
 * and a fifo with two names becomes two. The folders above a path travel as they are, closed ones too, without what else
 * is in them; a link among them is refused: it may lead out of the tree.
 */
export const packScript = (tree: AbsolutePath, paths: readonly string[]): string =>
  `${SCRATCH}${HAS_PATH}${sh`
cd ${tree} || exit 1
for p in ${paths}; do
  has_path "$p" || exit ${NO_SUCH_PATH}
done
{ tar -c --format=posix --numeric-owner --acls --xattrs --xattrs-include='*' -S ${paths.length === 0 ? ["."] : paths.flatMap(withFoldersAbove)} || : >"$w/failed"; } |
zstd -q -c -T0 -1 || exit 1
[ ! -e "$w/failed" ] || { echo "tar failed" >&2; exit 1; }`}`;

/** A shell function: `has_path PATH`, whether the tree that one stands in holds it, and no link leads out of it on the way. */
export const HAS_PATH = `
has_path() {
  above=. rest=$1
  while [ "$rest" != "\${rest#*/}" ]; do
    above=$above/\${rest%%/*} rest=\${rest#*/}
    if [ -L "$above" ]; then
      echo "\${above#./} is a link to $(readlink -- "$above"): name the path of what lies there" >&2
      return 1
    fi
  done
  [ -e "./$1" ] || [ -L "./$1" ] || { echo "there is no $1 in it" >&2; return 1; }
}
`;

/** Words for tar(1), where each of these options holds for the names behind it. */
function withFoldersAbove(path: string): string[] {
  const parts = `./${path}`.split("/");
  const above = parts.slice(1).map((_, at) => parts.slice(0, at + 1).join("/"));
  return ["--no-recursion", ...above, "--recursion", parts.join("/")];
}

/**
 * Takes in, beside the target, what the other end sends. Only a folder that an earlier run of ours has left there is
 * begun afresh; one that still writes to it is ended, since nobody puts what it makes in its place.
 */
export const unpackScript = (folder: AbsolutePath, way: Way): string =>
  `${beside(folder)}set -u
${SCRATCH}${sh`
enter_making ${parentOf(folder)} && exec 6<. || exit 1
if ours; then enter_part && lock_part && take 0 && clear_part || exit 1; fi
if [ -e "./$part" ] || [ -L "./$part" ]; then
  begun_ours && rmdir -- "./$part" || { echo "$part is in the way" >&2; exit 1; }
fi
mkdir -m 700 -- "./$part" && step "$part" && is_closed . && [ -z "$(ls -A)" ] && chmod g-s . && lock_part && flock 8 && claim || exit 1
`}${LET_GO}${sh`
mkdir -- tree || exit 1
{ zstd -q -d -c || : >"$w/failed"; } |
`}${
  way === "stream"
    ? `(cd tree && receive_here && ${SENT_WHOLE}) || : >"$w/failed"`
    : `tar -x -C tree --numeric-owner --same-permissions --acls --xattrs --xattrs-include='*' -S || : >"$w/failed"`
}
[ ! -e "$w/failed" ] || { echo "what arrived is not whole, or could not be written" >&2; exit 1; }`;

/** Brings what {@link unpackScript} took in to the disk; prints which folder {@link intoPlaceScript} will make of it. */
export const sealScript = (folder: AbsolutePath, way: Way, name: string): string =>
  `${beside(folder)}${sh`
enter ${parentOf(folder)}; enter_part
sync -f tree
stat -c ${WHICH_FOLDER} -- tree${way === "stream" ? `/${name}` : ""}`}`;

/**
 * In stat(1)'s words, which folder it is: the same before and after it has got its name, and after a restart, when a
 * device may have another number. A snapshot has both from what it was made of.
 */
export const WHICH_FOLDER = "%i:%W";

/** Puts what {@link unpackScript} took in at its place. */
export const intoPlaceScript = (folder: AbsolutePath, way: Way, name: string): string =>
  `${beside(folder)}${sh`
enter ${parentOf(folder)}; exec 6<.; enter_part; lock_part; flock 8; claim
d=/proc/self/fd/6/$d
if [ -d "$d" ] && [ ! -L "$d" ]; then rmdir -- "$d"; fi
`}${
    way === "stream"
      ? sh`new=tree/${`${name}.new`}; btrfs -q subvolume snapshot tree/${name} "$new"`
      : "new=tree"
  }
# a link that has come to be at its place meanwhile is neither followed nor replaced
mv -T -n -- "$new" "$d" && [ ! -e "$new" ] || { echo "something has come to be at \${d##*/} meanwhile" >&2; exit 1; }
sync -f .
clear_part`;

/** Removes what a failed or cut-off run has taken in. */
export const clearScript = (folder: AbsolutePath): string =>
  `${beside(folder)}${sh`enter ${parentOf(folder)}; exec 6<.; if ours; then enter_part; lock_part; take 0; clear_part; fi`}`;

/** Whether such a thing is there; for a probe. */
export const isBesideScript = (folder: AbsolutePath): string =>
  `${beside(folder)}${sh`part=${`${folder}.devbackup-part`}; if ours; then echo beside; fi`}`;

/**
 * The mark in it comes first and goes last: cut off in between, there is an empty folder of root's alone. The folder
 * around it may be anybody's, so that everything is done from within (see {@link ENTER}).
 */
const beside = (folder: AbsolutePath): string =>
  `${WAIT_OR_END}${ENTER}${sh`
d=${fileName(folder)} part=${`${fileName(folder)}.devbackup-part`} lock=.devbackup
# with whatever mkdir has taken over from the folder around it
is_closed() { case $(stat -c '%a %u' -- "$1") in *700' '0) ;; *) return 1 ;; esac; }
begun_ours() { [ ! -L "$part" ] && [ -d "$part" ] && is_closed "$part"; }
ours() { begun_ours && [ -f "$part/.devbackup" ]; }
enter_part() {
  step "$part" || return
  # whoever owns the folder around it can have put a folder of their own there, with links to what is root's
  if is_closed . && [ -f "$lock" ] && [ ! -L "$lock" ] && [ ! -L tree ]; then return; fi
  echo "$part is not what was made: somebody has put another folder there" >&2
  return 1
}
lock_part() { exec 8>>"$lock"; }
clear_part() {
  for s in tree/*@*; do
    if is_subvolume "$s"; then (cd tree && delete_here "$(basename -- "$s")") || return; fi
  done
  rm -rf --one-file-system -- tree && rm -f -- "$lock" && cd -P /proc/self/fd/6 && rmdir -- "./$part"
}
`}`;
