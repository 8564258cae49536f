import { styleText } from "node:util";

/** Puts a terminal style around text that is already printable, or leaves it alone where colour is off. */
export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** What every text of this room is made for. */
export interface TextOptions {
  readonly color: boolean;
  /** Columns of the terminal, or what a text for a file should keep to. */
  readonly width: number;
}

/** Beyond this a line of prose is hard to read, however wide the terminal is. */
const WIDEST = 100;

export const painter = (color: boolean): Paint =>
  // whether the stream can show colour is the caller's to know: it has seen the flags and NO_COLOR
  color ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text;

/** Breaks `text` between words into lines of at most `width` columns with `indent`; a longer word stays whole. */
export function wrap(text: string, width: number, indent: string): string[] {
  const room = Math.max(16, Math.min(width, WIDEST) - indent.length);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && longer.length > room) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line].map((each) => indent + each);
}

/** {@link wrap} with `lead` at the start of the first line instead of its indent. */
export function wrapAfter(lead: string, text: string, width: number): string[] {
  const [first = "", ...rest] = wrap(text, width, " ".repeat(lead.length));
  return [lead + first.slice(lead.length), ...rest];
}
