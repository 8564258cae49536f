import { chainOf } from "../domain/lineage.ts";
import type { Manifest, ManifestRow } from "../domain/manifest.ts";
import { formatBytes, formatMinute, plural } from "../domain/units.ts";
import { painter, type TextOptions } from "./lines.ts";
import { type Column, descent, fitting, headingLine, rowLine } from "./table.ts";

const COLUMNS: readonly Column<ManifestRow>[] = [
  { heading: "LABEL", align: "left", spare: 0, cell: (row) => row.label },
  { heading: "TYPE", align: "left", spare: 0, cell: typeOf },
  { heading: "SIZE", align: "right", spare: 0, cell: (row) => formatBytes(row.sizeBytes) },
  { heading: "PARENT", align: "left", spare: 1, cell: (row) => row.parent ?? "" },
  { heading: "MADE (UTC)", align: "left", spare: 2, cell: madeAt },
  { heading: "CLOUD", align: "left", spare: 3, cell: (row) => (row.objectKey === null ? "no" : "yes") },
  { heading: "SHA-256", align: "left", spare: 4, cell: (row) => row.sha256.slice(0, 12) },
];

/** A manifest as a table, one drawn line of descent for each anchor; ends with a newline. */
export function chainText(rows: Manifest, { color, width }: TextOptions): string {
  const paint = painter(color);
  if (rows.length === 0) return "No artifact is registered yet.\n";
  const table = fitting(COLUMNS, rows, width);
  const chains = chainsOf(rows);
  const lines = [
    headingLine(table, paint),
    ...chains.flatMap((chain) =>
      chain.map((row, at) => {
        const text = rowLine(descent(at, chain.length), row, table, paint);
        return at === 0 ? paint("bold", text) : text;
      }),
    ),
    "",
    totals(rows, chains.length),
  ];
  return `${lines.join("\n")}\n`;
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

function totals(rows: Manifest, chains: number): string {
  const bytes = rows.reduce((sum, row) => sum + row.sizeBytes, 0);
  return `${plural(rows.length, "artifact")} in ${plural(chains, "chain")}, ${formatBytes(bytes)}`;
}

export function typeOf({ parent }: ManifestRow): string {
  return parent === null ? "anchor" : "increment";
}

/** To the minute. */
export function madeAt({ ts }: ManifestRow): string {
  return formatMinute(ts);
}
