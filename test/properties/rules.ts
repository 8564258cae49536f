import { snapshotName } from "../../src/domain/artifact.ts";
import type { Label } from "../../src/domain/label.ts";
import type { Link } from "../../src/domain/lineage.ts";
import type { Manifest, ManifestRow } from "../../src/domain/manifest.ts";
import type { KeepRule } from "../../src/domain/retention.ts";
import type { World } from "./world.ts";

/**
 * The contract's rules, said once more in other words than the program's: what is compared must not be made of what it
 * is compared with.
 */

/** `anchor: {max_age_months, max_incremental_ratio}`: whether the next artifact after `links` has to be whole. */
export function mustBeAnchor(
  links: readonly Link[],
  label: Label,
  rule: { readonly maxAgeMonths: number; readonly maxIncrementalRatio: number },
): boolean {
  const since: Link[] = [];
  for (const link of [...links].reverse()) {
    if (link.parent !== null) {
      since.push(link);
      continue;
    }
    const sum = since.reduce((bytes, { sizeBytes }) => bytes + (sizeBytes ?? Number.NaN), 0);
    const outgrown = since.length > 0 && sum / (link.sizeBytes ?? Number.NaN) >= rule.maxIncrementalRatio;
    return outgrown || isAsOld(link.label, label, rule.maxAgeMonths);
  }
  return true;
}

/** Whether `months` on the calendar have gone by from the first day of one label to that of the other. */
function isAsOld(from: Label, to: Label, months: number): boolean {
  const [year, month, day] = firstDay(from);
  const [toYear, toMonth, toDay] = firstDay(to);
  const whole = (toYear - year) * 12 + (toMonth - month);
  return whole > months || (whole === months && toDay >= day);
}

/** Year, month and day, by ISO 8601 for a week: its Monday. */
function firstDay(label: Label): readonly [number, number, number] {
  const [year = 0, second = "01", day = "01"] = label
    .split("-")
    .map((part, at) => (at === 0 ? Number(part) : part));
  if (!String(second).startsWith("W")) return [Number(year), Number(second), Number(day)];
  // the week that holds the 4th of January is the first
  const monday = new Date(Date.UTC(Number(year), 0, 4));
  while (monday.getUTCDay() !== 1) monday.setUTCDate(monday.getUTCDate() - 1);
  monday.setUTCDate(monday.getUTCDate() + 7 * (Number(String(second).slice(1)) - 1));
  return [monday.getUTCFullYear(), monday.getUTCMonth() + 1, monday.getUTCDate()];
}

/** What `label` is made of, from its anchor on; throws where something of it has no row. */
export function chainTo(rows: Manifest, label: Label): ManifestRow[] {
  const row = rows.find((candidate) => candidate.label === label);
  if (row === undefined) throw new RangeError(`${label} has no row`);
  return row.parent === null ? [row] : [...chainTo(rows, row.parent), row];
}

/** The rows that have to be received, and no other, for `label` to stand on the server. */
export function toReceive(rows: Manifest, label: Label, stands: (label: Label) => boolean): ManifestRow[] {
  if (stands(label)) return [];
  const row = rows.find((candidate) => candidate.label === label);
  if (row === undefined) throw new RangeError(`${label} has no row`);
  return [...(row.parent === null ? [] : toReceive(rows, row.parent, stands)), row];
}

/** A snapshot that both sides have, read-only and of one lineage: what an increment can be made on. */
export function standsOnBoth({ spec, ws, ls }: World, label: Label): boolean {
  const name = snapshotName(spec.name, label);
  const [here, there] = [ws.snapshots.get(name), ls.hydrated.get(name)];
  return (
    here?.readOnly === true &&
    there?.readOnly === true &&
    !there.receiving &&
    there.receivedUuid !== null &&
    there.receivedUuid === (here.receivedUuid ?? here.uuid)
  );
}

/** `keep_last` and `keep_chains` of artifacts: by counting back from the newest label, chains whole. */
export function keptByRule(rule: KeepRule, rows: Manifest): Set<Label> {
  const kept = new Set<Label>();
  let anchors = 0;
  let needed = false;
  for (const [back, row] of [...rows].reverse().entries()) {
    if (rule.kind === "all") kept.add(row.label);
    if (rule.kind === "chains" && anchors < rule.count) kept.add(row.label);
    if (rule.kind === "last" && (back < rule.count || needed)) kept.add(row.label);
    needed = row.parent !== null && (needed || back < (rule.kind === "last" ? rule.count : 0));
    if (row.parent === null) anchors += 1;
  }
  return kept;
}
