import type { Manifest, ManifestRow } from "../domain/manifest.ts";
import { printable } from "../domain/printable.ts";
import {
  type FieldChange,
  isSame,
  type LeftOut,
  type ManifestDifference,
  type Rebuilt,
} from "../domain/rebuild.ts";
import { formatBytes } from "../domain/units.ts";
import { chainText, typeOf } from "./chain-text.ts";
import { painter, type TextOptions, wrapLeft } from "./lines.ts";

/** What artifacts come to, beside the manifest that stands. */
export interface RebuildReport {
  readonly rebuilt: Rebuilt;
  readonly difference: ManifestDifference;
  /** Null where there is none that could be compared. */
  readonly before: Manifest | null;
}

/** Rows, what has none and why, and what is different; ends with a newline. */
export function rebuildText({ rebuilt, difference, before }: RebuildReport, options: TextOptions): string {
  const paint = painter(options.color);
  const { added, dropped, changed } = difference;
  const blocks = [
    ["What the artifacts say:", ...chainText(rebuilt.rows, options).trimEnd().split("\n")],
    heading(
      "Left out:",
      rebuilt.leftOut.flatMap((left) => leftOutLines(left, options.width)),
    ),
    heading(
      "Two artifacts for one label; move the wrong one out of artifacts/ (or out of the bucket):",
      rebuilt.conflicts.flatMap(({ label, paths }) => paths.map((path) => `  ${label}: ${printable(path)}`)),
    ),
    before === null || isSame(difference)
      ? []
      : [
          "Difference to the manifest that stands:",
          ...added.map((row) => paint("green", `  + ${rowText(row)}`)),
          ...dropped.map((row) => paint("red", `  - ${rowText(row)}`)),
          ...changed.flatMap(({ label, fields }) =>
            fields.map((field) => paint("yellow", `  ~ ${label}  ${fieldText(field)}`)),
          ),
        ],
  ];
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => `${block.join("\n")}\n`)
    .join("\n");
}

/** The same for programs, without `formatVersion`. */
export const rebuildJson = ({ rebuilt, difference, before }: RebuildReport) => ({
  rows: rebuilt.rows,
  leftOut: rebuilt.leftOut,
  conflicts: rebuilt.conflicts,
  /** Null where there is no manifest to compare with. */
  difference: before === null ? null : difference,
});

const heading = (text: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [text, ...lines];

const leftOutLines = ({ place, path, why }: LeftOut, width: number): string[] =>
  wrapLeft(`${place}: ${path}`, why, width);

const rowText = (row: ManifestRow): string =>
  `${row.label}  ${typeOf(row)}${row.parent === null ? "" : ` on ${row.parent}`}, ${formatBytes(row.sizeBytes)}, sha256 ${row.sha256.slice(0, 12)}`;

const fieldText = ({ field, was, is }: FieldChange): string =>
  `${field} ${printable(was)} → ${printable(is)}`;
