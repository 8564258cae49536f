import { type Html, html } from "../../domain/html.ts";
import { formatAge, plural } from "../../domain/units.ts";

/** RFC 3339 in UTC, to the minute: `2026-11-22 13:27 UTC`. */
export const time = (at: string): Html =>
  html`<time datetime="${at}">${at.slice(0, 16).replace("T", " ")}${at.length > 16 ? " UTC" : ""}</time>`;

/** In a table: whose times are UTC says the page. */
export const minute = (at: string): Html =>
  html`<time datetime="${at}">${at.slice(0, 16).replace("T", " ")}</time>`;

/** The day alone. */
export const day = (at: string): Html => html`<time datetime="${at}">${at.slice(0, 10)}</time>`;

/** `3 days ago`, `just now`. */
export const ago = (ageMs: number): string => {
  const age = formatAge(ageMs);
  return age === "just now" ? age : `${age} ago`;
};

/** Of R2's bill, to the cent, and less than one as that. */
export const usd = (amount: number): string =>
  amount === 0 ? "$0" : amount < 0.01 ? "less than $0.01" : `$${amount.toFixed(2)}`;

/** A guess, so no more of it than is of use. */
export function monthsLeft(months: number): string {
  if (months < 1) return "less than a month";
  if (months < 24) return plural(Math.floor(months), "month");
  return months < 240 ? plural(Math.floor(months / 12), "year") : "more than 20 years";
}
