import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { known, unknown } from "../../domain/fact.ts";
import type { AbsolutePath } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import { folderInFileSystem, type Place, parsePlace, type Standing } from "../machine/place.ts";
import type { Probe } from "../probe.ts";
import { parseShown, type ShownSubvolume } from "./subvolumes.ts";

/** What stands at the dataset's path on the workstation. */
export interface SourceFacts extends ShownSubvolume {
  readonly place: Place;
  readonly kind: Standing;
  readonly empty: boolean;
  readonly ownerExists: boolean;
  /** Something is mounted right there. */
  readonly mountPoint: boolean;
  /** Subvolumes and mount points inside: a snapshot holds an empty folder in their place. */
  readonly holes: readonly string[];
  readonly swapFiles: readonly string[];
  /** The copy that a conversion makes beside the directory. */
  readonly copyBeside: boolean;
  /** The directory as it was before it was converted. */
  readonly originalBeside: boolean;
}

/** Where a conversion copies to, before the copy is put in the directory's place. */
export const copyBeside = (path: AbsolutePath) => `${path}.devbackup-new` as AbsolutePath;

/** Where a conversion keeps the directory as it was. */
export const originalBeside = (path: AbsolutePath) => `${path}.before-devbackup` as AbsolutePath;

export const sourceProbe = ({ workstation, path, owner }: DatasetSpec): Probe<SourceFacts> => ({
  host: workstation,
  script: sh`
d=${path}
place "$d"
id -u -- ${owner} >/dev/null 2>&1 && echo owner
[ -e ${copyBeside(path)} ] && echo copy-beside
[ -e ${originalBeside(path)} ] && echo original-beside
kind=$(what_stands "$d"); echo "kind $kind"
case $kind in absent | other) exit 0;; esac
# where find reads it the kernel notes that (relatime), which counts as written; on Btrfs the size is that of the names inside
if [ "$kind" = subvolume ]; then [ "$(stat -c %s -- "$d")" != 0 ]; else [ -n "$(find "$d" -mindepth 1 -maxdepth 1 -print -quit)" ]; fi || echo empty
# the kernel's lists hold real paths, blanks in them as \040
r=$(readlink -f -- "$d")
while read -r _ _ _ _ m _; do
  case $m in *\\*) m=$(printf %b "$m");; esac
  case $m in "$r") echo mount-point;; "$r"/*) printf 'hole %s\n' "$m";; esac
done </proc/self/mountinfo
# in a container the list is the whole kernel's: others may have one under the same path
while read -r s _; do s=$(printf %b "$s"); case $s in "$r"/*) [ ! -e "$s" ] || printf 'swap %s\n' "$s";; esac; done </proc/swaps
if [ "$kind" = subvolume ]; then
  if command -v btrfs >/dev/null; then
    self=$(shown "$d") && inside=$(btrfs subvolume list -o -- "$d") || exit 1
    # what was written in the last half minute may not be on the disk, and is not told before
    if [ "$(printf '%s\n' "$self" | sed -n 's/^generation //p; s/^created //p' | uniq | wc -l)" = 1 ]; then
      btrfs filesystem sync "$d" && self=$(shown "$d") || exit 1
    fi
    printf '%s\n' "$self"
    printf '%s\n' "$inside" | sed -n 's/^ID .* path /hole /p'
  fi
elif command -v btrfs >/dev/null && [ "$(stat -f -c %T -- "$d")" = btrfs ]; then
  inside=$(btrfs subvolume list -o -- "$d") || exit 1
  printf '%s\n' "$inside" | sed -n 's/^ID .* path /beside /p'
fi`,
  parse: (stdout) => {
    const place = parsePlace(stdout);
    const lines = stdout.split("\n");
    const all = (word: string) =>
      lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
    const kind = all("kind")[0] as SourceFacts["kind"] | undefined;
    const inFileSystem = folderInFileSystem(stdout);
    if (place === undefined || inFileSystem === undefined || kind === undefined)
      return unknown("its file system could not be read");
    return known({
      place,
      kind,
      empty: lines.includes("empty"),
      ...parseShown(stdout),
      ownerExists: lines.includes("owner"),
      // of a plain directory, btrfs lists what lies in the subvolume that holds it
      mountPoint: lines.includes("mount-point"),
      holes: [...all("hole"), ...all("beside").filter((other) => other.startsWith(inFileSystem))],
      swapFiles: all("swap"),
      copyBeside: lines.includes("copy-beside"),
      originalBeside: lines.includes("original-beside"),
    });
  },
});
