import { snapshotName } from "../../domain/artifact.ts";
import { type Fact, known } from "../../domain/fact.ts";
import type { Label } from "../../domain/label.ts";
import { type Chain, chainOf, missingFrom } from "../../domain/lineage.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import { sourceOf } from "../artifact/copies.ts";
import type { View } from "../reconciler.ts";
import { isHydrated } from "../snapshot/complete.ts";
import { entryOf } from "../snapshot/subvolumes.ts";

/**
 * The newest registered label (of a restore: the one that was asked for) with all that it is made of, then every
 * pending one. Where an artifact of that chain is lost, its rest can't be received: the pending ones (an anchor
 * first, then) go on without it.
 */
export function labelsToReceive(view: View): Label[] {
  const missing = stillToReceive(view);
  const again = missing.every((row) => ["server", "bucket"].includes(sourceOf(row, view))) ? missing : [];
  return [...again, ...view.course.pending].map(({ label }) => label);
}

/** The artifacts that are still to be received for the label in question, wherever they are. */
function stillToReceive({ spec, facts, course, restore }: View): Chain {
  const wanted = restore === null ? course.rows.at(-1)?.label : course.target;
  const chain = wanted === undefined ? [] : (chainOf(course.rows, wanted) ?? []);
  return missingFrom(chain, (label) => isHydrated(entryOf(facts.hydrated, snapshotName(spec.name, label))));
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
