import { printable } from "../domain/printable.ts";
import { plural } from "../domain/units.ts";
import { painter, type TextOptions, wrap } from "./lines.ts";

const KINDS = ["added", "changed", "deleted"] as const;
const SIGNS = { added: ["+", "green"], changed: ["~", "yellow"], deleted: ["-", "red"] } as const;

const STAYS = { apart: "a subvolume or mount of its own", newer: "newer on the workstation" } as const;

/** What a working copy would bring to the workstation, and what that would cost. */
export interface SyncBackReport {
  readonly from: string;
  readonly to: string;
  /** The rsync that does it, and where. */
  readonly command: string;
  readonly where: string;
  readonly counts: Readonly<Record<(typeof KINDS)[number], number>>;
  readonly items: readonly { readonly change: (typeof KINDS)[number]; readonly path: string }[];
  /** Of those that change, as many are newer on the workstation. */
  readonly newer: number;
  /** What stays as it is: on a file system of its own, or newer. */
  readonly left: readonly { readonly why: "apart" | "newer"; readonly path: string }[];
  /** `dev@2026-03, of 4 days ago`; null where there is none. */
  readonly newestLabel: string | null;
  /** What could not be read there. */
  readonly trouble: string;
}

/** File by file, as far as they are named; ends with an empty line. */
export function syncBackText(report: SyncBackReport, { color, width }: TextOptions): string {
  const { counts, items, newer, left, newestLabel, trouble } = report;
  const paint = painter(color);
  const total = KINDS.reduce((sum, kind) => sum + counts[kind], 0);
  const lines = [`${paint("bold", report.from)} to ${paint("bold", report.to)}`, ""];
  if (total > 0) lines.push(`  ${report.where}:`, ...wrap(report.command, width, "    "), "");
  for (const { change, path } of items) {
    const [sign, style] = SIGNS[change];
    lines.push(`  ${paint(style, `${sign} ${printable(path)}`)}`);
  }
  if (total > items.length) lines.push(`  … and ${total - items.length} more`);
  for (const { why, path } of left) lines.push(`  = ${printable(path)} stays: ${STAYS[why]}`);
  if (total > 0) {
    const said = KINDS.filter((kind) => counts[kind] > 0).map((kind) => `${counts[kind]} ${kind}`);
    lines.push("", ...wrap(`${said.join(", ")}.`, width, ""));
    if (newer > 0)
      lines.push(
        ...wrap(
          `${plural(newer, "file")} of them ${newer === 1 ? "is" : "are"} newer on the workstation than in the working copy, and would be replaced all the same; --update leaves those.`,
          width,
          "",
        ),
      );
    const newest = newestLabel === null ? "There is no label yet" : `The newest label is ${newestLabel}`;
    const kept = "what is replaced is kept in a snapshot that is taken first";
    lines.push(...wrap(total > counts.added ? `${newest}: ${kept}.` : `${newest}.`, width, ""));
  }
  if (trouble !== "")
    lines.push(
      "Not brought, as the server says:",
      ...wrap(printable(trouble.split("\n")[0] ?? ""), width, "  "),
    );
  return `${lines.join("\n")}\n\n`;
}
