import { absent, type Fact, known, unknown } from "../../domain/fact.ts";
import type { AbsolutePath, DatasetName, HostName } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import { folderInFileSystem, PLACE_FUNCTIONS, type Place, parsePlace } from "../machine/place.ts";
import type { Probe } from "../probe.ts";

/** A Btrfs subvolume as `btrfs subvolume list` tells it (btrfs-subvolume(8)). */
export interface Subvolume {
  readonly uuid: string;
  /** Of the subvolume that this is a snapshot of. */
  readonly parentUuid: string | null;
  /** Of the subvolume on the sending side, once a receive is complete. */
  readonly receivedUuid: string | null;
  readonly readOnly: boolean;
  /** Transaction of the last change; equal to `createdGeneration` where nothing was written since. */
  readonly generation: number;
  readonly createdGeneration: number;
  /** A receive of ours made it and did not come to its end: whatever else is said of it, it is not complete. */
  readonly receiving: boolean;
  /** It was read, and is not what was backed up any more. Left out where nobody found that. */
  readonly damaged?: true;
}

/** What lies in a folder under names `NAME@…`. */
export interface SubvolumeFolder {
  readonly place: Place;
  /** `null` for an entry that is no subvolume. */
  readonly entries: ReadonlyMap<string, Subvolume | null>;
}

/** What is told of one that somebody works in; nothing of what is no subvolume. */
export interface ShownSubvolume {
  readonly uuid: string | null;
  /** Of the snapshot that it was made from, as a restore does; null otherwise. */
  readonly parentUuid: string | null;
  /** Whether anything was written to it since it was made; reading alone can count as that (atime). */
  readonly written: boolean;
}

/** What stands in `folder` under `name`: undefined for nothing or not known, null for what is no subvolume. */
export const entryOf = (folder: Fact<SubvolumeFolder>, name: string): Subvolume | null | undefined =>
  folder.kind === "known" ? folder.value.entries.get(name) : undefined;

/**
 * Shell functions for probes, defined once in front of every merged script. `subvolumes PATH` prints every subvolume of
 * PATH's file system, `shown PATH` what {@link parseShown} reads of the one that PATH is.
 */
export const PROBE_LIBRARY = `${PLACE_FUNCTIONS}
subvolumes() {
  command -v btrfs >/dev/null || { echo no-btrfs-progs; return; }
  # without -a, paths begin at the subvolume that PATH lies in where it holds them, and at the file system's root where not
  btrfs subvolume list -agcpuqR -- "$1" || return
  ro=$(btrfs subvolume list -r -- "$1") || return
  printf '%s\n' "$ro" | sed 's/^/ro /'
}
shown() {
  show=$(btrfs subvolume show -- "$1") || return
  printf '%s\n' "$show" | sed -n 's/^[[:space:]]*UUID:[[:space:]]*/uuid /p; s/^[[:space:]]*Parent UUID:[[:space:]]*/parent /p; s/^[[:space:]]*Generation:[[:space:]]*/generation /p; s/^[[:space:]]*Gen at creation:[[:space:]]*/created /p'
}
`;

/** A shell function: `field PATH NAME` prints what btrfs shows of a subvolume under that name. */
export const FIELD = `
field() { btrfs subvolume show -- "$1" | sed -n "s/^[[:space:]]*$2:[[:space:]]*//p"; }
`;

/**
 * A shell function: whether a program has a file of the subvolume `$1` open for writing, or mapped so; by its device,
 * since a path is another one behind another mount, in a container say. What the kernel alone holds open (a loop device,
 * a file that an NFS client writes to) is not seen. Other file systems are not asked, where stat(1) can do without: one
 * that does not answer would be waited for.
 */
export const OPEN_FOR_WRITING = `
open_for_writing() {
  open_device=$(stat -L -c %d -- "$1") || return 0
  open_cached=
  ! stat --cached=always / >/dev/null 2>&1 || open_cached=--cached=always
  {
    find /proc/[0-9]*/fd -type l -perm -200 -print0
    grep -s '^[^ ]* .w.s' /proc/[0-9]*/maps /dev/null | sed 's|^\\(/proc/[0-9]*/map\\)s:0*\\([0-9a-f]*\\)-0*\\([0-9a-f]*\\) .*|\\1_files/\\2-\\3|' | tr '\\n' '\\0'
  } 2>/dev/null | xargs -0 -r stat -L $open_cached -c %d 2>/dev/null | grep -qxF -e "$open_device"
}
`;

/**
 * Shell functions, behind those of {@link ENTER}. `untouched_copy COPY SNAPSHOT…`: is it a copy of one of those, with nothing written to it since?
 * Then removing it loses nothing, whoever made it. `free_name NAME SNAPSHOT…` sets `$new` to NAME, which lies right here,
 * cleared of such a copy, or to NAME.2 and so on where something else has that name, which is left alone. `copy_here
 * SNAPSHOT NAME` makes a writable copy under that name right here, or fails where something has it: btrfs would follow a
 * link that is named as the place, and so it gets the name from the source, where `$w` is a folder of the script's own.
 */
export const UNTOUCHED_COPY = `${FIELD}
untouched_copy() {
  # what was written in the last half minute may not be on the disk, and is not told before
  is_subvolume "$1" && btrfs filesystem sync "$1" && [ "$(field "$1" Generation)" = "$(field "$1" 'Gen at creation')" ] || return
  parent_of_copy=$(field "$1" 'Parent UUID')
  shift
  for s in "$@"; do
    if is_subvolume "$s" && [ "$(field "$s" UUID)" = "$parent_of_copy" ]; then return; fi
  done
  return 1
}
free_name() {
  new=$1 wanted=$1 number=1
  shift
  while [ -e "./$new" ] || [ -L "./$new" ]; do
    if untouched_copy "./$new" "$@"; then delete_here "$new"; return; fi
    number=$((number + 1)); new=$wanted.$number
  done
}
copy_here() { ln -s -- "$1" "$w/$2" && btrfs -q subvolume snapshot "$w/$2" .; }
`;

/** Reads what `shown` printed, whatever else there is around it. */
export function parseShown(stdout: string): ShownSubvolume {
  const field = (word: string) => new RegExp(`^${word} (.+)$`, "m").exec(stdout)?.[1];
  return {
    uuid: field("uuid") ?? null,
    parentUuid: dash(field("parent")),
    written: field("generation") !== field("created"),
  };
}

/** Where a folder's receives leave their marks: what stands before the snapshot's name, and behind it. */
export interface Marks {
  readonly prefix: string;
  readonly suffix: string;
  /** Of the marks that verification leaves; left out where nothing is verified. */
  readonly damaged?: string;
}

/** The entries `NAME@…` of `folder`. Absent where the folder is. */
export const subvolumeFolderProbe = (
  host: HostName,
  folder: AbsolutePath,
  dataset: DatasetName,
  marks: Marks | null,
): Probe<SubvolumeFolder> => ({
  host,
  script: `${sh`
d=${folder}; [ -d "$d" ] || { echo absent; exit 0; }
place "$d"
find "$d" -mindepth 1 -maxdepth 1 -name ${`${dataset}@*`} -printf 'entry %i %y %f\n' || exit 1`}
${marks === null ? "" : marksScript(marks, dataset)}
subvolumes "$d"`,
  parse: (stdout) => (stdout === "absent\n" ? absent : parseFolder(stdout, dataset)),
});

/** Before the listing: one that is gone by then belonged to what the listing shows complete. */
const marksScript = ({ prefix, suffix, damaged }: Marks, dataset: DatasetName): string =>
  [["mark", suffix] as const, ...(damaged === undefined ? [] : [["damaged", damaged] as const])]
    .map(
      ([word, end]) => sh`
for m in ${`${prefix}${dataset}@`}*${end}; do
  [ ! -f "$m" ] || printf '%s %s %s\n' ${word} "$(head -n 1 -- "$m")" "$(basename -- "$m" ${end})"
done`,
    )
    .join("");

const LISTED =
  /^ID (\d+) gen (\d+) cgen (\d+) parent \d+ top level \d+ parent_uuid (\S+) +received_uuid (\S+) +uuid (\S+) path (?:<FS_TREE>\/)?(.+)$/;

function parseFolder(stdout: string, dataset: DatasetName): Fact<SubvolumeFolder> {
  const place = parsePlace(stdout);
  const inFileSystem = folderInFileSystem(stdout);
  if (place === undefined || inFileSystem === undefined) return unknown("its file system could not be read");
  const entries = new Map<string, Subvolume | null>();
  const lines = stdout.split("\n");
  for (const line of lines) {
    const [, name] = /^entry \d+ \S (.+)$/.exec(line) ?? [];
    if (name?.startsWith(`${dataset}@`)) entries.set(name, null);
  }
  if (entries.size === 0 || place.fsType !== "btrfs") return known({ place, entries });
  if (lines.includes("no-btrfs-progs")) return unknown("btrfs-progs is not installed");
  const listed = listSubvolumes(lines, inFileSystem, marksIn(lines, "mark"), marksIn(lines, "damaged"));
  if (listed === undefined) return unknown("two subvolumes are listed under one path");
  for (const [name, subvolume] of listed) if (entries.has(name)) entries.set(name, subvolume);
  return known({ place, entries });
}

/** By the snapshot's name: the UUID that a mark speaks of, "" where it does not tell. */
function marksIn(lines: readonly string[], word: "mark" | "damaged"): ReadonlyMap<string, string> {
  const marks = new Map<string, string>();
  const marked = new RegExp(`^${word} (\\S*) \\.?(.+)$`);
  for (const line of lines) {
    const [, uuid = "", name] = marked.exec(line) ?? [];
    if (name !== undefined) marks.set(name, uuid);
  }
  return marks;
}

/** By name, those right under `folder`; undefined where a name stands twice (a name with a newline can forge a line). */
function listSubvolumes(
  lines: readonly string[],
  folder: string,
  marks: ReadonlyMap<string, string>,
  damaged: ReadonlyMap<string, string>,
): Map<string, Subvolume> | undefined {
  const readOnlyIds = new Set(lines.map((line) => /^ro ID (\d+) /.exec(line)?.[1]));
  const found = new Map<string, Subvolume>();
  for (const line of lines) {
    const [, id, gen, cgen, parent, received, uuid = "", path = ""] = LISTED.exec(line) ?? [];
    if (id === undefined || !path.startsWith(folder)) continue;
    const name = path.slice(folder.length);
    if (name === "" || name.includes("/")) continue;
    if (found.has(name)) return undefined;
    found.set(name, {
      uuid,
      parentUuid: dash(parent),
      receivedUuid: dash(received),
      readOnly: readOnlyIds.has(id),
      generation: Number(gen),
      createdGeneration: Number(cgen),
      receiving: ["", uuid].includes(marks.get(name) ?? "none"),
      ...(damaged.get(name) === uuid && { damaged: true as const }),
    });
  }
  return found;
}

const dash = (field: string | undefined): string | null =>
  field === undefined || field === "-" ? null : field;
