import type { CloudSpec, DatasetSpec } from "../../desired-state/desired-state.ts";
import { ARTIFACT_SUFFIX, datasetKeys } from "../../domain/artifact.ts";
import { takeLockScript } from "../../transport/lock-script.ts";
import { sh } from "../../transport/quote.ts";
import { identityFile } from "../keys/key-files.ts";
import { SIGNATURE_STATE, signatureFunctions } from "../keys/signature.ts";
import { ENTER, GIVEN } from "../machine/enter.ts";
import { hydratedFolder } from "../machine/folders.ts";
import { stateEnvScript } from "../manifest/state-env-script.ts";
import { manifestFile, ROW_SUFFIX, stateEnvFile } from "../manifest/store.ts";
import { writingScript } from "../manifest/write-manifest.ts";
import { enterRepository, isHydrated, SIGNED } from "./readers.ts";
import { type Script, script } from "./script.ts";
import { takeIn } from "./take-in.ts";

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
${isHydrated(spec)}${AT_GIVEN}${KNOWN_ALREADY(stateEnvFile(spec))}${takeIn(spec)}`,
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
