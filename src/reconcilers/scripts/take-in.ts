import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { type Cadence, LABEL_SHAPE, PERIOD } from "../../domain/label.ts";
import { renderManifest } from "../../domain/manifest.ts";
import { sh } from "../../transport/quote.ts";
import { FINISH } from "../artifact/artifact.ts";
import { READING } from "../artifact/read-artifact.ts";
import { IMPORT_SUFFIX } from "../artifact/remains.ts";
import { RESERVE_BYTES } from "../machine/place.ts";
import { ROW_SUFFIX } from "../manifest/store.ts";

/** Of the registrar, where the manifest has no row for the artifact yet: it is copied, read, given its name and its row. */
export const takeIn = (spec: DatasetSpec): string => `${ofThisPeriod(spec)}${STREAMS}${TAKING}`;

/** What builds on another snapshot than the one that is registered as its parent could never be received. */
const STREAMS = `
read_artifact() {
  found=$(a=$1 k=$identity; ${READING}
)
}
word_of() { printf '%s\\n' "$found" | awk -v "at=$1" -v "word=$2" 'NR == at { print $word }'; }
after_parent() {
  above=$(awk -F '\\t' -v label="$parent" 'NR > 1 && $2 == label { print $7 }' "$m" 2>/dev/null)
  # without a row it is refused as such
  [ -n "$above" ] || return 0
  if is_hydrated "$parent"; then is=$(field "$hydrated/$name@$parent" 'Received UUID')
  else
    read_artifact "$repository/$above" || found=
    is=$(word_of 3 3) is=\${is#uuid=}
  fi
  [ -n "$is" ] || stop 1 "$name@$parent is not here to compare it with" "Nothing was registered." "next: devbackup apply, where you apply from"
  [ "$is" = "$builds_on" ] || stop 6 "$source builds on another snapshot than $name@$parent, and could never be received" "Nothing was registered."
}
`;

/** As the shell writes them: what a label looks like, and how date(1) prints that of a moment. */
const LABELS: Record<Cadence, readonly [pattern: string, format: string]> = {
  monthly: ["[0-9][0-9][0-9][0-9]-[0-9][0-9]", "+%Y-%m"],
  weekly: ["[0-9][0-9][0-9][0-9]-W[0-9][0-9]", "+%G-W%V"],
  daily: ["[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]", "+%Y-%m-%d"],
};

/** Labels only grow: behind one of a period to come, no run would find a place for its own. */
const ofThisPeriod = ({ cadence, timezone }: DatasetSpec): string => `
of_this_period() {
  case $label in ${LABELS[cadence][0]}) ;; *) stop 1 "$name has a label for each ${PERIOD[cadence]}, ${LABEL_SHAPE[cadence]}, and $label is none" "Nothing was registered." ;; esac
  current=${sh`$(TZ=${timezone} date ${LABELS[cadence][1]})`}
  [ "$(printf '%s\\n' "$label" "$current" | LC_ALL=C sort | tail -n 1)" = "$current" ] ||
    stop 1 "$name@$label is of a ${PERIOD[cadence]} to come: by the clock here it is $current" "Nothing was registered. Labels only grow, and none before it could follow."
}
`;

const TAKING = `
is_given || [ -e "$waiting" ] || stop 1 "there is no $source" "Nothing was changed."
for r in "$tmp"/*${ROW_SUFFIX}; do
  [ "$r" = "$waiting" ] || [ ! -e "$r" ] || stop 1 "\${r##*/} waits for the manifest" "Nothing was changed." "next: devbackup apply, where you apply from, and then the same again"
done
for other in "$repository"/artifacts/*/"$name@$label".*; do
  if [ -e "$other" ] && { [ "$other" != "$final" ] || [ ! -e "$waiting" ]; }; then
    stop 1 "$other is there, and the manifest has no row for it" "Nothing was changed." "next: devbackup plan, where you apply from, says what becomes of it"
  fi
done
entered=
if [ -e "$final" ]; then
  # its row was written before it got its name: only the manifest is missing
  row=$(cat -- "$waiting")
else
  of_this_period
  at_given
  entered=yes
  size=$(stat -c %s -- "./$file") || stop 1 "$source is no file" "Nothing was changed."
  room=$(($(df -B1 --output=avail -- "$tmp" | tail -n 1) - ${RESERVE_BYTES}))
  [ "$size" -le "$room" ] || stop 1 "there is no room for $source in $repository: it takes $size bytes, and $((room > 0 ? room : 0)) are left for it" "Nothing was registered." "next: free some space there, then the same again"
  rm -f -- "$waiting"
  t=$tmp/$file${IMPORT_SUFFIX}
  trap 'rm -rf "$w"; rm -f -- "$t"; : >"$held_by"' EXIT
  (umask 077; rm -f -- "$t"; given "$file" $((size + 1)) >"$t" && sync "$t") || stop 1 "$source could not be copied into the repository" "Nothing was registered."
  [ "$(stat -c %s -- "$t")" = "$size" ] || stop 1 "$source changed while it was read" "Nothing was registered." "next: the same again, once nobody writes it"
  read_artifact "$t" || stop 1 "$source could not be read" "Nothing was registered."
  # the words of age and zstd quote the file, which may be another one than whoever asks can read
  case $(word_of 2 1) in
    sha256) ;;
    *) stop 6 "$source is damaged, or not encrypted to this server" "Nothing was registered." ;;
  esac
  [ "$(printf '%s\\n' "$found" | wc -l)" = 3 ] && [ "$(word_of 3 2)" = "./$name@$label" ] || stop 6 "what $source holds is not the snapshot $name@$label" "Nothing was registered."
  case $type:$(word_of 3 1) in full:subvol | incr:snapshot) ;; *) stop 6 "$source is not of the kind that its name says" "Nothing was registered." ;; esac
  size=$(word_of 1 3) sha256=$(word_of 2 2)
  if [ "$parent" != - ]; then builds_on=$(printf '%s\\n' "$found" | sed -n '3s/.* parent_uuid=\\([0-9a-f-]*\\) .*/\\1/p'); after_parent; fi
  # never before what it builds on, whatever the clock is set to
  ts=$({ date -u +%Y-%m-%dT%H:%M:%S.000Z; [ ! -e "$m" ] || tail -n +2 -- "$m" | cut -f1; } | LC_ALL=C sort | tail -n 1)
  object=-
  [ -z "$objects" ] || object=$objects\${path#artifacts/}
  row=$(printf '%s\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s' "$ts" "$label" "$type" "$parent" "$size" "$sha256" "$path" "$object")
fi
{ if [ -e "$m" ]; then cat -- "$m"; else ${sh`printf '%s' ${renderManifest([])}`}; fi; printf '%s\\n' "$row"; } >"$w/manifest" || exit 1
why=$(state_env "$w/manifest" 2>&1 >/dev/null) ||
  stop 1 "the manifest can't take $name@$label: $why" "Nothing was registered. Labels only grow, and a parent has to be registered before it: the newest is $(printf '%s\\n' "$state" | sed -n 's/^LATEST_LABEL=//p')."
if [ ! -e "$final" ]; then
  (set -eu; f=$final r=$waiting; ${FINISH}) <<ROW
$row
ROW
  [ $? = 0 ] || stop 1 "$file could not be put into the repository" "Nothing was registered; it is safe to run this again."
fi
write
[ -z "$entered" ] || [ "./$file" -ef "$final" ] || rm -f -- "./$file"
echo "$name@$label is registered as $path."
echo "The next devbackup apply receives it here, as a proof, and sends it to the bucket."
`;
