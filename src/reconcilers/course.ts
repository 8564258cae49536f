import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { snapshotName } from "../domain/artifact.ts";
import type { Label } from "../domain/label.ts";
import { chainOf, missingFrom } from "../domain/lineage.ts";
import type { Manifest } from "../domain/manifest.ts";
import { type PendingLabel, pendingLabels } from "../domain/pending.ts";
import type { DatasetFacts } from "./facts.ts";
import { isHydrated, sameLineage } from "./hydrate.ts";
import { isSnapshot, labelsTaken } from "./snapshot.ts";
import { holds, waitingRows } from "./store.ts";
import { entryOf } from "./subvolumes.ts";

/** Where a dataset is to be brought, and what is still to be made for it. */
export interface Course {
  readonly target: Label;
  /** What is registered; empty where there is no readable manifest (which the manifest's reconciler reports). */
  readonly rows: Manifest;
  /** Labels without a row, oldest first; the last is the target. */
  readonly pending: readonly PendingLabel[];
}

/** Works out which labels are due from what is there, and whether each becomes an anchor or an increment. */
export function courseOf(spec: DatasetSpec, facts: DatasetFacts, target: Label): Course {
  const rows =
    facts.manifest.kind === "known" && facts.manifest.value.reading.kind === "valid"
      ? facts.manifest.value.reading.rows
      : [];
  const made = facts.store.kind === "known" ? waitingRows(facts.store.value, rows) : [];
  const pending = pendingLabels({
    rows,
    made,
    snapshots: labelsTaken(
      spec,
      facts.snapshots,
      facts.source.kind === "known" ? facts.source.value.uuid : null,
    ),
    target,
    rule: spec.anchor,
    parentGone: parentGone(spec, facts, [...rows, ...made]),
  });
  return { target, rows, pending };
}

/**
 * Why the newest artifact's label can't be the parent of an increment, or null where it can: its snapshot must
 * be on the workstation, and the server must have it, or be able to receive it from its artifacts.
 */
function parentGone(spec: DatasetSpec, facts: DatasetFacts, links: Manifest): string | null {
  const parent = links.at(-1);
  if (parent === undefined) return null;
  const name = snapshotName(spec.name, parent.label);
  const here = entryOf(facts.snapshots, name);
  if (!isSnapshot(here)) return `the parent ${name} is gone from ${spec.workstation}`;
  const there = entryOf(facts.hydrated, name);
  if (isHydrated(there))
    return sameLineage(here, there)
      ? null
      : `${name} on ${spec.workstation} and on ${spec.server} are not the same snapshot`;
  const hydrated = (label: Label) => isHydrated(entryOf(facts.hydrated, snapshotName(spec.name, label)));
  const lost = missingFrom(chainOf(links, parent.label) ?? [], hydrated).find(
    (row) => !holds(facts.store, row),
  );
  return lost === undefined
    ? null
    : `the parent ${name} is gone from ${spec.server}, and so is the artifact of ${lost.label} to make it again from`;
}
