import { snapshotName } from "../domain/artifact.ts";
import type { Label } from "../domain/label.ts";
import { chainOf, missingFrom } from "../domain/lineage.ts";
import type { ManifestRow } from "../domain/manifest.ts";
import { fileName } from "../domain/names.ts";
import { formatBytes } from "../domain/units.ts";
import type { Action } from "../plan/plan.ts";
import { entryOf } from "./snapshot/subvolumes.ts";
import type { View } from "./view.ts";

/** What actions take of a file system. */
export interface Demand {
  /** As much as that is certain. */
  readonly leastBytes: number;
  /** Of that, what lies in a folder and not in a subvolume of its own, as received snapshots do. */
  readonly inFoldersBytes: number;
  /** As much as one has to reckon with, as far as anybody can tell. */
  readonly likelyBytes: number;
  /** Not begun without the reserve, however little it may take. */
  readonly sparing: boolean;
  /** In words, with its numbers. */
  readonly what: string;
}

/**
 * On the server, of a backup: the first artifact that is to be made, and its snapshot. One that is made already is not
 * held up from its row by the want of room for the next. An anchor takes much the same as the one before it; what an
 * increment takes is known only when it is made.
 */
export function artifactDemands({ spec, facts, course }: View, actions: readonly Action[]): Demand[] {
  const [first] = course.pending;
  const has = (kind: string) =>
    actions.some((action) => action.kind === kind && action.label === first?.label);
  if (first === undefined || first.made !== null || !has("artifact")) return [];
  const isAnchor = first.decision.kind === "anchor";
  const like = course.rows.findLast(({ parent }) => (parent === null) === isAnchor);
  const copies = has("hydrate") ? 2 : 1;
  const name = `the artifact of ${first.label}${copies === 2 ? " and its snapshot" : ""}`;
  const unknown = { leastBytes: 0, inFoldersBytes: 0, sparing: true };
  if (like !== undefined) {
    const likelyBytes = copies * like.sizeBytes;
    const what = `about ${formatBytes(likelyBytes)} for ${name} (${like.label} took ${formatBytes(like.sizeBytes)})`;
    const known = { leastBytes: likelyBytes, inFoldersBytes: like.sizeBytes, sparing: true };
    return [{ ...(isAnchor ? known : unknown), likelyBytes, what }];
  }
  if (!isAnchor || facts.source.kind !== "known")
    return [{ ...unknown, likelyBytes: 0, what: `what ${name} will take` }];
  const { sizeBytes, freeBytes } = facts.source.value.place;
  const what = `what ${name} will take (${formatBytes(sizeBytes - freeBytes)} are in use around ${spec.path})`;
  return [{ ...unknown, likelyBytes: sizeBytes - freeBytes, what }];
}

/**
 * On the server: registered artifacts that are fetched, and snapshots that are received from such. A snapshot takes at
 * least as much as its artifact, since what it builds on stays beside it. Whatever a run that was cut off has begun
 * takes its room already: what had come is not fetched again, and what was received goes before it is received anew.
 * A backup goes on without them, so that there they are no more than likely.
 */
export function storedDemands({ spec, facts, course, restore }: View, actions: readonly Action[]): Demand[] {
  const rowsOf = (kind: string) =>
    course.rows.filter(({ label }) =>
      actions.some((action) => action.kind === kind && action.label === label),
    );
  const come = ({ localPath }: ManifestRow) =>
    (facts.store.kind === "known" && facts.store.value.fetched.get(fileName(localPath))) || 0;
  const begun = ({ label }: ManifestRow) =>
    entryOf(facts.hydrated, snapshotName(spec.name, label))?.receiving === true;
  const [fetched, received] = [rowsOf("fetch"), rowsOf("hydrate")];
  const fetchBytes = sum(fetched, (row) => Math.max(0, row.sizeBytes - come(row)));
  const receiveBytes = sum(received, (row) => (begun(row) ? 0 : row.sizeBytes));
  const likelyBytes = fetchBytes + receiveBytes;
  if (likelyBytes === 0) return [];
  const parts = [
    ...(fetchBytes > 0 ? [`${formatBytes(fetchBytes)} to fetch`] : []),
    ...(receiveBytes > 0 ? [`${formatBytes(receiveBytes)} for the snapshots of ${named(received)}`] : []),
  ];
  const certain = restore !== null;
  return [
    {
      leastBytes: certain ? likelyBytes : 0,
      inFoldersBytes: certain ? fetchBytes : 0,
      likelyBytes,
      sparing: false,
      what: `at least ${formatBytes(likelyBytes)} (${parts.join(", ")})`,
    },
  ];
}

/**
 * On the workstation: what is received there. Certain for one artifact's worth alone: of a longer chain, much may have
 * been deleted again since, and is not sent.
 */
export function receiveDemands({ spec, facts, course }: View, actions: readonly Action[]): Demand[] {
  return actions.flatMap(({ label, input }) => {
    const chain = label === null ? undefined : chainOf(course.rows, label);
    if (label === null || chain === undefined) return [];
    if (entryOf(facts.snapshots, snapshotName(spec.name, label))?.receiving === true) return [];
    const { base } = input as { readonly base: string | null };
    const sent = missingFrom(chain, (at: Label) => snapshotName(spec.name, at) === base);
    const likelyBytes = sum(sent, ({ sizeBytes }) => sizeBytes);
    const leastBytes = sent.length === 1 ? likelyBytes : 0;
    const about = leastBytes > 0 ? "at least" : "up to about";
    return {
      leastBytes,
      inFoldersBytes: 0,
      likelyBytes,
      sparing: false,
      what: `${about} ${formatBytes(likelyBytes)} for the snapshot of ${label}`,
    };
  });
}

const sum = (rows: readonly ManifestRow[], of: (row: ManifestRow) => number): number =>
  rows.reduce((total, row) => total + of(row), 0);

const named = (rows: readonly ManifestRow[]): string => {
  const labels = rows.map(({ label }) => label);
  return labels.length > LABELS_NAMED ? `${labels.length} labels` : labels.join(", ");
};
const LABELS_NAMED = 3;
