import { type Html, html } from "../../domain/html.ts";
import { formatMinute } from "../../domain/units.ts";

/** RFC 3339 in UTC, to the minute: `2026-11-22 13:27 UTC`. */
export const time = (at: string): Html =>
  html`<time datetime="${at}">${formatMinute(at)}${at.length > 16 ? " UTC" : ""}</time>`;

/** In a table: whose times are UTC says the page. */
export const minute = (at: string): Html => html`<time datetime="${at}">${formatMinute(at)}</time>`;

/** The day alone. */
export const day = (at: string): Html => html`<time datetime="${at}">${at.slice(0, 10)}</time>`;
