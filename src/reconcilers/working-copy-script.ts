import type { Label } from "../domain/label.ts";
import type { AbsolutePath } from "../domain/names.ts";
import { LET_GO } from "../transport/fence.ts";
import { sh } from "../transport/quote.ts";
import { OPEN_FOR_WRITING, UNTOUCHED_COPY } from "./subvolumes.ts";

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
 * The new copy is complete before the old one moves; the old one goes only when a send without data against
 * what it was made from shows no edit, or a read-only snapshot of it has been taken. One that programs still
 * write to, or that holds subvolumes, is kept itself. Prints `kept PATH` then.
 */
export function replaceScript(replacement: Replacement, now: Date): string {
  const { path, name, label, note, dataset, lock, hydrated, ownBase, stranger, from } = replacement;
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const bases = replacement.bases.map((base) => sh`${base.uuid}) echo ${base.path};;`).join(" ");
  return `${OPEN_FOR_WRITING}${UNTOUCHED_COPY}
base_of() { case $1 in ${bases} esac; }
${sh`
wc=${path} name=${name} label=${label} note=${note} hydrated=${hydrated} aside=${`${path}.set-aside`} stamp=${stamp} dataset=${dataset} was=${from ?? "unknown"}
beside=${`${path}.devbackup-new`} former=${`${path}.devbackup-old`} before=${`${path}.before-devbackup`} lock=${lock}
exec 8>>"$lock"; flock 8`}
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
settle_former() {
  [ -e "$former" ] || return 0
  parent=$(btrfs subvolume show -- "$former" | sed -n 's/^[[:space:]]*Parent UUID:[[:space:]]*//p')
  origin=$(base_of "$parent")
  # what it was made from may have gone, and been received again since
  at=\${origin##*@}
  kept="$aside/$dataset@\${at:-$was}.edited-$stamp"
  mkdir -p "$aside"
  if written_to "$former"; then
    kept="$aside/$dataset@\${at:-$was}.in-use-$stamp"
    # across file systems or subvolumes mv(1) copies, and then removes
    [ "$(stat -L -c %d -- "$aside")" = "$(stat -c %d -- "$(dirname -- "$wc")")" ] || { echo "$aside lies elsewhere: what is in use cannot be moved there" >&2; exit 1; }
    mv -T -- "$former" "$kept"
    echo "kept $kept"
    return 0
  fi
  btrfs -q subvolume snapshot -r "$former" "$kept"
  if [ -n "$origin" ] && [ -e "$origin" ] && ! edited "$origin" "$kept"; then
    btrfs -q subvolume delete "$kept"
    rmdir "$aside" 2>/dev/null || :
  else
    echo "kept $kept"
  fi
  btrfs -q subvolume delete -c "$former"
}
${ownBase === null ? 'from="$hydrated/$name"' : ownBaseScript(ownBase)}
mkdir -p "$(dirname -- "$wc")"
if [ -e "$wc" ] || [ ! -e "$former" ]; then settle_former; fi
free_name "$beside" "$(dirname -- "$from")"/*@*
btrfs -q subvolume snapshot "$from" "$new"
# before it has its name: a copy that stands there unnoted would one day pass for somebody else's
{
  echo "$(field "$new" UUID) $label"
  if is_subvolume "$wc" && [ -e "$note" ]; then grep "^$(field "$wc" UUID) " -- "$note" || :; fi
} >"$note.new"
sync "$note.new"; mv -T -- "$note.new" "$note"
if [ -d "$wc" ] && [ "$(stat -c %i -- "$wc")" != 256 ] && rmdir -- "$wc" 2>/dev/null; then :; fi
if [ -e "$wc" ]; then
  ${stranger ? '[ ! -e "$before" ] || { echo "$before is in the way" >&2; exit 1; }; mv -T -- "$wc" "$before"' : 'mv -T -- "$wc" "$former"'}
fi
mv -T -- "$new" "$wc"
settle_former
${ownBase === null ? "" : dropOldBases}
btrfs filesystem sync "$wc"`;
}

/** Snapshots work within one file system only (btrfs-subvolume(8)): a local send and receive bridges two. */
const ownBaseScript = (folder: AbsolutePath): string => `${sh`base=${folder}`}
mkdir -p -m 700 "$base"
from="$base/$name" prev=
complete() { btrfs subvolume show -- "$1" 2>/dev/null | grep -q 'Received UUID:[[:space:]]*[0-9a-f]' && [ "$(btrfs property get -ts "$1" ro)" = ro=true ]; }
if [ -e "$from" ] && ! complete "$from"; then btrfs -q subvolume delete -c "$from"; fi
if [ ! -e "$from" ]; then
  for b in "$base/$dataset@"*; do if complete "$b" && [ -e "$hydrated/$(basename -- "$b")" ]; then prev="$hydrated/$(basename -- "$b")"; fi; done
  set --; [ -z "$prev" ] || set -- -p "$prev"
  { btrfs -q send "$@" "$hydrated/$name" || :; } | btrfs -q receive -e "$base" || :
  complete "$from" || { [ ! -e "$from" ] || btrfs -q subvolume delete "$from"; exit 1; }
fi`;

const dropOldBases = `for b in "$base/$dataset@"*; do [ "$b" = "$from" ] || btrfs -q subvolume delete "$b"; done`;
