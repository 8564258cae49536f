import type { Migration, Unmigrated } from "../domain/migrate.ts";
import { printable } from "../domain/printable.ts";
import { chainText } from "./chain-text.ts";
import { type TextOptions, wrap, wrapLeft } from "./lines.ts";

/** What an older manifest comes to: rows, what gets none and why, objects under other keys; ends with a newline. */
export function migrateText({ rows, leftOut, otherKeys }: Migration, options: TextOptions): string {
  const { width } = options;
  const [first] = otherKeys;
  const blocks = [
    ["What its rows and their files say:", ...chainText(rows, options).trimEnd().split("\n")],
    leftOut.length === 0 ? [] : ["Left out:", ...leftOut.flatMap((left) => leftOutLines(left, width))],
    first === undefined
      ? []
      : [
          `Objects under keys that are not looked for: ${otherKeys.length}`,
          ...wrap(printable(`${first.was}, which belongs to ${first.is}`), width, "  "),
          ...wrap(
            "The next apply sends them anew. Moved there first, with `rclone move` say, they are taken for what they are (the manual: A bucket that rclone filled).",
            width,
            "  ",
          ),
        ],
  ];
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => `${block.join("\n")}\n`)
    .join("\n");
}

/** The same for programs, without `formatVersion`. */
export const migrateJson = ({ rows, leftOut, otherKeys }: Migration) => ({ rows, leftOut, otherKeys });

const leftOutLines = ({ line, what, why }: Unmigrated, width: number): string[] =>
  wrapLeft(line === null ? what : `line ${line}: ${what}`, why, width);
