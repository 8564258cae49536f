import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import { hiddenInToml } from "./hidden-toml.ts";
import { problemAt, type StateProblem } from "./problem.ts";
import { readText } from "./read-text.ts";
import type { SourceText } from "./source.ts";

/** One key of a TOML file, whatever it was nested in. */
export interface TomlEntry {
  /** `paths.dataset`. */
  readonly path: string;
  /** The string, or null for a value of another kind. */
  readonly text: string | null;
  /** Where they begin, in UTF-16 units. */
  readonly keyAt: number;
  readonly valueAt: number;
}

export interface TomlSource extends SourceText {
  readonly entries: readonly TomlEntry[];
  /** Where the header of a table stands, by its name. */
  readonly tables: ReadonlyMap<string, number>;
}

export type ReadToml =
  | { readonly kind: "read"; readonly source: TomlSource }
  | { readonly kind: "refused"; readonly problems: readonly StateProblem[] };

/** Reads one file as TOML 1.0; whatever keeps it from being read is a problem, never an exception. */
export function readToml(path: string, file: string): ReadToml {
  const read = readText(path, file, "TOML");
  return read.kind === "text" ? parseToml(file, read.text) : { kind: "refused", problems: [read.problem] };
}

export function parseToml(file: string, text: string): ReadToml {
  const source: SourceText = { file, text, hidden: hiddenInToml(text), secrets: [] };
  try {
    const found = collect(parseTOML(text, { tomlVersion: "1.0" }).body[0].body, []);
    return { kind: "read", source: { ...source, ...found } };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return {
      kind: "refused",
      problems: [problemAt(source, error.index, `this is no TOML: ${error.message}`, "TOML 1.0")],
    };
  }
}

function collect(
  nodes: readonly (AST.TOMLKeyValue | AST.TOMLTable)[],
  under: readonly string[],
): Pick<TomlSource, "entries" | "tables"> {
  const entries: TomlEntry[] = [];
  const tables = new Map<string, number>();
  const into = (body: readonly AST.TOMLKeyValue[], path: readonly string[], at: number): void => {
    const inner = collect(body, path);
    tables.set(path.join("."), at);
    entries.push(...inner.entries);
    for (const [name, place] of inner.tables) tables.set(name, place);
  };
  for (const node of nodes) {
    const path = [...under, ...node.key.keys.map((key) => (key.type === "TOMLBare" ? key.name : key.value))];
    const keyAt = node.key.range[0];
    if (node.type === "TOMLTable") into(node.body, path, keyAt);
    else if (node.value.type === "TOMLInlineTable") into(node.value.body, path, keyAt);
    else {
      const { value } = node;
      const text = value.type === "TOMLValue" && value.kind === "string" ? value.value : null;
      entries.push({ path: path.join("."), text, keyAt, valueAt: value.range[0] });
    }
  }
  return { entries, tables };
}
