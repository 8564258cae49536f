import { type Html, html } from "../../domain/html.ts";
import { formatAgo, formatBytes, formatDuration, plural } from "../../domain/units.ts";
import type {
  ApplyStatus,
  DatasetStatus,
  DrillStatus,
  Gap,
  LabelStatus,
  PlaceName,
} from "../../status/status.ts";
import { PLACE_NAMES } from "../places.ts";
import { sign, standingCell, type Tone } from "./signs.ts";
import { day, minute, time } from "./words.ts";

/** A table that scrolls within itself where it is too wide, by keys too. */
export const table = (
  id: string,
  name: string,
  kind: string,
  head: readonly Html[],
  rows: readonly Html[],
): Html =>
  html`<div class="scroll" role="region" aria-labelledby="${id}" tabindex="0">
<table class="${kind}">
<caption id="${id}">${name}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${rows}</tbody>
</table>
</div>
`;

export const heading = (text: string, kind = ""): Html => html`<th scope="col" class="${kind}">${text}</th>`;
const said = (tone: Tone, text: string): Html => html`<td class="said ${tone}">${sign(tone)} ${text}</td>`;

/** Every label and where it stands, newest first. */
export function labelTable(
  { dataset, workstation, server, history }: DatasetStatus,
  places: readonly PlaceName[],
): Html | null {
  if (history.length === 0) return null;
  const row = ({ label, type, parent, sizeBytes, at, places: standings, restorable }: LabelStatus): Html =>
    html`<tr><th scope="row" class="label">${label}</th><td>${builds(type, parent)}</td><td class="number">${sizeBytes === null ? "" : formatBytes(sizeBytes)}</td>${places.map(
      (place) => standingCell(standings[place]),
    )}${
      restorable === null
        ? html`<td class="quiet">${at === null ? "" : "not known"}</td>`
        : restorable
          ? html`<td>yes</td>`
          : said("bad", "no")
    }<td class="quiet">${at === null ? "" : day(at)}</td></tr>\n`;
  return table(
    `labels-${dataset}`,
    `Every label, newest first. The snapshot stands on ${workstation}; artifact, manifest and what is hydrated of it on ${server}`,
    "labels",
    [
      heading("Label"),
      heading("Kind"),
      heading("Size", "number"),
      ...places.map((place) => heading(PLACE_NAMES[place])),
      heading("Restorable"),
      heading("Registered"),
    ],
    history.toReversed().map((slot) => (slot.kind === "label" ? row(slot) : gapRow(slot, places.length + 5))),
  );
}

const builds = (type: LabelStatus["type"], parent: LabelStatus["parent"]): Html =>
  parent !== null
    ? html`on <span class="label">${parent}</span>`
    : html`${type === "anchor" ? "anchor" : type === null ? "not decided" : "increment"}`;

const gapRow = ({ from, to, count }: Gap, columns: number): Html =>
  html`<tr class="gap"><th scope="row" class="label">${from}</th><td colspan="${columns - 1}">${
    count === 1 ? "no backup of this period" : `no backup of ${plural(count, "period")}, to ${to}`
  }</td></tr>\n`;

/** What the next apply would do. */
export function dueTable({ dataset, due }: DatasetStatus): Html | null {
  if (due.length === 0) return null;
  return table(
    `due-${dataset}`,
    "What the next devbackup apply does",
    "",
    [heading("Action"), heading("Host"), heading("Stage"), heading("Approval")],
    due.map(
      ({ id, host, stage, summary, hazard }) =>
        html`<tr><th scope="row" class="wide">${summary}</th><td>${host}</td><td>${stage}</td><td class="wide">${
          hazard === "none" ? "not needed" : html`${hazard}: <code>--approve ${id}</code>`
        }</td></tr>\n`,
    ),
  );
}

/** Restores that were tried, newest first. */
export function drillTable({ dataset, drills }: DatasetStatus): Html {
  if (drills === null) return html`<p class="quiet">What drills have proven is not known.</p>\n`;
  if (drills.length === 0)
    return html`<p class="quiet">No drill yet. <code>devbackup drill</code> restores the newest label into scratch space on the server, compares it with what was backed up, and keeps the proof.</p>\n`;
  const row = ({ at, ageMs, label, result, durationMs, sizeBytes, why }: DrillStatus): Html =>
    html`<tr><th scope="row">${minute(at)}</th><td class="quiet">${formatAgo(ageMs)}</td><td class="label">${label}</td>${
      result === "failed" ? said("bad", "failed") : said("well", result)
    }<td class="number">${formatDuration(durationMs)}</td><td class="number">${sizeBytes === null ? "" : formatBytes(sizeBytes)}</td><td class="wide">${why ?? ""}</td></tr>\n`;
  return table(
    `drills-${dataset}`,
    "Drills: restores that were tried and compared",
    "",
    [
      heading("When"),
      heading("Age"),
      heading("Label"),
      heading("Result"),
      heading("Took", "number"),
      heading("Size", "number"),
      heading("Why"),
    ],
    drills.toReversed().map(row),
  );
}

export function verificationLine({ verification }: DatasetStatus): Html {
  if (verification === null)
    return html`<p class="quiet">What was verified is not known: nobody could look.</p>\n`;
  if (verification.result === "none")
    return html`<p class="quiet">Nothing was verified yet. <code>devbackup verify</code> reads the artifacts and asks for the objects again.</p>\n`;
  const { at, ageMs, result, what } = verification;
  const tone = result === "whole" ? "well" : "bad";
  return html`<ul class="notes"><li>${sign(tone)}<span>Verified ${time(at)}, ${formatAgo(ageMs)}: ${what}: <b>${result === "whole" ? "all whole" : "damage found"}</b></span></li></ul>\n`;
}

/** By the word of the journal. */
const RESULTS: ReadonlyMap<string, readonly [Tone, string]> = new Map([
  ["done", ["well", "done"]],
  ["left-undone", ["warn", "left something undone"]],
  ["failed", ["bad", "failed"]],
  ["interrupted", ["warn", "interrupted"]],
  ["open", ["quiet", "no end told"]],
]);

/** What a later version may have written is shown as it is. */
function resultCell(result: string): Html {
  const known = RESULTS.get(result);
  return known === undefined ? html`<td class="wide">${result}</td>` : said(...known);
}

/** What applies did, by whom and when, newest first. */
export function applyTable({ dataset, server, applies }: DatasetStatus): Html {
  if (applies === null) return html`<p class="quiet">The journal on ${server} could not be read.</p>\n`;
  if (applies.length === 0) return html`<p class="quiet">No apply has changed anything yet.</p>\n`;
  const row = ({ startedAt, who, result, durationMs, planned, done, failed, why }: ApplyStatus): Html =>
    html`<tr><th scope="row">${minute(startedAt)}</th><td>${who}</td>${resultCell(result)}<td class="number">${done} of ${planned}</td><td class="number">${
      durationMs === null ? "" : formatDuration(durationMs)
    }</td><td class="wide">${[failed, why].filter((part) => part !== null).join(": ")}</td></tr>\n`;
  return table(
    `applies-${dataset}`,
    `Applies that had something to do, newest first: the journal on ${server}`,
    "",
    [
      heading("Started"),
      heading("By"),
      heading("Result"),
      heading("Actions", "number"),
      heading("Took", "number"),
      heading("First that failed"),
    ],
    applies.toReversed().map(row),
  );
}
