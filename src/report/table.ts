import { printable } from "../domain/printable.ts";
import type { Paint, Style } from "./lines.ts";

/** One column of a table whose rows form chains. */
export interface Column<Row> {
  readonly heading: string;
  readonly align: "left" | "right";
  readonly cell: (row: Row) => string;
  /** How soon it is given up where the terminal is narrow: the highest first, 0 never. */
  readonly spare: number;
  readonly style?: (row: Row) => Style | null;
}

type Sized<Row> = Column<Row> & { readonly width: number };

const GAP = "  ";
const DRAWING_WIDTH = 2;

/** The columns that fit into `width`, each as wide as its widest cell. */
export function fitting<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): Sized<Row>[] {
  let table = columns.map((column) => ({
    ...column,
    width: Math.max(column.heading.length, ...rows.map((row) => printable(column.cell(row)).length)),
  }));
  const used = () => table.reduce((sum, column) => sum + GAP.length + column.width, DRAWING_WIDTH);
  while (used() > width) {
    const most = Math.max(...table.map(({ spare }) => spare));
    if (most === 0) break;
    table = table.filter(({ spare }) => spare !== most);
  }
  return table;
}

export const headingLine = <Row>(table: readonly Sized<Row>[], paint: Paint): string =>
  paint(
    "dim",
    line(
      "",
      table.map((column) => padded(column, column.heading)),
    ),
  );

/** `drawing` is what {@link descent} gives. */
export const rowLine = <Row>(drawing: string, row: Row, table: readonly Sized<Row>[], paint: Paint): string =>
  line(
    drawing,
    table.map((column) => {
      const text = padded(column, printable(column.cell(row)));
      const style = column.style?.(row) ?? null;
      // the blanks stay outside, so that those at the end of a line can go
      return style === null ? text : text.replace(/\S.*\S|\S/, (found) => paint(style, found));
    }),
  );

/** How the row at `at` of a chain stems from the one above it. */
export const descent = (at: number, length: number): string =>
  at === 0 ? "●" : at === length - 1 ? "└─" : "├─";

const padded = ({ align, width }: Sized<never>, text: string): string =>
  align === "right" ? text.padStart(width) : text.padEnd(width);

const line = (drawing: string, cells: readonly string[]): string =>
  [drawing.padEnd(DRAWING_WIDTH), ...cells].join(GAP).trimEnd();
