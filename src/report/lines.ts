import { styleText } from "node:util";
import { printable } from "../domain/printable.ts";

export type Style = Parameters<typeof styleText>[0];

/** Puts a terminal style around text that is already printable, or leaves it alone where colour is off. */
export type Paint = (style: Style, text: string) => string;

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

/** The same, with `lead` in a style of its own. */
export function wrapBehind(lead: string, style: Style, text: string, width: number, paint: Paint): string[] {
  const [first = "", ...rest] = wrapAfter(lead, text, width);
  return [paint(style, lead) + first.slice(lead.length), ...rest];
}

/** `error: what is wrong`, the word in its style, and what does not fit into the first line a little further in. */
export function wrapSaid(word: string, style: Style, text: string, width: number, paint: Paint): string[] {
  const [first = "", ...rest] = wrap(`${word.slice(2)} ${text}`, width, "  ");
  return [paint(style, word) + first.slice(word.length), ...rest];
}

/** One that is left out, and why. */
export const wrapLeft = (what: string, why: string, width: number): string[] => [
  ...wrap(printable(what), width, "  "),
  ...wrap(printable(why), width, "      "),
];
