import { chainOf } from "../domain/lineage.ts";
import type { Manifest, ManifestRow } from "../domain/manifest.ts";
import { formatBytes, plural } from "../domain/units.ts";
import { type Paint, painter, type TextOptions } from "./lines.ts";
import { printable } from "./printable.ts";

interface Column {
  readonly heading: string;
  readonly align: "left" | "right";
  readonly cell: (row: ManifestRow) => string;
}

/** In the order in which they are given up where the terminal is narrow: from the right. */
const COLUMNS: readonly Column[] = [
  { heading: "LABEL", align: "left", cell: (row) => row.label },
  { heading: "TYPE", align: "left", cell: (row) => (row.parent === null ? "anchor" : "increment") },
  { heading: "SIZE", align: "right", cell: (row) => formatBytes(row.sizeBytes) },
  { heading: "PARENT", align: "left", cell: (row) => row.parent ?? "" },
  { heading: "MADE (UTC)", align: "left", cell: (row) => row.ts.slice(0, 16).replace("T", " ") },
  { heading: "CLOUD", align: "left", cell: (row) => (row.objectKey === null ? "no" : "yes") },
  { heading: "SHA-256", align: "left", cell: (row) => row.sha256.slice(0, 12) },
];
const GAP = "  ";
const DRAWING_WIDTH = 2;

/** A manifest as a table, one drawn line of descent for each anchor; ends with a newline. */
export function chainText(rows: Manifest, { color, width }: TextOptions): string {
  const paint = painter(color);
  if (rows.length === 0) return "No artifact is registered yet.\n";
  const table = fitting(rows, width);
  const chains = chainsOf(rows);
  const lines = [
    paint(
      "dim",
      line(
        "",
        table.map(({ heading }) => heading),
        table,
      ),
    ),
    ...chains.flatMap((chain) => chain.map((row, at) => rowLine(row, at, chain.length, table, paint))),
    "",
    totals(rows, chains.length),
  ];
  return `${lines.join("\n")}\n`;
}

type SizedColumn = Column & { readonly width: number };

function fitting(rows: Manifest, width: number): SizedColumn[] {
  const sized = COLUMNS.map((column) => ({
    ...column,
    width: Math.max(column.heading.length, ...rows.map((row) => printable(column.cell(row)).length)),
  }));
  let used = DRAWING_WIDTH;
  // label, type and size are what the table is for: they stay, however narrow it gets
  return sized.filter((column, at) => {
    used += GAP.length + column.width;
    return at < 3 || used <= width;
  });
}

/** One for each anchor, with everything that descends from it, by growing label. */
function chainsOf(rows: Manifest): ManifestRow[][] {
  const byAnchor = new Map<string, ManifestRow[]>();
  for (const row of rows) {
    const anchor = chainOf(rows, row.label)?.[0]?.label ?? row.label;
    const chain = byAnchor.get(anchor);
    if (chain === undefined) byAnchor.set(anchor, [row]);
    else chain.push(row);
  }
  return [...byAnchor.values()];
}

function rowLine(
  row: ManifestRow,
  at: number,
  length: number,
  table: readonly SizedColumn[],
  paint: Paint,
): string {
  const drawing = at === 0 ? "●" : at === length - 1 ? "└─" : "├─";
  const text = line(
    drawing,
    table.map(({ cell }) => printable(cell(row))),
    table,
  );
  return at === 0 ? paint("bold", text) : text;
}

const line = (drawing: string, cells: readonly string[], table: readonly SizedColumn[]): string =>
  [
    drawing.padEnd(DRAWING_WIDTH),
    ...table.map(({ width, align }, at) =>
      align === "right" ? (cells[at] ?? "").padStart(width) : (cells[at] ?? "").padEnd(width),
    ),
  ]
    .join(GAP)
    .trimEnd();

function totals(rows: Manifest, chains: number): string {
  const bytes = rows.reduce((sum, row) => sum + row.sizeBytes, 0);
  return `${plural(rows.length, "artifact")} in ${plural(chains, "chain")}, ${formatBytes(bytes)}`;
}
