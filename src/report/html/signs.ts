import { type Html, html } from "../../domain/html.ts";
import type { Standing } from "../../status/status.ts";

/** How something is, as a colour; what it means always stands beside it in words, or in a shape of its own. */
export type Tone = "well" | "warn" | "bad" | "quiet" | "mark";

export const STANDING_WORDS: Readonly<Record<Standing, string>> = {
  whole: "whole",
  damaged: "damaged",
  missing: "missing",
  unknown: "unknown",
  due: "due",
  "not-wanted": "not kept",
};

export const STANDING_TONE: Readonly<Record<Standing, Tone>> = {
  whole: "well",
  damaged: "bad",
  missing: "bad",
  unknown: "quiet",
  due: "mark",
  "not-wanted": "quiet",
};

/** A standing as a shape of its own around (x, y), 10 units wide. */
export function standingMark(standing: Standing, x: number, y: number): Html {
  const tone = STANDING_TONE[standing];
  switch (standing) {
    case "whole":
      return html`<circle class="${tone}" cx="${x}" cy="${y}" r="4.5" fill="currentColor"/>`;
    case "damaged":
      return html`<g class="${tone}"><path d="M${x} ${y - 6.5}l6.5 6.5-6.5 6.5-6.5-6.5z" fill="currentColor"/><path d="M${x - 2} ${y - 2}l4 4m0-4l-4 4" stroke="var(--card)" stroke-width="1.5"/></g>`;
    case "missing":
      return html`<path class="${tone}" d="M${x - 4.5} ${y - 4.5}l9 9m0-9l-9 9" fill="none" stroke="currentColor" stroke-width="2"/>`;
    case "unknown":
      return html`<text class="quiet mid glyph" x="${x}" y="${y + 4.5}">?</text>`;
    case "due":
      return html`<circle class="${tone}" cx="${x}" cy="${y}" r="4" fill="none" stroke="currentColor" stroke-width="1.5"/>`;
    case "not-wanted":
      return html`<path class="${tone}" d="M${x - 3} ${y}h6" stroke="currentColor" stroke-width="1.5"/>`;
  }
}

/** A standing in a table: its shape and its word. */
export const standingCell = (standing: Standing): Html =>
  html`<td class="standing ${STANDING_TONE[standing]}">${small(standingMark(standing, 8, 8))}${STANDING_WORDS[standing]}</td>`;

/** A mark beside words that say the same: not read out. */
export const small = (mark: Html): Html =>
  html`<svg aria-hidden="true" width="16" height="16" viewBox="0 0 16 16"><g fill="currentColor" font-size="12" text-anchor="middle">${mark}</g></svg>`;

const SIGNS: Readonly<Record<Tone, Html>> = {
  well: html`<circle cx="12" cy="12" r="11" fill="currentColor"/><path d="M6.8 12.4l3.5 3.6 7-7.4" fill="none" stroke="var(--card)" stroke-width="2.4"/>`,
  warn: html`<path d="M12 1.5L23.5 22H.5z" fill="currentColor"/><path d="M12 8.5v6.5m0 2v2.6" stroke="var(--card)" stroke-width="2.4"/>`,
  bad: html`<path d="M12 .8L23.2 12 12 23.2.8 12z" fill="currentColor"/><path d="M8.2 8.2l7.6 7.6m0-7.6l-7.6 7.6" stroke="var(--card)" stroke-width="2.4"/>`,
  quiet: html`<circle cx="12" cy="12" r="10" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="4 2.3"/><path d="M12 7v6.5m0 2v2.2" stroke="currentColor" stroke-width="2.2"/>`,
  mark: html`<circle cx="12" cy="12" r="10" fill="none" stroke="currentColor" stroke-width="2"/><path d="M12 7v2.2m0 2.3v6" stroke="currentColor" stroke-width="2.2"/>`,
};

/** In front of a line of text: well a disc, warn a triangle, bad a diamond, what is not known a broken ring. */
export const sign = (tone: Tone): Html =>
  html`<svg class="sign ${tone}" aria-hidden="true" viewBox="0 0 24 24">${SIGNS[tone]}</svg>`;
