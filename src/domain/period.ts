import { plural } from "./units.ts";

/** A length of time by the calendar: `3 months`. */
export interface Period {
  readonly count: number;
  readonly unit: "day" | "week" | "month" | "year";
}

const SHAPE = /^([1-9]\d{0,3}) (day|week|month|year)s?$/;

/** Undefined where `text` is not a number and days, weeks, months or years. */
export function parsePeriod(text: string): Period | undefined {
  const [, count, unit] = SHAPE.exec(text) ?? [];
  return unit === undefined ? undefined : { count: Number(count), unit: unit as Period["unit"] };
}

/** `1 month`, `40 days`. */
export const formatPeriod = ({ count, unit }: Period): string => plural(count, unit);

/** The moment that lies a period after `date`, by the calendar of UTC; the 31st becomes a shorter month's last day. */
export function after(date: Date, { count, unit }: Period): Date {
  const there = new Date(date);
  if (unit === "day" || unit === "week") {
    there.setUTCDate(there.getUTCDate() + count * (unit === "week" ? 7 : 1));
    return there;
  }
  const months = count * (unit === "year" ? 12 : 1);
  there.setUTCMonth(there.getUTCMonth() + months);
  // the 31st of a month that has none runs over into the next
  if (there.getUTCDate() !== date.getUTCDate()) there.setUTCDate(0);
  return there;
}
