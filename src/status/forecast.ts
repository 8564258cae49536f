import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { type Cadence, type Label, labelAfter, monthsBetween } from "../domain/label.ts";
import { decideAnchor, type Link, parentIn } from "../domain/lineage.ts";
import type { Manifest } from "../domain/manifest.ts";
import type { PendingLabel } from "../domain/pending.ts";
import { DAYS_A_MONTH, formatBytes, plural } from "../domain/units.ts";
import type { Place } from "../reconcilers/machine/place.ts";
import { RESERVE_BYTES } from "../reconcilers/machine/place.ts";
import type { NextAnchor } from "./status.ts";

/** So many of the last increments tell what the next will take. */
const LAST = 6;
/** The mean lengths of the Gregorian calendar. */
const LABELS_A_MONTH: Readonly<Record<Cadence, number>> = { monthly: 1, weekly: 4.348, daily: DAYS_A_MONTH };

/** What an increment takes, as the last ones did: their median, in bytes. Null before the first. */
export function typicalIncrement(rows: Manifest): number | null {
  const sizes = rows
    .filter(({ parent }) => parent !== null)
    .slice(-LAST)
    .map(({ sizeBytes }) => sizeBytes)
    .sort((a, b) => a - b);
  const [low, high] = [sizes[Math.floor((sizes.length - 1) / 2)], sizes[Math.floor(sizes.length / 2)]];
  return low === undefined || high === undefined ? null : Math.round((low + high) / 2);
}

/**
 * When the rule makes the next anchor, if nothing is missed and increments go on as they did. `pending` ends at the
 * current label.
 */
export function nextAnchor(
  { anchor: rule }: DatasetSpec,
  rows: Manifest,
  pending: readonly PendingLabel[],
  current: Label,
): NextAnchor {
  const coming = pending.find(({ made, decision }) => made === null && decision.kind === "anchor");
  if (coming !== undefined) {
    const by = rows.length === 0 ? "first" : whyBy(linksOf(rows), coming.label, rule);
    return { label: coming.label, by, because: coming.decision.because };
  }
  const typical = typicalIncrement(rows);
  const links = linksOf(rows);
  for (const { label, decision, made } of pending)
    links.push({ label, parent: parentIn(decision), sizeBytes: made?.sizeBytes ?? typical ?? 0 });
  const last = links.at(-1)?.label ?? current;
  const anchor = links.findLast(({ parent }) => parent === null);
  for (let ahead = 1; anchor !== undefined && ahead <= MOST_AHEAD; ahead++) {
    const label = labelAfter(last, ahead);
    if (decideAnchor(links, label, rule, null).kind === "anchor")
      return monthsBetween(anchor.label, label) >= rule.maxAgeMonths
        ? {
            label,
            by: "age",
            because: `${anchor.label}, the last one, is then ${plural(rule.maxAgeMonths, "month")} old`,
          }
        : {
            label,
            by: "growth",
            because: `at ${formatBytes(typical ?? 0)} a label, increments have then outgrown ${anchor.label} (${formatBytes(anchor.sizeBytes ?? 0)})`,
          };
    links.push({ label, parent: links.at(-1)?.label ?? null, sizeBytes: typical ?? 0 });
  }
  return { label: null, by: null, because: "none in sight by age or growth" };
}

/** Ten years of days. */
const MOST_AHEAD = 3660;

/** As the rule sees it: the last anchor and what builds on it. */
function linksOf(rows: Manifest): Link[] {
  const anchorAt = rows.findLastIndex(({ parent }) => parent === null);
  return rows.slice(Math.max(0, anchorAt));
}

function whyBy(links: readonly Link[], label: Label, rule: DatasetSpec["anchor"]): NextAnchor["by"] {
  const [anchor] = links;
  if (decideAnchor(links, label, rule, null).kind !== "anchor") return "parent-gone";
  return anchor !== undefined && monthsBetween(anchor.label, label) < rule.maxAgeMonths ? "growth" : "age";
}

/**
 * What one more label takes on the server: the median of the last increments, and its share of the chain's anchor; twice
 * that where every hydrated snapshot is kept too. Null before the first increment.
 */
export function growthPerLabel(spec: DatasetSpec, rows: Manifest, next: NextAnchor): number | null {
  const anchor = rows.findLast(({ parent }) => parent === null);
  if (anchor === undefined) return null;
  const months = next.label === null ? spec.anchor.maxAgeMonths : monthsBetween(anchor.label, next.label);
  const labels = Math.max(1, Math.round(months * LABELS_A_MONTH[spec.cadence]));
  const increment = labels === 1 ? 0 : typicalIncrement(rows);
  if (increment === null) return null;
  const copies = spec.retention.serverSnapshots.kind === "all" ? 2 : 1;
  return Math.round((copies * (anchor.sizeBytes + (labels - 1) * increment)) / labels);
}

/** For how many months that does, to one digit behind the point; null where it is not known, or nothing grows. */
export function monthsLeft(place: Place | null, growth: number | null, cadence: Cadence): number | null {
  if (place === null || growth === null || growth === 0) return null;
  const room = Math.min(place.freeBytes, place.quota?.leftBytes ?? Number.POSITIVE_INFINITY) - RESERVE_BYTES;
  return Math.round((10 * Math.max(0, room)) / (growth * LABELS_A_MONTH[cadence])) / 10;
}
