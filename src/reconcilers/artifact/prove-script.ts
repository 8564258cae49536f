import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import { type AbsolutePath, fileName, type HostName, parentOf, type Sha256 } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { AS_READ, DAMAGED_SUFFIX, tmpFile } from "../manifest/store.ts";

/** How {@link proveScript} ends the script where the artifact is not the one that the manifest speaks of. */
export const DAMAGED = 6;

export const damagedMark = (spec: DatasetSpec, row: Pick<ManifestRow, "localPath">): AbsolutePath =>
  tmpFile(spec, fileName(row.localPath) + DAMAGED_SUFFIX);

/** An artifact on the server, as {@link proveScript} wants it. */
export interface Proving {
  readonly path: AbsolutePath;
  /** The manifest's. */
  readonly sha256: Sha256;
  /** What {@link damagedMark} gives. */
  readonly damagedMark: AbsolutePath;
}

/**
 * Reads an artifact to its end and goes on only where its hash is the manifest's. Else both hashes stand on stderr,
 * the script ends with {@link DAMAGED}, and a mark stays, so that nobody builds on the file until it is another one:
 * `HASH SIZE MTIME CTIME`, `unreadable` for the hash where it could not be read to its end. Sets `a`, the path.
 */
export const proveScript = ({ path, sha256, damagedMark: mark }: Proving): string =>
  `${sh`
a=${path} damaged=${`${parentOf(mark)}/`}"$(basename -- "$a")"${DAMAGED_SUFFIX} expected=${sha256}
`}${PROVING}`;

const PROVING = sh`# looked at before it is read: one that is put in its place meanwhile is not condemned
seen=$(find "$a" -maxdepth 0 -printf ${AS_READ}) || exit 1
found=$(openssl dgst -sha256 -r <"$a" | cut -c1-64)
if [ "$found" = "$expected" ]; then rm -f -- "$damaged"; else
  if [ -z "$found" ]; then
    # btrfs gives no byte of a block whose checksum is wrong; what else keeps openssl from it says nothing of the file
    if cat -- "$a" >/dev/null; then exit 1; fi
    found=unreadable
  fi
  echo "sha256 $found, expected $expected" >&2
  { printf '%s %s\n' "$found" "$seen" >"$damaged.new" && sync "$damaged.new" && mv -T -- "$damaged.new" "$damaged"; } || exit 1
  exit ${DAMAGED}
fi
`;

/** A shell function: `prove PATH SHA256 FOLDER` does the same, the mark in FOLDER. */
export const PROVE = `${sh`
prove() {
  a=$1 expected=$2 damaged=$3/$(basename -- "$1")${DAMAGED_SUFFIX}
`}${PROVING}}
`;

/**
 * Reads an artifact to its end, before anything is made of it that is to be as good.
 * @throws DevbackupError `artifact-damaged` (exit 6) where it is another or can't be read, and then the mark stays
 */
export async function prove(host: Host, proving: Proving, signal: AbortSignal): Promise<void> {
  const { exitCode, stderr } = await host.run(`set -u\n${proveScript(proving)}`, { signal });
  if (exitCode === 0) return;
  if (exitCode === DAMAGED) throw artifactDamaged(host.name, proving.path, stderr.trim());
  throw new DevbackupError({
    code: "artifact-unread",
    exitCode: 1,
    host: host.name,
    what: `${proving.path} could not be read`,
    why: stderr.trim() || `exit code ${exitCode}`,
    state: "Nothing was made of it; it is safe to run again",
    next: "devbackup apply",
  });
}

/** A shell function: what is read of `forget FILE` then is not what is in memory, which says nothing of the disk (dd(1), nocache). */
export const FORGET = 'forget() { dd if="$1" iflag=nocache count=0 status=none 2>/dev/null || :; }\n';

/** `host`, on which a script reads from the disk what stands at `path`. */
export const fromDisk = (host: Host, path: AbsolutePath): Host => ({
  ...host,
  run: (script, options) => host.run(`${FORGET}${sh`forget ${path}`}\n${script}`, options),
});

/** `why`: what {@link proveScript} said. */
export const artifactDamaged = (host: HostName, path: AbsolutePath, why: string): DevbackupError =>
  new DevbackupError({
    code: "artifact-damaged",
    exitCode: 6,
    host,
    what: /unreadable/.test(why)
      ? `${path} is damaged: it can't be read to its end`
      : `${path} is damaged: its SHA-256 is not the manifest's`,
    why,
    state: "The artifact and the manifest are as they were; it is safe to run again",
    next: "run it again: it fetches the artifact where the bucket has it; devbackup manifest import DIR takes it from another copy",
  });
