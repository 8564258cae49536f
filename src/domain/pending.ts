import { compareLabels, type Label } from "./label.ts";
import { type AnchorDecision, type AnchorRule, decideAnchor, type Link, parentIn } from "./lineage.ts";
import type { Manifest, ManifestRow } from "./manifest.ts";

/** A label that has no row in the manifest yet, and how its artifact is to be made. */
export interface PendingLabel {
  readonly label: Label;
  readonly decision: AnchorDecision;
  /** The row that it will have, where its artifact is made and proven already; else null. */
  readonly made: ManifestRow | null;
}

export interface PendingInput {
  readonly rows: Manifest;
  /** Artifacts that wait for their row, newer than every row, by growing label. */
  readonly made: Manifest;
  /** Complete snapshots on the workstation, in any order. */
  readonly snapshots: readonly Label[];
  readonly target: Label;
  readonly rule: AnchorRule;
  /** Why the newest of `rows` and `made` can't be the parent of an increment; null where it can. */
  readonly parentGone: string | null;
}

/**
 * The labels to be made, oldest first: the target, and every snapshot that an earlier run took and did not
 * get to register. By state, never by memory: a period without a snapshot is not made up for.
 */
export function pendingLabels(input: PendingInput): PendingLabel[] {
  const { rows, made, snapshots, target, rule, parentGone } = input;
  const newest = [...rows, ...made].at(-1)?.label;
  const labels = [...new Set([...snapshots, target])]
    .filter((label) => newest === undefined || compareLabels(label, newest) > 0)
    .filter((label) => compareLabels(label, target) <= 0)
    .sort(compareLabels);
  const links: Link[] = [...rows, ...made];
  const unmade = labels.map((label, index) => {
    const decision = decideAnchor(links, label, rule, index === 0 ? parentGone : null);
    links.push({ label, parent: parentIn(decision), sizeBytes: null });
    return { label, decision, made: null };
  });
  return [...made.map((row) => ({ label: row.label, decision: asMade(row), made: row })), ...unmade];
}

const asMade = ({ parent }: ManifestRow): AnchorDecision => {
  const because = "made by an earlier run";
  return parent === null ? { kind: "anchor", because } : { kind: "increment", parent, because };
};
