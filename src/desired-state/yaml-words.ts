import { type Document, isScalar, visit, type YAMLError } from "yaml";
import type { Position } from "./problem.ts";

export interface YamlWords {
  readonly offset: number;
  readonly wrong: string;
  readonly right: string;
}

/**
 * An error of the YAML parser in the words of a person. The parser's own message is not used: it may quote the
 * file, and with it a secret.
 */
export function wordsForYamlError(
  error: Pick<YAMLError, "code" | "pos" | "message">,
  document: Document,
  positionAt: (offset: number) => Position,
): YamlWords {
  const [offset] = error.pos;
  switch (error.code) {
    case "DUPLICATE_KEY":
      return duplicateKey(offset, document, positionAt);
    case "TAG_RESOLVE_FAILED":
      return {
        offset,
        wrong: "a tag (!…) stands here",
        right: "the value without a tag; quotes, if it begins with `!`",
      };
    case "TAB_AS_INDENT":
      return { offset, wrong: "this line is indented with a tab", right: "spaces: YAML allows no tab there" };
    case "BAD_INDENT":
      return error.message.startsWith("Flow")
        ? { offset, wrong: "a `{` or `[` is not closed before this place", right: "the closing `}` or `]`" }
        : {
            offset,
            wrong: "this line is indented otherwise than those beside it",
            right: "the same number of spaces",
          };
    case "MISSING_CHAR":
      return error.message.includes("quote")
        ? {
            offset: openQuote(document, offset),
            wrong: "this quote is never closed",
            right: "a closing quote",
          }
        : {
            offset,
            wrong: "something is missing before this place",
            right: "a `:` after a key, a `,` between items",
          };
    case "BLOCK_AS_IMPLICIT_KEY":
      return {
        offset,
        wrong: "there are two `: ` on one line",
        right:
          "quotes around a value that holds `: `; or, where that is not meant, both lines indented alike",
      };
    case "MULTILINE_IMPLICIT_KEY":
      return {
        offset,
        wrong: "this line is neither a key nor a value",
        right: "`key: value`, with a colon and a space",
      };
    case "BAD_SCALAR_START":
      return { offset, wrong: "a value cannot begin with this character", right: "quotes around the value" };
    case "MULTIPLE_DOCS":
      return { offset, wrong: "a second document begins here", right: "one document a file: take out `---`" };
    case "BAD_ALIAS":
      return { offset, wrong: "this is no valid alias", right: "quotes, if the value begins with `*`" };
    case "BAD_DQ_ESCAPE":
      return {
        offset,
        wrong: "this escape is unknown between double quotes",
        right: "`\\\\` for a backslash, or single quotes",
      };
    case "NON_STRING_KEY":
      return { offset, wrong: "this key is not a text", right: "`key: value`" };
    case "RESOURCE_EXHAUSTION":
      return { offset, wrong: "this file is nested too deeply", right: "a few levels, as in the reference" };
    default:
      return {
        offset,
        wrong: "this is no valid YAML",
        right: "`key: value`, lists as `[a, b]`, texts with odd characters in quotes",
      };
  }
}

function duplicateKey(
  offset: number,
  document: Document,
  positionAt: (offset: number) => Position,
): YamlWords {
  const twice = keysTwice(document).get(offset);
  if (twice === undefined)
    return { offset, wrong: "this key stands here a second time", right: "the key once" };
  const { file, line, col } = positionAt(twice.first);
  return {
    offset,
    wrong: `\`${twice.name}\` is written twice; the first is at ${file}:${line}:${col}`,
    right: "the key once",
  };
}

interface KeyTwice {
  readonly name: string;
  /** Where it stands first. */
  readonly first: number;
}

const known = new WeakMap<Document, ReadonlyMap<number, KeyTwice>>();

/** By where they stand again; looked for once a document, which may hold thousands. */
function keysTwice(document: Document): ReadonlyMap<number, KeyTwice> {
  const found = known.get(document);
  if (found !== undefined) return found;
  const twice = new Map<number, KeyTwice>();
  visit(document, {
    Map(_, map) {
      const firsts = new Map<unknown, number>();
      for (const { key } of map.items) {
        if (!isScalar(key) || !key.range) continue;
        const [at] = key.range;
        const first = firsts.get(key.value);
        if (first === undefined) firsts.set(key.value, at);
        else twice.set(at, { name: String(key.value), first });
      }
    },
  });
  known.set(document, twice);
  return twice;
}

/** The parser reports an open quote where the file ends; the mistake is where the quote begins. */
function openQuote(document: Document, end: number): number {
  let start = end;
  visit(document, {
    Scalar(_, scalar) {
      const quoted = scalar.type === "QUOTE_DOUBLE" || scalar.type === "QUOTE_SINGLE";
      if (quoted && scalar.range && scalar.range[1] >= end - 1) start = scalar.range[0];
    },
  });
  return start;
}
