import { formatBytes } from "../domain/units.ts";
import { type TextOptions, wrapLeft } from "./lines.ts";

/** What a folder holds that is not taken, and what is to be copied. */
export interface ImportReport {
  readonly take: readonly unknown[];
  readonly left: readonly { readonly path: string; readonly why: string }[];
  readonly sharesBlocks: boolean;
}

/** Files that are left where they are and why, then what the rest takes; empty, or ends with an empty line. */
export function importText(
  { take, left, sharesBlocks }: ImportReport,
  { bytes, freeBytes }: { readonly bytes: number; readonly freeBytes: number | null },
  { width }: TextOptions,
): string {
  const room = freeBytes === null ? "" : `, ${formatBytes(freeBytes)} free`;
  const blocks = [
    left.length === 0 ? [] : ["Not taken:", ...left.flatMap(({ path, why }) => wrapLeft(path, why, width))],
    take.length === 0
      ? []
      : [
          sharesBlocks
            ? `${formatBytes(bytes)}, whose blocks the copies share${room}.`
            : `${formatBytes(bytes)} to copy${room}.`,
        ],
  ];
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => `${block.join("\n")}\n\n`)
    .join("");
}
