import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { sh } from "../../transport/quote.ts";
import { ENTER } from "../machine/enter.ts";
import { SCRATCH } from "../run-script.ts";
import { LOOK, LOOK_FORMAT } from "./sync-back-look.ts";

/** How the working copy is brought back. */
export interface SyncBack {
  readonly dataset: DatasetSpec;
  /** Relative to the dataset; none for all of it. */
  readonly paths: readonly string[];
  /** What the working copy has no more goes from the workstation, too. */
  readonly delete: boolean;
  /** What is newer on the workstation stays. */
  readonly update: boolean;
  /** What stays beside that, as paths below the dataset: on a file system of its own, or newer and no regular file. */
  readonly leave: readonly string[];
}

/** As many as are named; the rest are counted. */
export const MOST_ITEMS = 200;

/**
 * rsync(1), as the owner has it by hand: links, hard links, rights, times, ACLs and extended attributes; not the owner, who is
 * the same, and not beyond the file system, so that subvolumes and mounts inside the dataset stay as they are.
 */
export const rsyncOptions = ({ delete: deletes, update, paths, leave }: SyncBack): readonly string[] => [
  "--recursive",
  "--links",
  "--hard-links",
  "--perms",
  "--acls",
  "--xattrs",
  "--times",
  "--omit-dir-times",
  "--one-file-system",
  ...(deletes ? ["--delete"] : []),
  ...(update ? ["--update"] : []),
  ...leave.map((path) => `--exclude=/${/[*?[]/.test(path) ? path.replace(/[*?[\\]/g, "\\$&") : path}`),
  ...(paths.length === 0 ? [] : ["--relative"]),
];

/** Lines of sh: as the dataset's owner, who can do no more there than by hand. A login without root is that owner itself. */
const AS_OWNER = `as_owner() {
  if [ "$(id -u)" != 0 ]; then "$@"; return; fi
  group=$(id -g -- "$owner") && setpriv --reuid "$owner" --regid "$group" --init-groups --inh-caps=-all -- "$@"
}
`;

/** Prints whether rsync is there, and the owner. */
export const readinessScript = ({ owner }: DatasetSpec): string => sh`
if command -v rsync >/dev/null; then echo rsync; fi
if id -u -- ${owner} >/dev/null 2>&1; then echo owner; fi`;

/**
 * On the server: an rsync that speaks on stdin and stdout, and gives out the working copy, read-only: rsyncd.conf(5) holds the
 * workstation to that, whatever it asks for. To root's the working copy is all that there is, so that no link in it, which may
 * have come with a backup, leads elsewhere.
 */
export const giveScript = ({ owner, workingCopy }: DatasetSpec): string =>
  `${SCRATCH}
set -eu
${sh`owner=${owner} copy=${workingCopy ?? ""}`}
${ENTER}
conf() { printf '%s\\n' "$@" >>"$w/rsyncd.conf"; }
conf 'munge symlinks = no' 'read only = yes' 'list = no' "log file = $w/log" 'reverse lookup = no'
enter "$copy"
if [ "$(id -u)" = 0 ]; then conf 'use chroot = yes' "uid = $owner" 'gid = *'; else conf 'use chroot = no'; fi
conf '[copy]' "path = /proc/$$/cwd"
code=0; rsync --server --daemon --config="$w/rsyncd.conf" . || code=$?
# to the other end it says only that something was wrong
sed -n 's/.*\\(rsync: .*\\)/said \\1/p' "$w/log" | tail -c 4000 >&2
exit "$code"`;

/**
 * On the workstation: an rsync that takes from the one behind stdin and stdout; a dry one without `mostDeleted`, which is how many
 * may be deleted. On stderr at last, a line each: `said …` of rsync, what {@link LOOK} says, or `count KIND N`, and `code N`.
 */
export function takeScript(back: SyncBack, mostDeleted?: number): string {
  const { dataset, paths, update } = back;
  const options = [
    ...rsyncOptions(back),
    ...(mostDeleted === undefined ? ["--dry-run"] : []),
    ...(mostDeleted !== undefined && back.delete ? [`--max-delete=${mostDeleted}`] : []),
    "--no-motd",
    "--8-bit-output",
    `--out-format=${LOOK_FORMAT}`,
  ];
  const [names, from] =
    paths.length === 0 ? [":", []] : [sh`printf '%s\0' ${paths}`, ["--files-from=-", "--from0"]];
  return `${SCRATCH}
set -u
${sh`owner=${dataset.owner} most=${MOST_ITEMS} update=${update ? "yes" : ""}`}
${AS_OWNER}${LOOK}
exec 3<&0 4>&1 </dev/null >&2
${sh`cd ${dataset.path}`} || exit 1
${names} | ${sh`as_owner env TZ=UTC rsync ${options} ${from} --rsh=${RELAY} devbackup::copy/ ./`} >"$w/items" 2>"$w/said"
code=$?
exec 3<&- 4>&-
tail -c 4000 "$w/said" | sed 's/^/said /' >&2
${mostDeleted === undefined ? 'look || { echo "said what stands here could not be compared with it"; code=1; }' : COUNT}
echo "
code $code"`;
}

const COUNT = `awk '
  /^[<>ch.][fdLDS]/ { brought++ }
  /^\\*deleting/ { deleted++ }
  END { print "count brought", brought + 0; print "count deleted", deleted + 0 }' "$w/items"`;

/**
 * What rsync takes for its remote shell: the descriptors that the script was given. It ends when the other end does, as ssh
 * would: rsync waits for that, and lets go of its own end only then.
 */
const RELAY = "sh -c 'exec 5<&0; cat <&5 >&4 3<&- 5<&- & cat <&3 4>&- 5<&-; kill $!'";
