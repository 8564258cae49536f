/** How numbers are written for people: one way everywhere, in plans, reasons, progress and reports. */

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
/** On average. */
export const DAYS_A_MONTH = 30.437;

/** What is dated further ahead than this was noted by a clock that was wrong, and says nothing. */
export const FURTHEST_AHEAD_MS = DAY_MS;

/** IEC units, three significant digits (four from 1000 to 1023), no trailing zeros: `0 B`, `312 MiB`, `1.2 GiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // rounded first, so that 1023.6 MiB is 1 GiB and not `1024 MiB`
  while (Math.round(value) >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
  return `${digits} ${BYTE_UNITS[unit]}`;
}

/** `45 MiB/s`. */
export const formatRate = (bytesPerSecond: number): string => `${formatBytes(bytesPerSecond)}/s`;

/** How long something took, in its two largest units: `0.4 s`, `12 s`, `3 min 4 s`, `1 h 2 min`, `2 d 3 h`. */
export function formatDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < 9_950) return `${Number((ms / SECOND_MS).toFixed(1))} s`;
  // rounded before it is split, so that 59.7 s is one minute and not `60 s`
  const rounded = Math.round(ms / SECOND_MS) * SECOND_MS;
  if (rounded < MINUTE_MS) return `${rounded / SECOND_MS} s`;
  if (rounded < HOUR_MS) return twoUnits(rounded, MINUTE_MS, "min", SECOND_MS, "s");
  if (rounded < DAY_MS) return twoUnits(rounded, HOUR_MS, "h", MINUTE_MS, "min");
  return twoUnits(rounded, DAY_MS, "d", HOUR_MS, "h");
}

/** A running clock: `0:12`, `3:04`, `1:02:03`. */
export function formatClock(elapsedMs: number): string {
  const seconds = Math.max(0, Math.floor(elapsedMs / SECOND_MS));
  const two = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** How old something is, in one whole unit, never rounded up: `just now`, `5 minutes`, `3 days`, `4 months`. */
export function formatAge(ageMs: number): string {
  if (ageMs < MINUTE_MS) return "just now";
  if (ageMs < HOUR_MS) return plural(Math.floor(ageMs / MINUTE_MS), "minute");
  if (ageMs < DAY_MS) return plural(Math.floor(ageMs / HOUR_MS), "hour");
  const days = Math.floor(ageMs / DAY_MS);
  if (days < 60) return plural(days, "day");
  // the mean lengths of the Gregorian calendar
  return days < 730
    ? plural(Math.floor(days / DAYS_A_MONTH), "month")
    : plural(Math.floor(days / 365.25), "year");
}

/** Of an age: `3 days ago`, `just now`. */
export function formatAgo(ageMs: number): string {
  const age = formatAge(ageMs);
  return age === "just now" ? age : `${age} ago`;
}

/** How long something may go on by a guess, so no more of it than is of use: `23 months`, `2 years`. */
export function formatMonths(months: number): string {
  if (months < 1) return "less than a month";
  if (months < 24) return plural(Math.floor(months), "month");
  return months < 240 ? plural(Math.floor(months / 12), "year") : "more than 20 years";
}

/** Of a bill, to the cent, and less than one as that. */
export const formatUsd = (amount: number): string =>
  amount > 0 && amount < 0.01 ? "less than $0.01" : `$${amount.toFixed(2)}`;

/** Of an RFC 3339 time in UTC, to the minute: `2026-11-22 13:27`. */
export const formatMinute = (ts: string): string => ts.slice(0, 16).replace("T", " ");

/** RFC 3339 by the clock of whoever reads it: `2026-11-22T07:12:07+01:00`. */
export function formatLocalTime(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const here = new Date(date.getTime() + minutes * MINUTE_MS).toISOString().slice(0, 19);
  const two = (value: number): string => String(value).padStart(2, "0");
  const ahead = Math.abs(minutes);
  return `${here}${minutes < 0 ? "-" : "+"}${two(Math.floor(ahead / 60))}:${two(ahead % 60)}`;
}

/** UTC, as part of a file's name: `20261122T061207Z`. */
export const formatStamp = (date: Date): string => date.toISOString().replace(/[-:]|\.\d+/g, "");

/** `1 action`, `3 actions`, `2 copies`: `many` is needed only where an `s` does not do. */
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

function twoUnits(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const whole = Math.floor(ms / large);
  const rest = Math.floor((ms % large) / small);
  return rest === 0 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`;
}
