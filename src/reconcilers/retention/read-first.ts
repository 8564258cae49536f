import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import { chainOf } from "../../domain/lineage.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import { type AbsolutePath, type HostName, joinPath } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { damagedMark, fromDisk, type Proving, prove } from "../artifact/prove-script.ts";
import type { Tools } from "../reconciler.ts";
import { gently } from "../verify/gently.ts";
import type { Expected } from "./expected.ts";

/** What has to be read to its end before snapshots go that are the last of their labels. */
export interface ReadFirst {
  readonly server: HostName;
  readonly repository: AbsolutePath;
  /** Of all their chains, oldest first, those that the bucket has not whole. */
  readonly artifacts: readonly ReadArtifact[];
}

interface ReadArtifact extends Proving {
  /** The snapshots that could not be made again without it. */
  readonly of: readonly string[];
}

/** The rows to read before the snapshots of `last` go, each with those of them that it takes to make again. */
export function rowsToRead(
  { all, copies }: Expected,
  rows: ReadonlyMap<Label, ManifestRow>,
  last: readonly Label[],
): ReadonlyMap<ManifestRow, readonly Label[]> {
  const chains = new Map(
    last.map((label) => [label, new Set(chainOf(all, label)?.map((link) => link.label))]),
  );
  return new Map(
    [...rows.values()].flatMap((row): [ManifestRow, readonly Label[]][] => {
      const of = last.filter((label) => chains.get(label)?.has(row.label));
      return of.length === 0 || copies(row.label).bucket === "whole" ? [] : [[row, of]];
    }),
  );
}

export const readFirst = (
  spec: DatasetSpec,
  rows: ReadonlyMap<ManifestRow, readonly Label[]>,
): ReadFirst => ({
  server: spec.server,
  repository: spec.repository,
  artifacts: [...rows].map(([row, of]) => ({
    path: joinPath(spec.repository, row.localPath),
    sha256: row.sha256,
    damagedMark: damagedMark(spec, row),
    of: of.map((label) => snapshotName(spec.name, label)),
  })),
});

/** By the signal of a run: what it has read to its end. Both places may let go of the same label. */
const readIn = new WeakMap<AbortSignal, Set<AbsolutePath>>();

/**
 * Reads from the disk; what is damaged is marked, so that the next plan keeps what rests on it.
 * @throws DevbackupError `retention-last-copy` (exit 6) where one is damaged
 */
export async function readAll(
  { server, repository, artifacts }: ReadFirst,
  { host, signal, assertHeld }: Pick<Tools, "host" | "signal" | "assertHeld">,
): Promise<void> {
  const done = readIn.get(signal) ?? new Set();
  readIn.set(signal, done);
  for (const { of, ...artifact } of artifacts.filter(({ path }) => !done.has(path))) {
    signal.throwIfAborted();
    // as verify reads, which is what a restricted login may do
    const disk = fromDisk(gently(host(server), { repository }), artifact.path);
    await prove(disk, artifact, signal).catch((error: unknown) => {
      throw error instanceof DevbackupError && error.trouble.code === "artifact-damaged"
        ? lastCopy(server, of, error)
        : error;
    });
    done.add(artifact.path);
  }
  assertHeld();
}

const lastCopy = (server: HostName, of: readonly string[], { trouble }: DevbackupError): DevbackupError =>
  new DevbackupError({
    code: "retention-last-copy",
    exitCode: 6,
    host: server,
    what: `${of.join(", ")} can't be made again, and would have gone with the last snapshot`,
    why: [trouble.what, trouble.why].join(": "),
    state: "No snapshot was deleted there; it is safe to run again",
    next: "devbackup plan: what can't be made again is kept from now on; devbackup manifest import DIR takes the artifact from another copy",
  });
