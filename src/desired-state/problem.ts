import { HIDDEN, hidePrivateKeys } from "./hide-secrets.ts";
import type { SourceText } from "./source.ts";

/** One thing that is wrong with the desired state. Holds no secret, whatever the file holds. */
export interface StateProblem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units as editors count. */
  readonly col: number;
  /** The line of the file and, below it, a caret under the place; empty where the file could not be read. */
  readonly excerpt: string;
  /** What is wrong, as a sentence without a full stop. */
  readonly wrong: string;
  /** What would be right. */
  readonly right: string;
}

/** A place in a file, for `FILE:LINE:COL`. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly col: number;
}

const EXCERPT_WIDTH = 110;
/** What `domain/printable.ts` names; here a place stays as wide as it is in the file, for the caret below it. */
const UNPRINTABLE = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Where `offset` (in UTF-16 units) lies in the text. */
export function positionAt(source: Pick<SourceText, "file" | "text">, offset: number): Position {
  const before = source.text.slice(0, offset).split("\n");
  return { file: source.file, line: before.length, col: (before.at(-1)?.length ?? 0) + 1 };
}

/** A problem at `offset` of a file whose text could be read. */
export function problemAt(source: SourceText, offset: number, wrong: string, right: string): StateProblem {
  const position = positionAt(source, offset);
  const said = source.secrets.reduce((text, secret) => text.replaceAll(secret, HIDDEN), wrong);
  return {
    ...position,
    file: oneLine(position.file),
    excerpt: excerptAt(source, position),
    wrong: oneLine(hidePrivateKeys(said)),
    right: printable(right),
  };
}

/** A problem of a file or folder that has no text to show. */
export const problemOf = (file: string, wrong: string, right: string): StateProblem => ({
  file: oneLine(file),
  line: 1,
  col: 1,
  excerpt: "",
  wrong: oneLine(wrong),
  right: printable(right),
});

/** A line of it, from 1, without what must not be shown. */
export function lineAt(source: SourceText, line: number): string {
  const start = source.text.split("\n", line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  const whole = source.text.slice(start).split("\n", 1)[0]?.replace(/\r$/, "") ?? "";
  return printable(hidePrivateKeys(withoutHidden(source, whole, start)));
}

function excerptAt(source: SourceText, { line, col }: Position): string {
  const shown = lineAt(source, line);
  const caret = Math.min(col, shown.length + 1);
  const from = caret > EXCERPT_WIDTH - 20 ? caret - EXCERPT_WIDTH / 2 : 0;
  const text = shown.slice(from, from + EXCERPT_WIDTH);
  // a tab stays a tab, so that the caret stands under its place at any tab width
  return `${text}\n${text.slice(0, caret - 1 - from).replace(/[^\t]/g, " ")}^`;
}

/** The line with everything from the first hidden character on replaced: what follows a secret may belong to it. */
function withoutHidden(source: SourceText, line: string, start: number): string {
  const hidden = source.hidden
    .filter((range) => range.start <= start + line.length && range.end > start)
    .map((range) => Math.max(0, range.start - start));
  if (hidden.length === 0) return line;
  const indent = line.length - line.trimStart().length;
  return line.slice(0, Math.max(indent, Math.min(...hidden))) + HIDDEN;
}

const printable = (text: string): string =>
  text.replace(UNPRINTABLE, (found) => "\u{fffd}".repeat(found.length));
/** For what may quote the file. */
const oneLine = (text: string): string => printable(text).replaceAll("\n", "\u{fffd}");
