import { shellWord } from "../domain/shell-word.ts";

/** {@link shellWord} for a shell that is run. */
export function quote(text: string): string {
  // sh, argv and the environment all end a string at NUL: what follows would be lost without a word
  if (text.includes("\0")) throw new RangeError("a NUL byte cannot be passed to a shell");
  return shellWord(text);
}

/** One simple command from its words, each quoted; the first may not be empty. */
export const command = (argv: readonly string[]): string => argv.map(quote).join(" ");

/** A value in a {@link sh} template: a word, a number, or several words. */
export type ShellValue = string | number | readonly string[];

/**
 * A piece of script whose literal parts stand as written and whose values are quoted:
 * ``sh`btrfs subvolume show ${path}` ``. A list becomes several words. Put no value inside quotes.
 */
export const sh = (literals: TemplateStringsArray, ...values: readonly ShellValue[]): string =>
  String.raw({ raw: literals.raw }, ...values.map(asWords));

const asWords = (value: ShellValue): string =>
  typeof value === "object" ? command(value) : quote(String(value));
