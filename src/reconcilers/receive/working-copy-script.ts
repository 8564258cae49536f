import type { Label } from "../../domain/label.ts";
import { type AbsolutePath, fileName, parentOf } from "../../domain/names.ts";
import { formatStamp } from "../../domain/units.ts";
import { LET_GO } from "../../transport/fence.ts";
import { sh } from "../../transport/quote.ts";
import { ENTER } from "../machine/enter.ts";
import { SCRATCH } from "../run-script.ts";
import { OPEN_FOR_WRITING, UNTOUCHED_COPY } from "../snapshot/subvolumes.ts";

/** How the working copy is brought to another snapshot. */
export interface Replacement {
  readonly path: AbsolutePath;
  /** The snapshot that it is to become a copy of. */
  readonly name: string;
  readonly label: Label;
  /** Notes which copy is ours and where it stands. */
  readonly note: AbsolutePath;
  readonly dataset: string;
  /** Held meanwhile: a run that was killed does not end its script there. */
  readonly lock: AbsolutePath;
  /** The folder of the hydrated snapshots. */
  readonly hydrated: AbsolutePath;
  /** On another file system than the repository: where the snapshot is sent to first. Null on the same one. */
  readonly ownBase: AbsolutePath | null;
  /** What is there is not ours: kept under another name whatever it is. */
  readonly stranger: boolean;
  /** Where the present copy stands, as far as that is known. */
  readonly from: Label | null;
  /** What the present copy may have been made from. */
  readonly bases: readonly { readonly uuid: string; readonly path: AbsolutePath }[];
}

/**
 * The new copy is complete before the old one moves; the old one is closed to whoever would write to it then, and goes
 * only when a send without data against what it was made from shows no edit, or a read-only snapshot of it has been
 * taken. One that programs still write to, or that holds subvolumes, is kept itself. Prints `kept PATH` then. The folder
 * around it may be a user's, so that everything is done from within (see {@link ENTER}).
 */
export function replaceScript(replacement: Replacement, now: Date): string {
  const { path, name, label, note, dataset, lock, hydrated, ownBase, stranger, from } = replacement;
  const stamp = formatStamp(now);
  const bases = replacement.bases.map((base) => sh`${base.uuid}) echo ${base.path};;`).join(" ");
  const beside = fileName(path);
  return `${SCRATCH}${OPEN_FOR_WRITING}${ENTER}${UNTOUCHED_COPY}
base_of() { case $1 in ${bases} esac; }
${sh`
wc=${beside} name=${name} label=${label} note=${note} hydrated=${hydrated} aside=${`${beside}.set-aside`} shown=${`${path}.set-aside`} stamp=${stamp} dataset=${dataset} was=${from ?? "unknown"}
former=${`${beside}.devbackup-old`} before=${`${beside}.before-devbackup`} lock=${lock}
exec 8>>"$lock"; flock 8
enter_making ${parentOf(path)}; exec 6<.`}
${LET_GO}
edited() {
  # where either end fails, that is a word too: nobody knows what would have followed
  ops=$( { btrfs -q send --no-data -p "$1" "$2" || echo failed; } | { btrfs receive --dump || echo failed; } | awk '{ print $1 }')
  # utimes alone is what reading leaves behind
  printf '%s\\n' "$ops" | grep -qvx -e snapshot -e utimes
}
written_to() {
  # where a program has a file open for writing, or subvolumes lie inside, a snapshot does not hold all that is there
  [ -z "$(btrfs subvolume list -o -- "$1")" ] || return 0
  open_for_writing "$1"
}
closed_to_writers() {
  # whoever is at work is not disturbed; whoever comes behind the last look would write to what is about to be deleted
  if ! written_to "$1" && btrfs property set -ts "$1" ro true && ! written_to "$1"; then return; fi
  btrfs property set -ts "$1" ro false || exit
  return 1
}
to_aside() { own_folder "$aside" 755; step "$aside"; exec 5<.; cd -P /proc/self/fd/6; }
settle_former() {
  [ -e "./$former" ] || [ -L "./$former" ] || return 0
  is_subvolume "./$former" || { echo "$former is in the way, and no copy of ours: move it away" >&2; exit 1; }
  step "$former"; exec 4<.; cd -P /proc/self/fd/6
  parent=$(field /proc/self/fd/4 'Parent UUID')
  origin=$(base_of "$parent")
  # what it was made from may have gone, and been received again since
  at=\${origin##*@}
  if ! closed_to_writers /proc/self/fd/4; then
    kept="$dataset@\${at:-$was}.in-use-$stamp"
    to_aside
    # across file systems or subvolumes mv(1) copies, and then removes
    [ "$(stat -L -c %d /proc/self/fd/5)" = "$(stat -c %d .)" ] || { echo "$shown lies elsewhere: what is in use cannot be moved there" >&2; exit 1; }
    mv -T -- "./$former" "/proc/self/fd/5/$kept"
    echo "kept $shown/$kept"
    return 0
  fi
  if [ -z "$origin" ] || [ ! -e "$origin" ] || edited "$origin" /proc/self/fd/4; then
    kept="$dataset@\${at:-$was}.edited-$stamp"
    to_aside
    btrfs -q subvolume snapshot -r /proc/self/fd/4 "/proc/self/fd/5/$kept"
    echo "kept $shown/$kept"
  fi
  delete_here "$former"
}
${ownBase === null ? 'from="$hydrated/$name"' : ownBaseScript(ownBase)}
if [ -e "./$wc" ] || [ ! -e "./$former" ]; then settle_former; fi
free_name "$wc.devbackup-new" "\${from%/*}"/*@*
copy_here "$from" "$new"
# before it has its name: a copy that stands there unnoted would one day pass for somebody else's
{
  echo "$(field "./$new" UUID) $label"
  if is_subvolume "./$wc" && [ -e "$note" ]; then grep "^$(field "./$wc" UUID) " -- "$note" || :; fi
} >"$note.new"
sync "$note.new"; mv -T -- "$note.new" "$note"
if [ -d "./$wc" ] && ! is_subvolume "./$wc" && rmdir -- "./$wc" 2>/dev/null; then :; fi
if [ -e "./$wc" ]; then
  ${stranger ? '[ ! -e "./$before" ] || { echo "$before is in the way" >&2; exit 1; }; mv -T -- "./$wc" "./$before"' : 'mv -T -- "./$wc" "./$former"'}
fi
mv -T -- "./$new" "./$wc"
settle_former
${ownBase === null ? "" : dropOldBases}
btrfs filesystem sync .`;
}

/** Snapshots work within one file system only (btrfs-subvolume(8)): a local send and receive bridges two. */
const ownBaseScript = (folder: AbsolutePath): string => `${sh`base=${fileName(folder)}`}
own_folder "$base" 700; step "$base"; exec 3<.
from="/proc/self/fd/3/$name" prev=
complete() { btrfs subvolume show -- "$1" 2>/dev/null | grep -q 'Received UUID:[[:space:]]*[0-9a-f]' && [ "$(btrfs property get -ts "$1" ro)" = ro=true ]; }
if [ -e "./$name" ] && ! complete "./$name"; then delete_here "$name"; fi
if [ ! -e "./$name" ]; then
  for b in "./$dataset@"*; do if complete "$b" && [ -e "$hydrated/$(basename -- "$b")" ]; then prev="$hydrated/$(basename -- "$b")"; fi; done
  set --; [ -z "$prev" ] || set -- -p "$prev"
  { btrfs -q send "$@" "$hydrated/$name" || :; } | receive_here || :
  complete "./$name" || { [ ! -e "./$name" ] || delete_here "$name"; exit 1; }
fi
cd -P /proc/self/fd/6`;

const dropOldBases = `cd -P /proc/self/fd/3
for b in *; do case $b in "$dataset@$label") ;; "$dataset@"*) delete_here "$b" ;; esac; done
cd -P /proc/self/fd/6`;
