import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { sh } from "../../transport/quote.ts";
import { PROVE } from "../artifact/prove-script.ts";
import { identityFile } from "../keys/key-files.ts";
import { SIGNATURE_STATE, signatureFunctions } from "../keys/signature.ts";
import { hydratedFolder } from "../machine/folders.ts";
import { OWN_FOLDER } from "../machine/own-folder.ts";
import { stateEnvScript } from "../manifest/state-env-script.ts";
import { manifestFile, ROW_SUFFIX } from "../manifest/store.ts";
import { COMPLETE, marksOnServer } from "../receive/receive-script.ts";
import { SCRATCH } from "../run-script.ts";
import { FIELD } from "../snapshot/subvolumes.ts";
import { LABEL, type Script, script } from "./script.ts";

/** What is read on the server with sh, awk and its own tools alone: no program of ours, no network. */
export const readersOf = (spec: DatasetSpec, all: readonly DatasetSpec[]): Script[] => [
  script(
    `ls_${spec.name}_latest_label.sh`,
    all,
    `ls_${spec.name}_latest_label.sh: prints the newest label of ${spec.name}, or none.`,
    `${readManifest(spec)}
[ -n "$state" ] || { echo none; exit 0; }
newest=$(printf '%s\\n' "$state" | sed -n 's/^LATEST_LABEL=//p')
echo "\${newest:-none}"`,
  ),
  script(
    `ls_${spec.name}_plan_restore.sh`,
    all,
    `ls_${spec.name}_plan_restore.sh [LABEL]: prints the artifacts that LABEL, or the newest, is made of, in their order, a path a line.
Those before one whose snapshot stands here already are not needed, and not named.`,
    `${readManifest(spec)}${LABEL}${isHydrated(spec)}
given=\${1-latest}
label "$given"
chained=$(chain "$given") || exit
printf '%s\\n' "$chained" | while IFS="$tab" read -r _ parent _ path; do
  if is_hydrated "$parent"; then echo enough; fi
  printf '%s\\n' ${sh`${`${spec.repository}/`}`}"$path"
done | awk '$0 == "enough" { n = 0; next } { path[++n] = $0 } END { for (i = 1; i <= n; i++) print path[i] }'`,
  ),
];

/** Of every dataset of a server, as one script. */
export const sender = (own: readonly DatasetSpec[], all: readonly DatasetSpec[]): Script =>
  script(
    "LS_send.sh",
    all,
    `LS_send.sh ${own.length > 1 ? "NAME@" : ""}LABEL [PARENT]: writes LABEL, or latest, as a stream for btrfs receive to stdout, to a machine that has PARENT:

  set -o pipefail; ssh SERVER sudo ${OWN_FOLDER}/LS_send.sh LABEL | btrfs receive DIR

It is the snapshot that stands here, or else the artifacts that it is made of, each proven first, one stream behind the
other. What was received counts where both ends ended with 0, and not before.`,
    `${LABEL}
[ $# -ge 1 ] && [ $# -le 2 ] || stop 1 "which label?" "next: $0 LABEL [PARENT]"
given=$1 from=\${2-}
name=${own.length === 1 ? sh`${own[0]?.name ?? ""}` : `\${given%@*} given=\${given##*@}`}
label "$given"
[ -z "$from" ] || label "$from"
[ ! -t 1 ] || stop 1 "a stream is not for a terminal" "next: $0 $* | btrfs receive DIR"
needs age btrfs openssl ssh-keygen zstd
case $name in
${own.map((spec) => `${sh`${spec.name}`})\n${readManifest(spec)}${isHydrated(spec)}${sh`repository=${spec.repository} hydrated=${hydratedFolder(spec.repository)} identity=${identityFile(spec)}`}\n;;\n`).join("")}*) stop 1 "there is no dataset $name here" "Nothing was sent." "next: $0 NAME@LABEL" ;;
esac
${PROVE}${SEND}`,
  );

const SEND = `
${SCRATCH}
chain "$given" >"$w/chain" || exit 1
given=$(cut -f1 "$w/chain" | tail -n 1)
if is_hydrated "$given" && { [ -z "$from" ] || is_hydrated "$from"; }; then
  set --
  [ -z "$from" ] || set -- -p "$hydrated/$name@$from"
  btrfs -q send "$@" "$hydrated/$name@$given" || stop 1 "$name@$given could not be sent to its end" "What was received of it is not whole."
  exit
fi
if [ -n "$from" ]; then
  cut -f1 "$w/chain" | grep -qxF -e "$from" || stop 1 "$name@$given does not build on $from" "Nothing was sent." "next: $0 $given"
  awk -F '\\t' -v from="$from" 'behind { print } $1 == from { behind = 1 }' "$w/chain" >"$w/rest"
  mv -- "$w/rest" "$w/chain"
fi
while IFS="$tab" read -r _ _ sum path <&3; do
  (prove "$repository/$path" "$sum" "$repository/tmp") || stop 6 "$repository/$path is not what the manifest says" "Nothing was sent." "next: devbackup apply, which fetches it where the bucket has it"
done 3<"$w/chain"
while IFS="$tab" read -r _ _ _ path <&3; do
  { age -d -i "$identity" "$repository/$path" || : >"$w/failed"; } | { zstd -q -d -c || : >"$w/failed"; }
  [ ! -e "$w/failed" ] || stop 1 "$repository/$path could not be sent to its end" "What was received of it is not whole."
done 3<"$w/chain"
`;

/**
 * Lines of sh. `$state` is what `state.env` says of the manifest, "" where there is none; what the server has not signed is not
 * read. `chain LABEL` prints `LABEL PARENT SHA256 PATH` of what a label is made of, the anchor first.
 */
export const readManifest = (spec: DatasetSpec): string =>
  `${enterRepository(spec)}${signatureFunctions(spec)}${stateEnvScript(spec.name)}${sh`
m=${manifestFile(spec)} tab=$(printf '\t')
`}${SIGNATURE_STATE}${SIGNED}${CHAIN}`;

/**
 * Shell function `refuse WHAT`: what is stored is in doubt. And nobody but root gets further, nor anybody where the repository
 * is not set up: of what can't be looked into, or lies on a disk that is not mounted, nobody knows that there is nothing.
 */
export const enterRepository = (spec: DatasetSpec): string => sh`
refuse() { stop 6 "$1" "Nothing was changed." "next: devbackup plan, where you apply from, says what is wrong and what mends it"; }
[ -e ${spec.repository} ] || stop 1 ${`${spec.repository} is not there, or not yours to look at`} "Nothing was changed." "next: the same behind sudo; if it is missing then too, mount its disk, or set it up with devbackup apply, where you apply from"
(cd ${spec.repository}) 2>/dev/null || stop 1 ${`${spec.repository} is root's`} "Nothing was changed." "next: the same behind sudo"
for each in manifests artifacts; do
  [ -e ${`${spec.repository}/`}"$each" ] || stop 1 ${`${spec.repository} is not set up: it has no `}"$each" "Nothing was changed." "next: mount its disk, if it has one; else devbackup apply, where you apply from"
  (cd ${`${spec.repository}/`}"$each" && [ -r . ]) 2>/dev/null || stop 1 ${`${spec.repository} is root's`} "Nothing was changed." "next: the same behind sudo"
done
`;

export const SIGNED = `state=
if [ -e "$m" ]; then
  case $s in
    good | ahead | unsigned) ;;
    missing) [ -z "$by" ] || refuse "the signature of $m is gone" ;;
    *) refuse "$m is not what this server has signed, or that can't be told" ;;
  esac
  state=$(state_env "$m") || refuse "$m is damaged"
elif [ -n "$(find "\${m%/*/*}/artifacts" -type f 2>/dev/null | while IFS= read -r f; do [ -e "\${m%/*/*}/tmp/\${f##*/}${ROW_SUFFIX}" ] || echo more; done)" ]; then
  refuse "$m is gone, and artifacts are there"
fi
`;

const CHAIN = `
chain() {
  [ -n "$state" ] || stop 1 "nothing is backed up yet: there is no manifest"
  awk -F '\\t' -v of="$1" '
    NR > 1 { parent[$2] = $4; sum[$2] = $6; path[$2] = $7; newest = $2 }
    END {
      if (of == "latest") of = newest
      if (!(of in path)) exit 1
      for (; of != "-"; of = parent[of]) line[++n] = of "\\t" parent[of] "\\t" sum[of] "\\t" path[of]
      while (n) print line[n--]
    }' "$m" || stop 1 "the manifest has no $1" "next: devbackup manifest list"
}
`;

/** A shell function: whether a label's snapshot stands here, received to its end and not found damaged since. */
export const isHydrated = (spec: DatasetSpec): string => {
  const { prefix, suffix, damaged = "" } = marksOnServer(spec);
  const mark = `${prefix}${spec.name}@`;
  return `${FIELD}${COMPLETE}${sh`
is_hydrated() {
  (
    n=${`${spec.name}@`}"$1" m=${mark}"$1"${suffix}
    cd ${hydratedFolder(spec.repository)} 2>/dev/null && [ ! -L "./$n" ] && [ -d "./$n" ] && [ ! -e ${mark}"$1"${damaged} ] && complete
  ) 2>/dev/null
}
`}`;
};
