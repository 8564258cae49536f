import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { type AbsolutePath, fileName, joinPath } from "../../domain/names.ts";
import { LET_GO } from "../../transport/fence.ts";
import { sh } from "../../transport/quote.ts";
import { NOTHING_BEHIND } from "../artifact/read-artifact.ts";
import { ENTER } from "../machine/enter.ts";
import { SCRATCH } from "../run-script.ts";
import { FIELD, type Marks } from "../snapshot/subvolumes.ts";

/** Where a snapshot is received, on the server or on the workstation. */
export interface Receiving {
  readonly folder: AbsolutePath;
  readonly name: string;
  /** Whether what stands there goes although no receive of ours made it: somebody has approved that. */
  readonly replace: boolean;
  /**
   * Where a file named after `name` says that a receive of ours is under way, so that its remains may be cleared away; it
   * holds their UUID.
   */
  readonly marks: Marks;
  /** Held by whoever receives: a controller that is killed does not end its receive there. */
  readonly lock: AbsolutePath;
}

const SUFFIX = ".receiving";
/** Holds the UUID of a snapshot that was received once, and was read and found to be another since. */
const DAMAGED_SUFFIX = ".damaged-snapshot";

export const marksOnServer = ({ repository }: DatasetSpec): Marks => ({
  prefix: `${repository}/tmp/`,
  suffix: SUFFIX,
  damaged: DAMAGED_SUFFIX,
});
export const marksOnWorkstation = ({ snapshots }: DatasetSpec): Marks => ({
  prefix: `${snapshots}/.`,
  suffix: SUFFIX,
});

/** Says of the snapshot `name` that it was found damaged. */
export const damagedSnapshotMark = ({ repository }: DatasetSpec, name: string): AbsolutePath =>
  joinPath(repository, "tmp", `${name}${DAMAGED_SUFFIX}`);

/** Each held by whatever of ours changes what is received there, or made from it: two runs' scripts can overlap. */
export const serverLock = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "locks/receive.lock");
export const workstationLock = ({ snapshots }: DatasetSpec): AbsolutePath =>
  joinPath(snapshots, ".receive.lock");

/** What {@link receiveScript} prints where a receive that an earlier run began has come to its end. */
export const WAITED = "waited\n";

interface Stream {
  /** Runs first, and may refuse by ending. */
  readonly check?: string;
  /** Writes the stream; a stage of it that fails leaves a word in `"$w/failed"`. */
  readonly stream: string;
  /** Reads what is left of it behind its end, and fails where that is not what it should be. Default: {@link NOTHING_BEHIND}. */
  readonly ending?: string;
  /** Whether it comes from another host: then it may hang where that is gone, and never end by itself. */
  readonly fromAfar: boolean;
}

/**
 * `btrfs receive` of a stream. Where a receive that an earlier run began is still at work, its end is waited for;
 * where that is complete, nothing else is done. The mark goes before the subvolume and leaves it after all of it is
 * on the disk: btrfs receive sets UUID and read-only before that, and takes a stream that ends too early for whole
 * (btrfs-progs common/send-stream.c). What fails or is interrupted leaves nothing behind.
 */
export const receiveScript = (
  { folder, name, replace, marks, lock }: Receiving,
  { check = "", stream, ending = NOTHING_BEHIND, fromAfar }: Stream,
): string =>
  `${sh`
set -u
lock=${inside(folder, lock)} d=${folder} n=${name} begun= noting=
m=${inside(folder, marks.prefix)}"$n"${marks.suffix}
`}${WAIT_OR_END}${ENTER}${FIELD}
enter_own "$d" && own_file "$lock" && (umask 077; : >>"$lock") && exec 8<>"$lock" && ${fromAfar ? "take 10" : "flock 8"} && claim || exit 1
${LET_GO}${sh`
[ -f "$m" ] && [ ! -L "$m" ] && [ -O "$m" ] || rm -f -- "$m"
`}${SCRATCH}${COMPLETE}${sh`ours() { [ -e "$m" ] && { [ ! -s "$m" ] || [ "$(cat -- "$m")" = "$(field "./$n" UUID 2>/dev/null)" ]; } && { ! is_readonly || received; }; }
clear() { { [ ! -e "./$n" ] || delete_here "$n"; } && rm -f -- "$m"; }
end() {
  status=$?
  trap '' HUP INT TERM PIPE
  if [ -n "$noting" ]; then kill "$noting" 2>/dev/null; wait "$noting" 2>/dev/null; fi
  [ -z "$begun" ] || clear
  : >"$lock"
  rm -rf "$w"
  exit "$status"
}
trap end EXIT
if complete; then echo waited; exit; fi
`}${check}${sh`
if [ -e "./$n" ]; then
  ${replace ? "true" : "false"} || ours || { echo "$d/$n is there, and no receive of ours made it" >&2; exit 1; }
  delete_here "$n" || exit 1
fi
: >"$m" && sync "$m" "$(dirname -- "$m")" || exit 1
begun=yes
{
  until uuid=$(field "./$n" UUID); [ -n "$uuid" ]; do sleep 0.1; done
  echo "$uuid" >"$m" && sync "$m"
} </dev/null >/dev/null 2>&1 8>&- & noting=$!
`}${stream}${sh` | { receive_here && {
`}${ending}${sh`
}; } || echo "btrfs receive failed, or the stream ended early" >>"$w/failed"
if [ -e "$w/failed" ] || [ ! -e "./$n" ]; then cat "$w/failed" >&2; exit 1; fi
kill "$noting" 2>/dev/null; wait "$noting" 2>/dev/null; noting=
btrfs filesystem sync . && rm -f -- "$m" || exit 1
begun=
sync "$(dirname -- "$m")"`}`;

/** Shell functions, behind {@link FIELD}: whether what lies right here as `$n` was received to its end, where `$m` is its mark. */
export const COMPLETE = `
is_readonly() { [ "$(btrfs property get -ts "./$n" ro 2>/dev/null)" = ro=true ]; }
received() { case $(field "./$n" 'Received UUID') in *[0-9a-f]*) ;; *) return 1 ;; esac }
complete() { [ ! -e "$m" ] && is_readonly && received; }
`;

/** Where the folder that is entered holds it, by its name there: a path could lead elsewhere by then. */
const inside = (folder: AbsolutePath, file: string): string =>
  file === `${folder}/${fileName(file)}` ? `./${fileName(file)}` : file;

/**
 * Shell functions around `$lock`, open as descriptor 8. What holds it is of a controller that is gone, since ours holds
 * the dataset's lock. `take N` waits for it, and ends it where nothing of it has moved N times: it may wait for bytes
 * that never come, for as long as sshd does not notice; 0 ends it whatever it does. `claim` says who holds it now.
 */
export const WAIT_OR_END = `
moved() {
  for s in /proc/[0-9]*/stat; do
    { read -r pid _ _ _ g _ <"$s"; } 2>/dev/null && [ "$g" = "$1" ] && cat "/proc/$pid/io" 2>/dev/null
  done | cksum
}
take() {
  was= silent=0
  until flock -w 2 8; do
    holder=$(head -n 1 -- "$lock")
    case $holder in '' | *[!0-9]* | 0 | 1) continue ;; esac
    is=$(moved "$holder")
    if [ "$1" != 0 ] && [ "$is" != "$was" ]; then was=$is silent=0; continue; fi
    silent=$((silent + 1))
    if [ "$silent" -ge $(($1 + 5)) ]; then kill -s KILL -- "-$holder" || :
    elif [ "$silent" -ge "$1" ]; then kill -s TERM -- "-$holder" || :; fi
  done
}
claim() { read -r _ _ _ _ group _ <"/proc/$$/stat" && echo "$group" >"$lock"; }
`;

/** Stands behind the stream, and only where all of it was sent. */
const WHOLE = "whole";

/** Behind a btrfs receive of what {@link sendScript} sends: whether that was all. */
export const SENT_WHOLE = sh`IFS= read -r last && [ "$last" = ${WHOLE} ]`;

/**
 * A hydrated snapshot as a stream: whole, or as an increment on another one. A send that fails ends with a whole
 * command: without a word behind it, the other end could not tell.
 */
export const sendScript = (hydrated: AbsolutePath, name: string, base: string | null): string =>
  `${SCRATCH}${sh`
{ { btrfs -q send ${base === null ? [] : ["-p", joinPath(hydrated, base)]} ${joinPath(hydrated, name)} && echo ${WHOLE}; } || : >"$w/failed"; } |
zstd -q -c -T0 -1 || exit 1
[ ! -e "$w/failed" ] || { echo "btrfs send failed" >&2; exit 1; }`}`;
