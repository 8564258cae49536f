import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import type { AbsolutePath } from "../../domain/names.ts";
import { differencesIn, type TreeDifference } from "../../domain/tree-difference.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { LET_GO } from "../../transport/fence.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { fingerprintFile } from "./fingerprint-files.ts";
import { HEADER, LISTING } from "./listing.ts";
import { serverScratch } from "./scratch.ts";

/** A tree on the server, held against the fingerprint that was taken of its label when it was backed up. */
export interface TreeComparison {
  /** Of the regular files in the tree. */
  readonly files: number;
  readonly bytes: number;
  /** How many paths differ, and the first of them. */
  readonly differing: number;
  readonly first: readonly TreeDifference[];
}

/**
 * Reads all of `tree`, a folder on the server that nobody but root can change.
 * @throws DevbackupError `comparison-failed` where the fingerprint is not there or can't be read, or the tree can't
 */
export async function compareWithFingerprint(
  host: Host,
  spec: DatasetSpec,
  label: Label,
  tree: AbsolutePath,
  signal: AbortSignal,
): Promise<TreeComparison> {
  const { exitCode, stdout, stderr } = await host.run(compareScript(spec, label, tree), { signal });
  const comparison = exitCode === 0 ? parseComparison(stdout) : undefined;
  if (comparison !== undefined) return comparison;
  throw new DevbackupError({
    code: "comparison-failed",
    exitCode: 1,
    host: host.name,
    what: `${tree} could not be compared with the fingerprint of ${label}`,
    why: stderr.trim() || `exit code ${exitCode}`,
    state: "Nothing was changed; it is safe to run again",
  });
}

const compareScript = (spec: DatasetSpec, label: Label, tree: AbsolutePath): string =>
  `set -u
${serverScratch(spec)}
${LET_GO}
${LISTING}${COMPARE}${sh`
gently
cd ${tree} || exit 1
compare ${fingerprintFile(spec, label)} ${headerOf(spec, label)}`}`;

/** The first record of a fingerprint. */
export const headerOf = ({ name }: DatasetSpec, label: Label): string =>
  `${HEADER} ${snapshotName(name, label)}`;

/** More than twice of what is named: a path has one in each tree. */
const RECORDS_SENT = 100;

/**
 * Shell functions, behind {@link LISTING}: `compare FINGERPRINT HEADER` lists the folder that one is in and prints what
 * {@link parseComparison} reads, or fails. The modification time of that folder itself is left out. `count_files` does the first line of it, without reading anything.
 */
export const COMPARE = `
# of the top folder an increment brings the time only where it changed itself, and receiving makes new files in there first
without_its_time() { sed -z 's/^\\([^ ]* d [^ ]* [^ ]* [^ ]* - -\\) [^ ]* \\.$/\\1 - ./' || failed sed; }
count() { tr -dc '\\0' | wc -c; }
count_files() { cut -z -d ' ' -f 6 | tr '\\0' '\\n' | awk '{ files++; bytes += $1 } END { printf "files %.0f %.0f\\n", files, bytes }'; }
only() { comm -z "$1" "$w/expected" "$w/found" >"$w/only" && sed -z "s/^/$2 /" "$w/only"; }
compare() {
  zstd -q -d -c -- "$1" >"$w/fingerprint" || return
  [ "$(head -z -n 1 "$w/fingerprint" | tr -d '\\0')" = "$2" ] || { echo "$1 is no fingerprint that this version reads" >&2; return 1; }
  { tail -z -n +2 "$w/fingerprint" || failed tail; } | without_its_time | sorted -z >"$w/expected"
  list_tree | without_its_time | sorted -z >"$w/found"
  { only -23 - && only -13 + || failed comm; } | sorted -z -t ' ' -k 10 >"$w/differing"
  [ ! -e "$w/failed" ] || { cat "$w/failed" >&2; return 1; }
  sed -z -n '/^[^ ]* f /p' "$w/found" | count_files
  echo "differing $(cut -z -d ' ' -f 10- "$w/differing" | sed -z 's|//.*||' | sort -z -u | count)"
  head -z -n ${RECORDS_SENT} "$w/differing" | base64 -w 0
  echo
}
`;

/** How many are named. */
const NAMED = 10;

/** Undefined where it is none, or cut off. */
export function parseComparison(stdout: string): TreeComparison | undefined {
  const [, files, bytes] = /^files (\d+) (\d+)$/m.exec(stdout) ?? [];
  const [, differing, records = ""] = /^differing (\d+)\n([A-Za-z0-9+/=]*)\n/m.exec(stdout) ?? [];
  if (files === undefined || differing === undefined) return undefined;
  return {
    files: Number(files),
    bytes: Number(bytes),
    differing: Number(differing),
    first: differencesIn(Buffer.from(records, "base64").toString("latin1")).slice(0, NAMED),
  };
}
