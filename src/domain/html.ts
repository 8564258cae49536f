import { printable } from "./printable.ts";

/** Markup, made by {@link html} or {@link raw} alone. */
export interface Html {
  readonly markup: string;
}

type Value = string | number | null | Html | readonly Value[];

/**
 * A page or a part of one. What is put in is text and stays text, in an element as in a quoted attribute, with what a
 * reader can't see made visible (see {@link printable}; line breaks stay). Lists are put in one after the other,
 * nothing for null.
 */
export const html = (parts: TemplateStringsArray, ...values: readonly Value[]): Html =>
  raw(parts.reduce((before, part, at) => before + markupOf(values[at - 1] ?? null) + part));

/** Text that is markup already: our own constants, and what a library draws. */
export const raw = (markup: string): Html => ({ markup });

function markupOf(value: Value): string {
  if (value === null) return "";
  if (typeof value === "string") return escaped(value);
  if (typeof value === "number") return String(value);
  return "markup" in value ? value.markup : value.map(markupOf).join("");
}

const escaped = (text: string): string =>
  text
    .split("\n")
    .map(printable)
    .join("\n")
    .replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
