import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { marked, type Token, type Tokens } from "marked";

export const ROOT = join(import.meta.dirname, "../..");

/** Every page that is handed out, by its path in the repository. */
export const pages = (): string[] =>
  globSync(["*.md", "docs/**/*.md", "examples/**/*.md"], { cwd: ROOT }).sort();

export const readPage = (page: string): string => readFileSync(join(ROOT, page), "utf8");

/** All tokens of a page, those inside others too, in order. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  marked.walkTokens(marked.lexer(text), (token) => void tokens.push(token));
  return tokens;
}

/** The anchors of a page as GitHub makes them: of headings, and those that stand there in HTML. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const { depth: _, text: heading } of tokensOf(text).filter(isHeading)) {
    const slug = slugOf(heading);
    let anchor = slug;
    for (let more = 1; anchors.has(anchor); more += 1) anchor = `${slug}-${more}`;
    anchors.add(anchor);
  }
  for (const [, id = ""] of text.matchAll(/<a id="([^"]+)">/g)) anchors.add(id);
  return anchors;
}

const isHeading = (token: Token): token is Tokens.Heading => token.type === "heading";

const slugOf = (heading: string): string =>
  heading
    .replace(/\[([^\]]+)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, "")
    .replaceAll(" ", "-");
