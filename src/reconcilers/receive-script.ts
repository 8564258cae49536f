import type { AbsolutePath } from "../domain/names.ts";
import { sh } from "../transport/quote.ts";

/** Where a snapshot is received, on the server or on the workstation. */
export interface Receiving {
  readonly folder: AbsolutePath;
  readonly name: string;
  /** Says that a receive of ours is under way, so that its remains may be cleared away. */
  readonly mark: AbsolutePath;
  /** Held by whoever receives: a controller that is killed does not end its receive there. */
  readonly lock: AbsolutePath;
}

/** What {@link receiveScript} prints where a receive that an earlier run began was at work. */
export const WAITED = "waited\n";

/**
 * `btrfs receive` of what `stream` writes to its stdout; a stage of it that fails leaves a word in `"$w/failed"`.
 * `check` runs first and may refuse by ending. Where a receive that an earlier run began is still at work, its end
 * is waited for, and what it came to is looked at afterwards. What fails leaves nothing behind.
 */
export const receiveScript = (
  { folder, name, mark, lock }: Receiving,
  { check = "", stream }: { readonly check?: string; readonly stream: string },
): string =>
  `${sh`
set -u
exec 8>>${lock} || exit 1
if ! flock -n 8; then flock 8; echo waited; exit; fi
d=${folder} n=${name} m=${mark} w=$(mktemp -d /run/devbackup.XXXXXX) || exit 1
trap 'rm -rf "$w"' EXIT; trap 'exit 129' HUP INT TERM PIPE
`}${check}${sh`
touch "$m" && sync "$m" || exit 1
if [ -e "$d/$n" ]; then btrfs -q subvolume delete -c "$d/$n" || exit 1; fi
`}${stream}${sh` |
btrfs -q receive -e "$d" || echo "btrfs receive failed" >>"$w/failed"
if [ -e "$w/failed" ] || [ ! -e "$d/$n" ]; then
  cat "$w/failed" >&2
  [ ! -e "$d/$n" ] || btrfs -q subvolume delete "$d/$n"
  rm -f "$m"
  exit 1
fi
btrfs filesystem sync "$d" && rm -f "$m"`}`;
