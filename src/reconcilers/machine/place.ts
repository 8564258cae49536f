/** The file system that a path lies on, or would lie on once its missing folders are made. */
export interface Place {
  readonly fsType: string;
  readonly fsUuid: string;
  readonly freeBytes: number;
  readonly sizeBytes: number;
  /** Mounted so, or since Btrfs met an error that it could not write past. */
  readonly readOnly: boolean;
  /** Of the subvolume there: the limit that leaves the least. Null where there is none, or it was not asked. */
  readonly quota: { readonly limitBytes: number; readonly leftBytes: number } | null;
}

/** What `what_stands` prints; a link is none of them but the last. */
export type Standing = "absent" | "subvolume" | "directory" | "other";

/** Left free whatever is planned: for locks, the manifest, the journal and clearing up. */
export const RESERVE_BYTES = 64 * 1024 ** 2;

/**
 * Shell functions for probes: `place PATH` prints the file system of the nearest folder that is there, and `quota`
 * after it what Btrfs lets the subvolume there take (btrfs-qgroup(8)). `what_stands PATH` is a {@link Standing}.
 */
export const PLACE_FUNCTIONS = `
place() {
  p=$1; while [ ! -e "$p" ]; do p=\${p%/*}; p=\${p:-/}; done
  findmnt -nro FSTYPE,UUID,FSROOT,TARGET,OPTIONS -T "$p" | sed 's/^/place /' | tail -n 1
  df -B1 --output=avail,size -- "$p" | sed -n '2s/^/room /p'
  echo "real $(readlink -f -- "$p")"
}
quota() {
  # only where quotas are on; there since Linux 5.9
  for q in /sys/fs/btrfs/*/qgroups; do
    [ -d "$q" ] && command -v btrfs >/dev/null || return 0
    btrfs qgroup show --raw -reF -- "$p" 2>/dev/null | sed -n 's|^[0-9]*/[0-9]* |quota |p'
    return 0
  done
}
what_stands() {
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then echo absent
  elif [ -L "$1" ] || [ ! -d "$1" ]; then echo other
  elif [ "$(stat -c %i -- "$1")" = 256 ] && [ "$(stat -f -c %T -- "$1")" = btrfs ]; then echo subvolume
  else echo directory; fi
}
`;

const PLACE = /^place (\S+) (\S*) (\S+) (\S+)(?: (\S+))?$/m;
const ROOM = /^room +(\d+) +(\d+)$/m;
/** What is referenced and what is exclusive, then the most of each, or `none`. */
const QUOTA = /^quota +(\d+) +(\d+) +(\d+|none) +(\d+|none)/gm;

/** Reads what `place` printed; undefined where it printed something else. */
export function parsePlace(stdout: string): Place | undefined {
  const [, fsType, fsUuid, , , options = ""] = PLACE.exec(stdout) ?? [];
  const [, free, size] = ROOM.exec(stdout) ?? [];
  if (fsType === undefined || fsUuid === undefined || free === undefined || size === undefined)
    return undefined;
  return {
    fsType,
    fsUuid,
    freeBytes: Number(free),
    sizeBytes: Number(size),
    readOnly: options.split(",").includes("ro"),
    quota: quotaIn(stdout),
  };
}

function quotaIn(stdout: string): Place["quota"] {
  const limits = [...stdout.matchAll(QUOTA)].flatMap(
    ([, referenced, exclusive, mostReferenced, mostExclusive]) => [
      { used: Number(referenced), most: mostReferenced },
      { used: Number(exclusive), most: mostExclusive },
    ],
  );
  const left = limits
    .filter(({ most }) => most !== "none")
    .map(({ used, most }) => ({ limitBytes: Number(most), leftBytes: Math.max(0, Number(most) - used) }))
    .sort((a, b) => a.leftBytes - b.leftBytes);
  return left[0] ?? null;
}

/**
 * The folder that `place` told of as btrfs lists it, with a slash at its end: such paths begin at the file system's
 * own root, whatever is mounted where. Undefined where `place` printed something else.
 */
export function folderInFileSystem(stdout: string): string | undefined {
  const real = /^real (.+)$/m.exec(stdout)?.[1];
  const found = PLACE.exec(stdout);
  if (real === undefined || found === null) return undefined;
  const [root = "", target = ""] = found.slice(3, 5).map(unescapeMount);
  const below = target === "/" ? real : real.slice(target.length);
  return `${root === "/" ? "" : root}${below}/`.replace(/^\//, "");
}

/** `findmnt --raw` writes blanks and other odd bytes as `\x20`; one character can be several of them. */
export const unescapeMount = (text: string): string =>
  text.replace(/(?:\\x[0-9a-f]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll("\\x", ""), "hex").toString());
