import { type Html, html, raw } from "../../domain/html.ts";
import { formatAge, formatBytes, plural } from "../../domain/units.ts";
import type { DatasetStatus, Status } from "../../status/status.ts";
import { placesShown } from "../places.ts";
import { chainPictures } from "./chain-picture.ts";
import { growthCharts } from "./growth-chart.ts";
import { health, surroundings } from "./health.ts";
import { sign } from "./signs.ts";
import { POLICY, STYLE } from "./style.ts";
import { applyTable, drillTable, dueTable, heading, labelTable, table, verificationLine } from "./tables.ts";
import { notes, verdict, verdictWords, withDatasets } from "./verdict.ts";
import { time } from "./words.ts";

export interface ReportFacts {
  readonly status: Status;
  /** Of devbackup. */
  readonly version: string;
  /** The controller's host name. */
  readonly machine: string;
  /** A command that is suggested, as whoever made the page would type it. */
  readonly inWords: (next: string) => string;
}

/** What every report begins with, and nothing else does: by this one may be replaced. */
export const BEGINNING = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="generator" content="devbackup report">
`;

/** One page without script, network or secret, for a phone, a screen and paper. */
export function reportPage({ status, version, machine, inWords }: ReportFacts): string {
  const { datasets, takenAt } = status;
  const title = `Backups of ${datasets.map(({ dataset }) => dataset).join(", ")}`;
  const several = datasets.length > 1;
  return html`${raw(BEGINNING)}<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}, ${takenAt.slice(0, 10)}</title>
${raw(`<style>${STYLE}</style>`)}
<header>
<h1>${title}</h1>
<p class="made">Made ${time(takenAt)} on ${machine}, with devbackup ${version}</p>
</header>
<main>
${verdict(withDatasets(status), "h2")}${notes(several ? status : withDatasets(status), inWords)}${several ? overview(status) : null}${surroundings(status)}${datasets.map(
  (dataset) => section(status, dataset, inWords),
)}</main>
<footer>
<p>This is what was seen ${time(takenAt)}; times are UTC. <code>devbackup report</code> makes the page anew,
<code>devbackup status</code> tells the same in a terminal.</p>
</footer>
</html>
`.markup;
}

function overview({ datasets }: Status): Html {
  const row = (dataset: DatasetStatus): Html => {
    const { tone, says } = verdictWords(dataset);
    const stored = dataset.history.reduce(
      (sum, slot) => sum + (slot.kind === "label" ? (slot.sizeBytes ?? 0) : 0),
      0,
    );
    return html`<tr><th scope="row"><a href="#dataset-${dataset.dataset}">${dataset.dataset}</a></th><td class="${tone}">${sign(tone)} ${says}</td><td class="label">${
      dataset.newest?.label ?? "none yet"
    }</td><td>${dataset.newest === null ? "" : formatAge(dataset.newest.ageMs)}</td><td class="number">${formatBytes(stored)}</td><td>${
      dataset.due.length === 0 ? "nothing" : plural(dataset.due.length, "action")
    }</td></tr>\n`;
  };
  return table(
    "datasets",
    "The datasets",
    "",
    [
      heading("Dataset"),
      heading("Verdict"),
      heading("Newest"),
      heading("Age"),
      heading("Artifacts", "number"),
      heading("Due"),
    ],
    datasets.map(row),
  );
}

function section(status: Status, dataset: DatasetStatus, inWords: ReportFacts["inWords"]): Html {
  const { dataset: name, cadence, workstation, server } = dataset;
  const places = placesShown(status.cloud !== null);
  const due = dueTable(dataset);
  const labels = labelTable(dataset, places);
  return html`<section class="dataset" id="dataset-${name}">
<h2>${name}</h2>
<p class="quiet">${cadence}, from ${workstation} to ${server}${status.cloud === null ? null : ` and the bucket ${status.cloud.bucket}`}</p>
${status.datasets.length > 1 ? html`${verdict(dataset, "h3")}${notes(dataset, inWords)}` : null}${health(status, dataset)}
<h3>Chains</h3>
${chainPictures(dataset, places)}
<h3>Growth</h3>
${growthCharts(dataset)}${labels === null ? null : html`<h3>Labels</h3>\n${labels}`}${
  due === null ? null : html`<h3>Due</h3>\n${due}`
}
<h3>Proofs</h3>
${verificationLine(dataset)}${drillTable(dataset)}
<h3>Applies</h3>
${applyTable(dataset)}</section>
`;
}
