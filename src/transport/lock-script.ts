import { type AbsolutePath, parentOf } from "../domain/names.ts";
import { HOLDER_FILE, WORK_LOCK } from "./fence.ts";
import { sh } from "./quote.ts";

export const lockFolder = (repository: AbsolutePath): string => `${repository}/locks`;

/** Given up where a disk is full, for the lock, the journal and what clears up; put back once there is room. */
export const BALLAST_FILE = "ballast";

/**
 * Lines of sh that take a repository's lock, flock(1) on descriptor 9, in the name of `$holder`; `$held_by` is the file
 * that says who has it. Where it can't be had, a function `tell`, which has to end the script, is given why: `busy AGE
 * SILENT PATIENCE PID STATE HOLDER`, or `PID … at work`. `patience`: seconds that its holder may be silent; 0 for one
 * that is never heard of.
 *
 * The folders above the repository are everybody's to walk through. The holder's file says who holds it, and since when
 * by the clock here. What was begun under the lock before is waited for. On a disk without a byte to spare Btrfs still
 * makes and removes files, and writes into none: the ballast makes room.
 */
export const takeLockScript = (repository: AbsolutePath, patience: number, waitSeconds: number): string => sh`
mkdir -p ${parentOf(repository)} || exit 1
umask 027
locks=${lockFolder(repository)} held_by=${`${lockFolder(repository)}/${HOLDER_FILE}`} work=${`${lockFolder(repository)}/${WORK_LOCK}`}
mkdir -p "$locks" || exit 1
exec 9>>"$held_by" || exit 1
if ! flock -n 9; then
  { IFS= read -r who; read -r pid since patience; } <"$held_by"
  now=$(date +%s)
  [ -n "$patience" ] || pid=0 since=$now patience=0
  state=$(sed 's/.*) \(.\).*/\1/' "/proc/$pid/stat" 2>/dev/null || echo -)
  tell "busy $((now - since)) $((now - $(stat -c %Y -- "$held_by"))) $patience $pid $state $who"
fi
write_holder() { printf '%s\n%s\n' "$holder" "$$ $(date +%s) "${patience} | cat >"$held_by"; }
write_holder 2>/dev/null || { rm -f -- "$locks"/${BALLAST_FILE}; sync -f "$locks"; write_holder; } || exit 1
exec 8>>"$work" || exit 1
if ! flock -w ${waitSeconds} 8; then
  at_work=$(for p in /proc/[0-9]*; do [ "$p/fd/7" -ef "$work" ] && printf '%s ' "$(basename "$p")"; done; echo at work)
  : >"$held_by"
  tell "$at_work"
fi
exec 8>&-
`;
