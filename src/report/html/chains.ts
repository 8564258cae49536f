import type { Label } from "../../domain/label.ts";
import type { DatasetStatus, Gap, LabelStatus } from "../../status/status.ts";

/** One place in a picture: a label, or periods without one. */
export type Slot = LabelStatus | Gap;

/** An anchor and what builds on it, oldest first, cut into lines of at most {@link LINE}. */
export interface DrawnChain {
  readonly anchor: Label;
  readonly labels: readonly LabelStatus[];
  readonly lines: readonly Line[];
}

export type Line =
  | { readonly kind: "drawn"; readonly slots: readonly Slot[] }
  /** All of them whole where they should be, and too many to draw. */
  | { readonly kind: "told"; readonly slots: readonly Slot[] };

/** A year of months; as many as a phone has room for. */
export const LINE = 12;
/** Of all chains, newest first; those with something amiss, and each chain's first, are drawn besides. */
const MOST_LINES = 8;

/** Newest chain first. A label that is not made yet stands in the chain that it will go on, or begin. */
export function drawnChains({ history }: DatasetStatus): readonly DrawnChain[] {
  const chains: { anchor: Label; slots: Slot[] }[] = [];
  const chainOf = new Map<Label, (typeof chains)[number]>();
  let before: Gap[] = [];
  for (const slot of history) {
    if (slot.kind === "gap") {
      before.push(slot);
      continue;
    }
    const found =
      slot.parent !== null ? chainOf.get(slot.parent) : slot.type === null ? chains.at(-1) : undefined;
    const chain = found ?? { anchor: slot.label, slots: [] };
    if (found === undefined) chains.push(chain);
    chain.slots.push(...before, slot);
    chainOf.set(slot.label, chain);
    before = [];
  }
  // periods that passed after the newest label
  chains.at(-1)?.slots.push(...before);
  let room = MOST_LINES;
  return chains.reverse().map(({ anchor, slots }) => {
    const lines = inLines(slots);
    const drawn = lines.map((line, at) => at === 0 || at >= lines.length - room || line.some(isAmiss));
    room = Math.max(0, room - lines.length);
    return {
      anchor,
      labels: slots.filter((slot) => slot.kind === "label"),
      lines: lines.map((line, at) => ({ kind: drawn[at] ? "drawn" : "told", slots: line })),
    };
  });
}

/** Whether anything of a label is not as it should be. */
export const isAmiss = (slot: Slot): boolean =>
  slot.kind === "label" &&
  (slot.restorable === false ||
    Object.values(slot.places).some((standing) => standing === "damaged" || standing === "missing"));

function inLines(slots: readonly Slot[]): Slot[][] {
  const lines: Slot[][] = [];
  for (let at = 0; at < slots.length; at += LINE) lines.push(slots.slice(at, at + LINE));
  return lines;
}
