import { type Label, labelsInWords } from "../domain/label.ts";
import { printable } from "../domain/printable.ts";
import type { Copies, Hole, RestoreStep, Source } from "../domain/restore-chain.ts";
import { formatBytes, plural } from "../domain/units.ts";
import type { ChainReport } from "../status/chain.ts";
import { madeAt, typeOf } from "./chain-text.ts";
import { type Paint, painter, type Style, type TextOptions, wrap } from "./lines.ts";
import { type Column, descent, fitting, headingLine, rowLine } from "./table.ts";

const MARK: Readonly<Record<Copies["bucket"], string>> = {
  whole: "✓",
  missing: "missing",
  damaged: "damaged",
  unknown: "unknown",
  archived: "archived",
  undeclared: "none",
};
const FROM: Readonly<Record<Source, string>> = {
  hydrated: "-",
  server: "server",
  bucket: "bucket",
  unknown: "unknown",
  nowhere: "nowhere",
};
const COLUMNS: readonly Column<RestoreStep>[] = [
  { heading: "LABEL", align: "left", spare: 0, cell: ({ row }) => row.label },
  { heading: "TYPE", align: "left", spare: 2, cell: ({ row }) => typeOf(row) },
  { heading: "SIZE", align: "right", spare: 1, cell: ({ row }) => formatBytes(row.sizeBytes) },
  {
    heading: "SERVER",
    align: "left",
    spare: 0,
    cell: ({ copies }) => MARK[copies.server],
    style: ({ copies }) => styleOf(copies.server),
  },
  {
    heading: "HYDRATED",
    align: "left",
    spare: 0,
    cell: ({ hydrated }) => (hydrated === "unknown" ? "unknown" : hydrated ? "✓" : "no"),
    style: ({ hydrated }) => (hydrated === false ? null : styleOf(hydrated === true ? "whole" : "unknown")),
  },
  {
    heading: "BUCKET",
    align: "left",
    spare: 0,
    cell: ({ copies }) => MARK[copies.bucket],
    style: ({ copies }) => styleOf(copies.bucket),
  },
  {
    heading: "FROM",
    align: "left",
    spare: 0,
    cell: ({ source }) => FROM[source],
    style: ({ source }) => (source === "nowhere" ? "red" : source === "unknown" ? "yellow" : null),
  },
  { heading: "MADE (UTC)", align: "left", spare: 3, cell: ({ row }) => madeAt(row) },
];
const INDENT = "  ";

/**
 * The steps from the anchor to the label, where each stands and comes from; what a restore takes or what is in its
 * way; and what the loss of each artifact would cost. Ends with a newline.
 */
export function restoreChainText(report: ChainReport, { color, width }: TextOptions): string {
  const paint = painter(color);
  const { steps } = report.chain;
  const table = fitting(COLUMNS, steps, width);
  const lines = [
    headingLine(table, paint),
    ...steps.map((step, at) => rowLine(descent(at, steps.length), step, table, paint)),
    "",
    ...outlook(report, width, paint),
    ...report.unknown.flatMap((why) => painted(paint, "yellow", wrap(printable(why), width, ""))),
    "",
    "What one lost artifact would cost:",
    ...steps.flatMap((step) => costLines(step, width, paint)),
  ];
  return `${lines.join("\n")}\n`;
}

/** One dataset's part of the document of `devbackup manifest chain --json`, field by field. */
export const restoreChainJson = ({ label, chain, unknown }: ChainReport) => ({
  label,
  restorable: chain.restorable === "unknown" ? null : chain.restorable,
  fetchBytes: chain.fetchBytes,
  receiveBytes: chain.receiveBytes,
  steps: chain.steps.map(({ row, copies, hydrated, source, onlyCopy, costs }) => ({
    ...row,
    server: copies.server,
    hydrated: hydrated === "unknown" ? null : hydrated,
    bucket: copies.bucket,
    from: source,
    onlyCopy,
    costs,
  })),
  holes: chain.holes.map(({ row, copies, costs }) => ({ label: row.label, ...copies, costs })),
  unknown,
});

function outlook({ label, chain }: ChainReport, width: number, paint: Paint): string[] {
  const { steps, holes, fetchBytes, receiveBytes, restorable } = chain;
  if (restorable === false)
    return [
      ...painted(paint, ["bold", "red"], wrap(`${label} can't be restored.`, width, "")),
      ...holes.flatMap((hole) => wrap(holeText(hole), width, INDENT)),
      ...wrap(
        "Put what is lost back from another copy, or restore a label that does not rest on it (devbackup manifest list).",
        width,
        "",
      ),
    ];
  if (restorable === "unknown") {
    const open = steps.filter(({ source }) => source === "unknown").map(({ row }) => row.label);
    const text = `Whether ${label} can be restored is not known: no whole artifact of ${labelsInWords(open)} was found, and not everything could be looked at.`;
    return painted(paint, "yellow", wrap(text, width, ""));
  }
  if (receiveBytes === 0 && steps.every(({ source }) => source === "hydrated"))
    return wrap(`${label} is hydrated: a restore fetches and receives nothing.`, width, "");
  const fetched = fetchBytes === 0 ? "fetches nothing" : `fetches ${formatBytes(fetchBytes)} from the bucket`;
  return wrap(`A restore of ${label} ${fetched} and receives ${formatBytes(receiveBytes)}.`, width, "");
}

const holeText = ({ row, copies: { server, bucket }, costs }: Hole): string =>
  `The artifact of ${row.label} is ${server} on the server, ${
    bucket === "undeclared" ? "and there is no cloud" : `and ${bucket} in the bucket`
  }: it costs ${costsText(costs)}.`;

function costLines({ row, costs, onlyCopy, copies }: RestoreStep, width: number, paint: Paint): string[] {
  const text = `${row.label}: costs ${costsText(costs)}`;
  if (onlyCopy !== null)
    return painted(paint, "yellow", wrap(`${text}; the only copy is ${PLACE[onlyCopy]}`, width, INDENT));
  const mayStand = [copies.server, copies.bucket].some((at) => ["whole", "unknown", "archived"].includes(at));
  return mayStand
    ? wrap(text, width, INDENT)
    : painted(paint, "red", wrap(`${text}; no copy is left`, width, INDENT));
}

const PLACE = { server: "on the server", bucket: "in the bucket" } as const;

const costsText = (costs: readonly Label[]): string =>
  `${labelsInWords(costs)} (${plural(costs.length, "label")})`;

const styleOf = (state: Copies["bucket"]): Style | null =>
  state === "whole"
    ? "green"
    : state === "unknown" || state === "archived"
      ? "yellow"
      : state === "undeclared"
        ? null
        : "red";

const painted = (paint: Paint, style: Style, lines: readonly string[]): string[] =>
  lines.map((text) => text.replace(/\S.*/, (found) => paint(style, found)));
