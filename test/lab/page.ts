import { readFileSync } from "node:fs";
import { join } from "node:path";
import { marked, type Tokens } from "marked";

/** What stands in a page to be typed, and what one sees then. */
export interface Block {
  readonly page: string;
  /** The heading above it. */
  readonly heading: string;
  readonly commands: readonly string[];
  /** What is shown behind it, line by line; `…` stands for what is left out. */
  readonly shown: readonly string[] | null;
  /** Why no lab can run it: of `<!-- not run: WHY -->` before it. */
  readonly notRun: string | null;
}

const ROOT = join(import.meta.dirname, "../..");
const NOT_RUN = /^<!-- not run: (.+?) -->\s*$/;

/** The ```sh blocks of a page in its order, of some headings alone where they are named, each with the ```text behind it. */
export function blocksOf(page: string, headings?: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let heading = "";
  let notRun: string | null = null;
  for (const token of marked.lexer(readFileSync(join(ROOT, page), "utf8"))) {
    if (token.type === "space") continue;
    const code = token.type === "code" ? (token as Tokens.Code) : undefined;
    if (token.type === "heading") heading = (token as Tokens.Heading).text;
    const last = blocks.at(-1);
    if (code?.lang === "sh")
      blocks.push({ page, heading, commands: commandsIn(code.text), shown: null, notRun });
    else if (code?.lang === "text" && last?.heading === heading)
      blocks.splice(-1, 1, { ...last, shown: code.text.split("\n") });
    notRun = token.type === "html" ? (NOT_RUN.exec(token.raw.trim())?.[1] ?? null) : null;
  }
  return blocks.filter((block) => headings === undefined || headings.includes(block.heading));
}

const commandsIn = (text: string): string[] =>
  text
    .replaceAll("\\\n", "")
    .split("\n")
    .filter((line) => line.trim() !== "");

/** A command as a person types it: without the remark behind it. */
export const asTyped = (command: string): string => command.replace(/\s+#\s.*$/, "").trim();

/** Whether `said` has the lines that are shown, in that order, by what they are and not by their numbers. */
export function lacking(shown: readonly string[], said: string): string | null {
  const lines = said.split(/\r?\n|\r/).map(shapeOf);
  let from = 0;
  for (const line of shown.map(shapeOf)) {
    if (line === "…" || line === "") continue;
    const at = lines.findIndex((each, index) => index >= from && alike(line, each));
    if (at < 0) return line;
    from = at + 1;
  }
  return null;
}

/** A line that ends with `…` is its own beginning. */
const alike = (shown: string, said: string): boolean =>
  shown.endsWith("…") ? said.startsWith(shown.slice(0, -1).trimEnd()) : shown === said;

const ESCAPES = new RegExp(`${String.fromCharCode(27)}(?:\\[[0-9;?]*[A-Za-z]|[()][A-Z0-9])`, "g");

/** What a terminal was told, without its colours and movements. */
export const plainly = (text: string): string => text.replace(ESCAPES, "");

/** Numbers with their units, hashes and gaps are what they are on that day. */
const shapeOf = (line: string): string =>
  plainly(line)
    .replace(/SHA256:\S+/g, "SHA256:…")
    .replace(/\bage1[0-9a-z]+/g, "age1")
    .replace(/\d+(?:[.,]\d+)?/g, "0")
    .replace(/\b0 (?:[KMGT]i)?B\b/g, "SIZE")
    .replace(/\b0 (?:ms|s|min|h|d|mo|hours?|days?|minutes?|seconds?)\b(?: 0 (?:s|min)\b)?/g, "TIME")
    .replace(/─+/g, "─")
    .replace(/\s+/g, " ")
    .trim();
