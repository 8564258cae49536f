/** Controls, invisible and direction-changing characters, line separators, and halves of surrogate pairs. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * `text` on one line, with everything made visible that a terminal would obey instead of show: `\n`, `\x1b`,
 * `\u{202e}`. Whatever came from a host, a file or a YAML value goes through here before it is printed.
 */
export const printable = (text: string): string => text.replace(UNPRINTABLE, visible);

/** The lines of `text`, as a terminal breaks them, each {@link printable}; empty ones at both ends are left out. */
export function printableLines(text: string): string[] {
  const lines = text.split(/\r\n|\n|\r/).map((line) => printable(line.replaceAll("\t", "    ").trimEnd()));
  const first = lines.findIndex((line) => line !== "");
  return first === -1 ? [] : lines.slice(first, lines.findLastIndex((line) => line !== "") + 1);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the styles that `report/` paints with, and no other
const STYLE_OR_UNPRINTABLE = /\n|\u001b\[(?:1|2|22|3[1236]|39)m|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** A text of ours as it goes to a terminal: its lines and its own styles stay, anything else is made visible. */
export const printableText = (text: string): string =>
  text.replace(STYLE_OR_UNPRINTABLE, (found) =>
    found === "\n" || found.startsWith("\u001b[") ? found : visible(found),
  );

/** `value` as one line of JSON; what JSON itself lets through raw and a terminal would obey is escaped. */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value).replace(UNPRINTABLE, (found) =>
    Array.from({ length: found.length }, (_, at) => `\\u${hex(found.charCodeAt(at), 4)}`).join(""),
  );

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return NAMED[character] ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 1)}}`);
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, "0");
