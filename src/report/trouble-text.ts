import { printable, printableLines } from "../domain/printable.ts";
import type { Trouble } from "../domain/trouble.ts";
import { painter, type TextOptions, wrap, wrapSaid } from "./lines.ts";

const INDENT = "  ";
/** The end of a command's stderr tells what went wrong; what stands before is seldom missed. */
const WHY_LINES = 12;
const WHY_COLUMNS = 1000;

/**
 * What went wrong, with its code, by which `docs/errors.md` lists it; why, in what state things are and what to type next,
 * each on its own lines; ends with a newline.
 */
export function troubleText(trouble: Trouble, { color, width }: TextOptions): string {
  const paint = painter(color);
  const where = trouble.host === undefined ? "" : `${printable(trouble.host)}: `;
  const what = `${where}${printable(trouble.what)} [${printable(trouble.code)}]`;
  const lines = [
    ...wrapSaid("error:", ["bold", "red"], what, width, paint),
    ...whyLines(trouble.why, width),
    ...(trouble.state === undefined ? [] : wrap(sentence(printable(trouble.state)), width, INDENT)),
    // not wrapped: it may be a command, and has to survive being copied
    ...printableLines(trouble.next ?? "").map(
      (line, at) => `${INDENT}${at === 0 ? paint("bold", "next:") : "     "} ${line}`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

/** The same for programs: `{formatVersion: 1, error: {code, exitCode, …}}`. */
export const troubleJson = ({ code, exitCode, host, what, why, state, next }: Trouble) => ({
  formatVersion: 1,
  error: {
    code,
    exitCode,
    host: host ?? null,
    what,
    why: why ?? null,
    state: state ?? null,
    next: next ?? null,
  },
});

function whyLines(why: string | undefined, width: number): string[] {
  const lines = printableLines(why ?? "");
  // one line is a sentence of ours; several are a command's own, and keep its line breaks
  if (lines.length <= 1) return lines.flatMap((line) => wrap(clip(line), width, INDENT));
  const left = lines.length - WHY_LINES;
  return [...(left > 0 ? [`… ${left} more above`] : []), ...lines.slice(-WHY_LINES).map(clip)].map((line) =>
    (INDENT + INDENT + line).trimEnd(),
  );
}

const clip = (line: string): string => (line.length > WHY_COLUMNS ? `${line.slice(0, WHY_COLUMNS)}…` : line);

/** A name at its beginning, such as `dev@2026-03`, stays as it is. */
const sentence = (text: string): string =>
  text.replace(/^[a-z]+ /, (word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`) +
  (/[.!?:…]$/.test(text) ? "" : ".");
