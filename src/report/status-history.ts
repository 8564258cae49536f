import { DAYS_A_MONTH, formatBytes, HOUR_MS, plural } from "../domain/units.ts";
import { type DatasetStatus, type Gap, type LabelStatus, PLACES, type Standing } from "../status/status.ts";
import type { Paint, TextOptions } from "./lines.ts";
import { PLACE_NAMES, placesShown } from "./places.ts";
import { type Column, descent, fitting, headingLine, rowLine } from "./table.ts";

type Entry = DatasetStatus["history"][number];
/** Labels and gaps that are told in one line. */
interface Fold {
  readonly kind: "fold";
  readonly entries: readonly Entry[];
}

/** More lines than these are too many to look through; then the newest of them are shown. */
const MOST_LINES = 14;
const NEWEST_SHOWN = 8;

const GLYPH: Readonly<Record<Standing, string>> = {
  whole: "✓",
  missing: "missing",
  damaged: "damaged",
  unknown: "unknown",
  "not-wanted": "–",
  due: "due",
};
const STYLE = {
  whole: "green",
  missing: "red",
  damaged: "red",
  unknown: "yellow",
  "not-wanted": "dim",
  due: "cyan",
} as const satisfies Record<Standing, string>;

/** The labels as a table that fits into 80 columns, newest last. What is old and as it should be is one line. */
export function historyLines(
  { history }: DatasetStatus,
  hasCloud: boolean,
  { width, verbose }: TextOptions & { readonly verbose: boolean },
  paint: Paint,
): string[] {
  const shown = verbose ? history : folded(history);
  const labels = history.filter((entry) => entry.kind === "label");
  const table = fitting(columnsFor(hasCloud), labels, width);
  const chains = chainsOf(labels);
  return [
    headingLine(table, paint),
    ...shown.map((entry) => {
      if (entry.kind === "fold") return paint("dim", `    ${foldText(entry.entries)}`);
      if (entry.kind === "gap") return paint("yellow", `    ${gapText(entry)}`);
      return rowLine(drawingOf(entry, chains), entry, table, paint);
    }),
  ];
}

const columnsFor = (hasCloud: boolean): readonly Column<LabelStatus>[] => [
  { heading: "LABEL", align: "left", spare: 0, cell: ({ label }) => label },
  {
    heading: "SIZE",
    align: "right",
    spare: 1,
    cell: ({ sizeBytes }) => (sizeBytes === null ? "" : formatBytes(sizeBytes)),
  },
  { heading: "AGE", align: "right", spare: 2, cell: ({ ageMs }) => (ageMs === null ? "" : shortAge(ageMs)) },
  ...placesShown(hasCloud).map(
    (place): Column<LabelStatus> => ({
      heading: PLACE_NAMES[place].toUpperCase(),
      align: "left",
      spare: place === "manifest" ? 3 : 0,
      cell: ({ places }) => GLYPH[places[place]],
      style: ({ places }) => STYLE[places[place]],
    }),
  ),
];

/** `now`, `5 h`, `12 d`, `7 mo`, `3 y`. */
function shortAge(ageMs: number): string {
  const hours = Math.floor(ageMs / HOUR_MS);
  const days = Math.floor(hours / 24);
  if (hours < 1) return "now";
  if (days < 2) return `${hours} h`;
  if (days < 60) return `${days} d`;
  // the mean lengths of the Gregorian calendar; rounded, so that a label a month is a month a line
  return days < 730 ? `${Math.round(days / DAYS_A_MONTH)} mo` : `${Math.floor(days / 365.25)} y`;
}

/** By label: where it stands in the line that its anchor began. */
function chainsOf(labels: readonly LabelStatus[]): ReadonlyMap<string, { at: number; length: number }> {
  const anchors = new Map<string, string>();
  const lengths = new Map<string, number>();
  const places = labels.flatMap(({ label, type, parent }) => {
    const anchor = type === "anchor" ? label : parent === null ? undefined : anchors.get(parent);
    if (anchor === undefined) return [];
    anchors.set(label, anchor);
    const at = lengths.get(anchor) ?? 0;
    lengths.set(anchor, at + 1);
    return [{ label, anchor, at }];
  });
  return new Map(places.map(({ label, anchor, at }) => [label, { at, length: lengths.get(anchor) ?? 1 }]));
}

function drawingOf({ label }: LabelStatus, chains: ReturnType<typeof chainsOf>): string {
  const place = chains.get(label);
  return place === undefined ? "" : descent(place.at, place.length);
}

const isFine = (entry: Entry): boolean =>
  entry.kind === "gap" ||
  PLACES.every((place) => entry.places[place] === "whole" || entry.places[place] === "not-wanted");

function folded(history: readonly Entry[]): (Entry | Fold)[] {
  if (history.length <= MOST_LINES) return [...history];
  const older = history.slice(0, -NEWEST_SHOWN);
  const lines: (Entry | { kind: "fold"; entries: Entry[] })[] = [];
  for (const entry of older) {
    const last = lines.at(-1);
    if (!isFine(entry)) lines.push(entry);
    else if (last?.kind === "fold") last.entries.push(entry);
    else lines.push({ kind: "fold", entries: [entry] });
  }
  return [
    ...lines.flatMap((line) => (line.kind === "fold" && line.entries.length === 1 ? line.entries : [line])),
    ...history.slice(-NEWEST_SHOWN),
  ];
}

/** `2024-07 … 2025-10: 16 labels, 9.1 GiB, as they should be; 2 periods without a backup`. */
function foldText(entries: readonly Entry[]): string {
  const labels = entries.filter((entry) => entry.kind === "label");
  const missed = entries.reduce((sum, entry) => sum + (entry.kind === "gap" ? entry.count : 0), 0);
  const anchors = labels.filter(({ type }) => type === "anchor").length;
  const bytes = labels.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
  const [first, last] = [labels[0]?.label, labels.at(-1)?.label];
  return `${first} … ${last}  ${plural(labels.length, "label")} (${plural(anchors, "anchor")}), ${formatBytes(bytes)}: ✓${missed === 0 ? "" : `; ${passed(missed)}`}`;
}

const gapText = ({ from, to, count }: Gap): string =>
  count === 1 ? `${from}  passed without a backup` : `${from} … ${to}  ${passed(count)}`;

const passed = (count: number): string =>
  count === 1 ? "1 period passed without a backup" : `${count} periods passed without a backup`;
