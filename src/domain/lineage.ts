import { type Label, monthsBetween } from "./label.ts";
import type { Manifest, ManifestRow } from "./manifest.ts";
import { formatBytes, plural } from "./units.ts";

/** An anchor and its increments, in the order in which they are received. */
export type Chain = readonly ManifestRow[];

/**
 * The artifacts that `label` is made from: the nearest anchor and the increments up to it, never more.
 * Undefined where the manifest has no such label; {@link parseManifest} promises that every parent is there.
 */
export function chainOf<Row extends Pick<ManifestRow, "label" | "parent">>(
  manifest: readonly Row[],
  label: Label,
): readonly Row[] | undefined {
  const byLabel = new Map(manifest.map((row) => [row.label, row]));
  const chain: Row[] = [];
  for (
    let at = byLabel.get(label);
    at !== undefined;
    at = at.parent === null ? undefined : byLabel.get(at.parent)
  )
    chain.unshift(at);
  return chain[0]?.parent === null ? chain : undefined;
}

/** The part of `chain` that still has to be received where `hydrated` says what stands already. */
export function missingFrom(chain: Chain, hydrated: (label: Label) => boolean): Chain {
  const nearest = chain.findLastIndex((row) => hydrated(row.label));
  return chain.slice(nearest + 1);
}

/**
 * `label` and everything that builds on it, by growing label: what can't be made again without its artifact. With
 * `stands`, what stands without its artifact, and what builds on that alone, is not counted. Empty where `manifest`
 * has no such label.
 */
export function labelsResting(
  manifest: Manifest,
  label: Label,
  stands: (label: Label) => boolean = () => false,
): Label[] {
  const resting = new Set<Label>();
  // one pass will do: every parent stands above its increment
  for (const row of manifest) {
    const rests = row.label === label || (row.parent !== null && resting.has(row.parent));
    if (rests && !stands(row.label)) resting.add(row.label);
  }
  return [...resting];
}

export interface AnchorRule {
  readonly maxAgeMonths: number;
  /** Sum of the increments since the last anchor, divided by the anchor's size. */
  readonly maxIncrementalRatio: number;
}

/** How the next artifact is made, and why, in words with the numbers. */
export type AnchorDecision =
  | { readonly kind: "anchor"; readonly because: string }
  | { readonly kind: "increment"; readonly parent: Label; readonly because: string }
  /** A size on which the rule hangs is known only when an artifact before this one has been made. */
  | { readonly kind: "open"; readonly parent: Label; readonly because: string };

/** What the artifact will build on, as far as that is decided: null for an anchor, the increment's parent while open. */
export const parentIn = (decision: AnchorDecision): Label | null =>
  decision.kind === "anchor" ? null : decision.parent;

/** A member of the chain that `next` would go on: null bytes for one that is yet to be made. */
export interface Link {
  readonly label: Label;
  readonly parent: Label | null;
  readonly sizeBytes: number | null;
}

/**
 * Anchor or increment, by age first, then by size. `links` is everything that comes before `next`, by growing
 * label; `gone` says why the newest of them can't serve as the parent, where it can't.
 */
export function decideAnchor(
  links: readonly Link[],
  next: Label,
  rule: AnchorRule,
  gone: string | null,
): AnchorDecision {
  const anchorAt = links.findLastIndex((link) => link.parent === null);
  const anchor = links[anchorAt];
  const parent = links.at(-1);
  if (anchor === undefined || parent === undefined)
    return { kind: "anchor", because: "this is the first backup" };
  if (gone !== null) return { kind: "anchor", because: gone };
  const age = monthsBetween(anchor.label, next);
  if (age >= rule.maxAgeMonths)
    return { kind: "anchor", because: `the last anchor, ${anchor.label}, is ${plural(age, "month")} old` };
  const increments = links.slice(anchorAt + 1);
  if (increments.length === 0)
    return {
      kind: "increment",
      parent: parent.label,
      because: `the last anchor is ${anchor.label}, with no increments yet`,
    };
  const sizes = increments.map((link) => link.sizeBytes);
  if (anchor.sizeBytes === null || sizes.includes(null))
    return {
      kind: "open",
      parent: parent.label,
      because: `increment on ${parent.label}, or anchor if what is made before it outgrows ${anchor.label}`,
    };
  const sum = sizes.reduce<number>((total, size) => total + (size ?? 0), 0);
  const numbers = `increments since ${anchor.label} are ${formatBytes(sum)}, the anchor is ${formatBytes(anchor.sizeBytes)}`;
  return sum >= rule.maxIncrementalRatio * anchor.sizeBytes
    ? { kind: "anchor", because: numbers }
    : { kind: "increment", parent: parent.label, because: numbers };
}
