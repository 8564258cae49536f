import type { Brand } from "./names.ts";
import { DAY_MS } from "./units.ts";

/** The name of one period: `2026-03`, `2026-W11` or `2026-03-09`. Labels only grow and are never rewritten. */
export type Label = Brand<string, "Label">;
export type Cadence = "monthly" | "weekly" | "daily";

const SHAPES: Record<Cadence, RegExp> = {
  monthly: /^(\d{4})-(\d{2})$/,
  weekly: /^(\d{4})-W(\d{2})$/,
  daily: /^(\d{4})-(\d{2})-(\d{2})$/,
};

/** One period, for messages. */
export const PERIOD: Record<Cadence, string> = { monthly: "month", weekly: "week", daily: "day" };

/** What a label of this cadence looks like, for messages. */
export const LABEL_SHAPE: Record<Cadence, string> = {
  monthly: "YYYY-MM",
  weekly: "YYYY-Www",
  daily: "YYYY-MM-DD",
};

/** A label of any cadence, or of the one given; undefined where `text` names no period of the calendar. */
export function parseLabel(text: string, cadence?: Cadence): Label | undefined {
  const found = cadenceOf(text);
  if (found === undefined || (cadence !== undefined && cadence !== found)) return undefined;
  const start = startOf(text, found);
  return start !== undefined && format(start, found) === text ? (text as Label) : undefined;
}

/** The label of the period that `now` falls into by the calendar of `timezone` (an IANA name). */
export function labelAt(now: Date, cadence: Cadence, timezone: string): Label {
  const parts = new Intl.DateTimeFormat("en-CA", { timeZone: timezone, dateStyle: "short" }).format(now);
  return format(new Date(`${parts}T00:00:00Z`), cadence) as Label;
}

/** The first day of the label's period, as midnight UTC. */
export function periodStart(label: Label): Date {
  const start = startOf(label, cadenceOf(label) ?? "monthly");
  if (start === undefined) throw new RangeError(`not a label: ${label}`);
  return start;
}

/** Negative, zero or positive, by the first day of the period; works across cadences. */
export const compareLabels = (a: Label, b: Label): number =>
  periodStart(a).getTime() - periodStart(b).getTime() || (a < b ? -1 : a > b ? 1 : 0);

/** Whole calendar months from the start of one period to the start of the other. */
export function monthsBetween(from: Label, to: Label): number {
  const [a, b] = [periodStart(from), periodStart(to)];
  const months = (b.getUTCFullYear() - a.getUTCFullYear()) * 12 + b.getUTCMonth() - a.getUTCMonth();
  return b.getUTCDate() < a.getUTCDate() ? months - 1 : months;
}

/** How many periods of `to`'s cadence it begins after `from`; negative where it lies before. */
export function periodsBetween(from: Label, to: Label): number {
  const cadence = cadenceOf(to) ?? "monthly";
  const [a, b] = [periodStart(from), periodStart(to)];
  if (cadence === "monthly")
    return (b.getUTCFullYear() - a.getUTCFullYear()) * 12 + b.getUTCMonth() - a.getUTCMonth();
  return Math.round((b.getTime() - a.getTime()) / DAY_MS / (cadence === "weekly" ? 7 : 1));
}

/** The label that lies `count` periods behind `label` (before it, where negative), of the same cadence. */
export function labelAfter(label: Label, count: number): Label {
  const cadence = cadenceOf(label) ?? "monthly";
  const start = periodStart(label);
  const there =
    cadence === "monthly"
      ? new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + count, 1))
      : new Date(start.getTime() + count * DAY_MS * (cadence === "weekly" ? 7 : 1));
  return format(there, cadence) as Label;
}

const cadenceOf = (text: string): Cadence | undefined =>
  (Object.keys(SHAPES) as Cadence[]).find((cadence) => SHAPES[cadence].test(text));

function startOf(text: string, cadence: Cadence): Date | undefined {
  const [, year = 0, second = 1, day = 1] = (SHAPES[cadence].exec(text) ?? []).map(Number);
  if (cadence !== "weekly") return new Date(Date.UTC(year, second - 1, day));
  // ISO 8601: week 1 is the week, Monday to Sunday, that holds the 4th of January
  const fourth = new Date(Date.UTC(year, 0, 4));
  return new Date(mondayOf(fourth).getTime() + (second - 1) * 7 * DAY_MS);
}

function format(date: Date, cadence: Cadence): string {
  const iso = date.toISOString();
  if (cadence === "monthly") return iso.slice(0, 7);
  if (cadence === "daily") return iso.slice(0, 10);
  // the Thursday of a week lies in the year that the week belongs to
  const thursday = new Date(mondayOf(date).getTime() + 3 * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / DAY_MS / 7) + 1;
  return `${year}-W${String(week).padStart(2, "0")}`;
}

const mondayOf = (date: Date): Date => new Date(date.getTime() - ((date.getUTCDay() + 6) % 7) * DAY_MS);

/** As many as a person reads one by one. */
const MOST_NAMED = 4;

/**
 * By growing label: `2026-01, 2026-02`. Of many, the first and the last where none between them is missing, `2026-01 to
 * 2026-12`, or else the first of them: `2026-01, 2026-03, 2026-04 and 7 more`.
 */
export function labelsInWords(labels: readonly Label[]): string {
  if (labels.length <= MOST_NAMED) return labels.join(", ");
  const unbroken = labels.every((label, at) => at === 0 || label === labelAfter(labels[at - 1] ?? label, 1));
  if (unbroken) return `${labels[0]} to ${labels.at(-1)}`;
  const named = labels.slice(0, MOST_NAMED - 1);
  return `${named.join(", ")} and ${labels.length - named.length} more`;
}
