import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import type { Label } from "../domain/label.ts";
import { type RestoreChain, restoreChain } from "../domain/restore-chain.ts";
import { copiesOf } from "../reconcilers/artifact/copies.ts";
import { cloudOf, type Observation } from "../reconcilers/facts.ts";
import { labelIn, rowsOf } from "../reconcilers/manifest/trusted.ts";
import { hydratedLabels } from "../reconcilers/receive/to-receive.ts";

/** What a label is made from, and what is known of where that stands. */
export interface ChainReport {
  readonly label: Label;
  readonly chain: RestoreChain;
  /** What could not be looked at, and why, a line each. */
  readonly unknown: readonly string[];
}

/** What stands of a dataset's label. @throws DevbackupError where the manifest can't be read, or has no such label */
export function chainReport(
  desired: DesiredState,
  spec: DatasetSpec,
  observed: Observation,
  asked: Label | "latest",
): ChainReport {
  const facts = observed.datasets.get(spec.name);
  if (facts === undefined) throw new RangeError(`${spec.name} was not observed`);
  const cloud = cloudOf(desired, spec, observed);
  const rows = rowsOf(spec, facts.manifest);
  const label = labelIn(rows, spec, asked);
  const chain = restoreChain({
    rows,
    label,
    copies: (row) => copiesOf(row, { spec, facts, cloud }),
    hydrated: hydratedLabels({ spec, facts, course: { target: label, rows, pending: [] } }),
  });
  if (chain === undefined) throw new RangeError(`${label} has a row`);
  const looked = [
    [`the artifacts on ${spec.server}`, facts.store],
    [`the snapshots on ${spec.server}`, facts.hydrated],
    ["the bucket", cloud?.bucket],
  ] as const;
  const failed = looked.flatMap(([what, fact]) =>
    fact?.kind === "unknown" ? [`Could not look at ${what}: ${fact.why}`] : [],
  );
  const archived = chain.steps
    .filter(({ copies }) => copies.bucket === "archived")
    .map(
      ({ row }) => `The object of ${row.label} is in an archive class: the store has to bring it back first`,
    );
  return { label, chain, unknown: [...failed, ...archived] };
}
