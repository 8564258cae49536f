import type { CloudSpec, DatasetSpec } from "../../desired-state/desired-state.ts";
import { ARTIFACT_SUFFIX, datasetKeys } from "../../domain/artifact.ts";
import { type Cadence, LABEL_SHAPE, PERIOD } from "../../domain/label.ts";
import { renderManifest } from "../../domain/manifest.ts";
import { takeLockScript } from "../../transport/lock-script.ts";
import { sh } from "../../transport/quote.ts";
import { FINISH } from "../artifact/artifact.ts";
import { READING } from "../artifact/read-artifact.ts";
import { IMPORT_SUFFIX } from "../artifact/remains.ts";
import { identityFile } from "../keys/key-files.ts";
import { SIGNATURE_STATE, signatureFunctions } from "../keys/signature.ts";
import { ENTER, GIVEN } from "../machine/enter.ts";
import { hydratedFolder } from "../machine/folders.ts";
import { RESERVE_BYTES } from "../machine/place.ts";
import { stateEnvScript } from "../manifest/state-env-script.ts";
import { manifestFile, ROW_SUFFIX, stateEnvFile } from "../manifest/store.ts";
import { writingScript } from "../manifest/write-manifest.ts";
import { enterRepository, isHydrated, SIGNED } from "./readers.ts";
import { type Script, script } from "./script.ts";

/**
 * Takes an artifact that came by other means into the repository, and gives it its row: under the lock of every run, by the
 * rules and with the very lines of a run.
 */
export const registrarOf = (
  spec: DatasetSpec,
  all: readonly DatasetSpec[],
  cloud: CloudSpec | null,
): Script =>
  script(
    `ls_${spec.name}_register_artifact.sh`,
    all,
    `ls_${spec.name}_register_artifact.sh FILE: moves an artifact of ${spec.name} into the repository, and enters it into the manifest.
FILE is called ${spec.name}@LABEL.full${ARTIFACT_SUFFIX}, or ${spec.name}@LABEL.incr.from_PARENT${ARTIFACT_SUFFIX}, and opens with this server's key.`,
    `${enterRepository(spec)}${ENTER}${ASKED}${sh`
name=${spec.name} repository=${spec.repository} m=${manifestFile(spec)} d=${`${spec.repository}/manifests`} tmp=${`${spec.repository}/tmp`} hydrated=${hydratedFolder(spec.repository)}
identity=${identityFile(spec)} objects=${cloud === null ? "" : datasetKeys(cloud.prefix, spec.name).artifacts}
`}${NAMED}${sh`
[ -e "$tmp" ] || stop 1 "$repository is not set up" "Nothing was changed." "next: devbackup apply, where you apply from"
`}${TELL}${takeLockScript(spec.repository, 0, 60)}
trap '[ -z "\${w-}" ] || rm -rf "$w"; : >"$held_by"' EXIT; trap 'exit 129' HUP INT TERM PIPE
w=$(mktemp -d /run/devbackup.XXXXXX) || exit 1
${signatureFunctions(spec)}${stateEnvScript(spec.name)}${SIGNATURE_STATE}${SIGNED}
tab=$(printf '\\t')
write() {
  now=$([ ! -e "$m" ] || sha256sum <"$m" | cut -c1-64)
  (
    set -eu
    on=$now whole=$(sha256sum <"$w/manifest" | cut -c1-64) a=$final
    ${writingScript(spec, { adds: true })}
  ) <"$w/manifest"
  [ $? = 0 ] || stop 1 "the manifest could not be written" "Nothing that was complete has been touched; it is safe to run this again."
}
${isHydrated(spec)}${AT_GIVEN}${KNOWN_ALREADY(stateEnvFile(spec))}${OF_THIS_PERIOD(spec)}${TAKE_IN}`,
  );

const ASKED = `
[ $# = 1 ] || stop 1 "which artifact?" "next: $0 FILE"
needs age btrfs openssl ssh-keygen zstd
case $1 in /*) source=$1 ;; *) source=$(pwd -P)/$1 ;; esac
file=\${source##*/} folder=\${source%/*}
`;

/** What its name says of it; whether these are labels of the calendar, and in order, is asked of the manifest with its row. */
const NAMED = `
is_name() { stop 1 "$file is no name of an artifact of $name" "Nothing was changed." "An artifact is called $name@LABEL.full${ARTIFACT_SUFFIX} or $name@LABEL.incr.from_PARENT${ARTIFACT_SUFFIX}."; }
case $file in "$name"@*${ARTIFACT_SUFFIX}) ;; *) is_name ;; esac
kind=\${file#"$name"@} kind=\${kind%${ARTIFACT_SUFFIX}}
case $kind in
  *.full) label=\${kind%.full} parent=- type=full store=artifacts/anchors ;;
  *.incr.from_*) label=\${kind%%.incr.from_*} parent=\${kind#*.incr.from_} type=incr store=artifacts/incr ;;
  *) is_name ;;
esac
case $label:$parent in *[!0-9W:-]*) is_name ;; esac
path=$store/$file
final=$repository/$path waiting=$tmp/$file${ROW_SUFFIX}
`;

/** Who has the lock: people are told as a run would tell them. */
const TELL = `
holder=$(printf '{"who":"%s@%s","pid":%s,"since":"%s"}' "$(id -un | tr -cd 'A-Za-z0-9._-')" "$(uname -n | tr -cd 'A-Za-z0-9._-')" "$$" "$(date -u +%Y-%m-%dT%H:%M:%SZ)")
tell() {
  by=$(printf '%s' "$1" | sed -n 's/.*"who":"\\([^"]*\\)".*/, of \\1/p' | tr -cd '[:print:]')
  stop 3 "another run works on $name$by" "Nothing was changed." "next: wait for it to end, then the same again"
}
`;

/**
 * Of the file, in a folder of whoever it is: `at_given` goes there, and ends the script where it is no file; `is_given`: there
 * is something of its name.
 */
const AT_GIVEN = `${GIVEN}
is_given() { [ -e "$source" ] || [ -L "$source" ]; }
at_given() { enter "\${folder:-/}" && [ -f "./$file" ] && [ ! -L "./$file" ] || stop 1 "$source is no file" "Nothing was changed."; }
`;

/** A row stays as it is: the same artifact once more is nothing to do, another one of its name is refused. */
const KNOWN_ALREADY = (stateEnv: string): string => `
row=$([ ! -e "$m" ] || awk -F '\\t' -v label="$label" 'NR > 1 && $2 == label' "$m")
if [ -n "$row" ]; then
  [ "$(printf '%s' "$row" | cut -f7)" = "$path" ] || stop 1 "$name@$label is registered already, as $(printf '%s' "$row" | cut -f7), and labels are never rewritten" "Nothing was changed."
  if is_given; then
    at_given
    [ "./$file" -ef "$final" ] || [ "$(given "$file" $(($(printf '%s' "$row" | cut -f5) + 1)) | openssl dgst -sha256 -r | cut -c1-64)" = "$(printf '%s' "$row" | cut -f6)" ] ||
      stop 6 "$source is not the artifact that is registered as $file" "Nothing was changed; labels are never rewritten."
  fi
  [ -e "$final" ] || stop 1 "$file is registered, and the repository has lost it" "Nothing was changed." "next: devbackup manifest import \${folder:-/}, which proves it and puts it back"
  # the last steps of a run that was cut off
  if [ -e "$waiting" ] || [ "$state" != "$(cat ${sh`${stateEnv}`} 2>/dev/null)" ]; then
    cp -- "$m" "$w/manifest" || exit 1
    write
  fi
  echo "$name@$label is registered already: nothing to do."
  exit 0
fi
`;

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
const OF_THIS_PERIOD = ({ cadence, timezone }: DatasetSpec): string => `
of_this_period() {
  case $label in ${LABELS[cadence][0]}) ;; *) stop 1 "$name has a label for each ${PERIOD[cadence]}, ${LABEL_SHAPE[cadence]}, and $label is none" "Nothing was registered." ;; esac
  current=${sh`$(TZ=${timezone} date ${LABELS[cadence][1]})`}
  [ "$(printf '%s\\n' "$label" "$current" | LC_ALL=C sort | tail -n 1)" = "$current" ] ||
    stop 1 "$name@$label is of a ${PERIOD[cadence]} to come: by the clock here it is $current" "Nothing was registered. Labels only grow, and none before it could follow."
}
`;

const TAKE_IN = `${STREAMS}
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
