import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import { type Fact, known } from "../../domain/fact.ts";
import type { Label } from "../../domain/label.ts";
import { type Chain, chainOf, missingFrom } from "../../domain/lineage.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import type { ActionId } from "../../plan/plan.ts";
import { actionId } from "../answer.ts";
import { sourceOf } from "../artifact/copies.ts";
import { snapshotWanted } from "../retention/wanted.ts";
import { isHydrated } from "../snapshot/complete.ts";
import { entryOf } from "../snapshot/subvolumes.ts";
import type { View } from "../view.ts";

/**
 * The newest registered label, and those whose snapshots were found damaged and are not let go (of a restore: the one that was
 * asked for), with all that they are made of, then every pending one. Where an artifact of such a chain is lost, its rest can't
 * be received: the pending ones (an anchor first, then) go on without it.
 */
export function labelsToReceive(view: View): Label[] {
  const damaged = view.restore === null ? damagedRows(view).filter(snapshotWanted(view)) : [];
  const again = new Set(
    [wantedLabel(view), ...damaged.map(({ label }) => label)]
      .filter((label) => canReceive(view, label))
      .flatMap((label) => stillToReceive(view, label)),
  );
  return [...view.course.rows.filter((row) => again.has(row)), ...view.course.pending].map(
    ({ label }) => label,
  );
}

/** Whether every artifact that is still to be received for `label` is somewhere. */
export const canReceive = (view: View, label: Label | undefined): boolean =>
  stillToReceive(view, label).every((row) => ["server", "bucket"].includes(sourceOf(row, view)));

const wantedLabel = ({ course, restore }: View): Label | undefined =>
  restore === null ? course.rows.at(-1)?.label : course.target;

/** Whose snapshots stand on the server, and were read and found to be other than they should be. */
export const damagedRows = ({
  spec,
  facts,
  course,
}: Pick<View, "spec" | "facts" | "course">): ManifestRow[] =>
  course.rows.filter(
    ({ label }) => entryOf(facts.hydrated, snapshotName(spec.name, label))?.damaged === true,
  );

/** Of the action that has such a one out of the way. */
export const setAsideSnapshotId = (spec: DatasetSpec, label: Label): ActionId =>
  actionId("set-aside-snapshot", spec.name, label);

/** The artifacts that are still to be received for `label`, wherever they are. */
function stillToReceive({ spec, facts, course }: View, label: Label | undefined): Chain {
  const chain = label === undefined ? [] : (chainOf(course.rows, label) ?? []);
  return missingFrom(chain, (each) => isHydrated(entryOf(facts.hydrated, snapshotName(spec.name, each))));
}

/** The labels that stand on the server as complete snapshots. */
export const hydratedLabels = ({
  spec,
  facts,
  course,
}: Pick<View, "spec" | "facts" | "course">): Fact<ReadonlySet<Label>> => {
  const { hydrated } = facts;
  if (hydrated.kind !== "known") return hydrated;
  const stands = ({ label }: ManifestRow) =>
    isHydrated(hydrated.value.entries.get(snapshotName(spec.name, label)));
  return known(new Set(course.rows.filter(stands).map(({ label }) => label)));
};
