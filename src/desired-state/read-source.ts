import { isMap, isScalar, parseDocument, visit } from "yaml";
import { privateKeysIn, secretsIn } from "./hide-secrets.ts";
import { positionAt, problemAt, type StateProblem } from "./problem.ts";
import { readText } from "./read-text.ts";
import type { Source } from "./source.ts";
import { wordsForYamlError } from "./yaml-words.ts";

export interface ReadSource {
  readonly source: Source | undefined;
  readonly problems: readonly StateProblem[];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: YAML 1.2 allows no control character but tab, LF and CR
const NOT_TEXT = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;
const MAPPING_RIGHT = "a mapping, as in\n  version: 1\n  hosts: …\n  datasets: …";

/** Reads one file as UTF-8; whatever keeps it from being read is a problem, never an exception. */
export function readSource(path: string, file: string): ReadSource {
  const read = readText(path, file, "YAML");
  return read.kind === "text"
    ? parseSource(file, read.text)
    : { source: undefined, problems: [read.problem] };
}

/** The text of one file as YAML 1.2, without custom tags; all its problems as a file of its own. */
export function parseSource(file: string, text: string): ReadSource {
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    merge: false,
    prettyErrors: false,
    resolveKnownTags: false,
    stringKeys: true,
    logLevel: "error",
  });
  const faults = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  const broken = faults.some((fault) => !isLocal(fault.code));
  const bare: Source = { file, text, document, top: undefined, ...secretsIn(text, document, broken) };
  const problems = privateKeysIn(text).map((range) =>
    problemAt(
      bare,
      range.start,
      "a private key stands here in the clear",
      "take it out of this file, and treat it as known to others; where a recipient is wanted, its public half (age1…), which `age-keygen -y FILE` prints",
    ),
  );
  const notText = NOT_TEXT.exec(text);
  if (notText !== null) {
    problems.push(
      problemAt(bare, notText.index, "this is not text: a control character", "YAML, saved as UTF-8"),
    );
    return { source: undefined, problems };
  }
  // after the first mistake in the syntax, the rest are mostly its consequences
  const syntax = faults.find((fault) => !isLocal(fault.code));
  const local = faults.filter((fault) => isLocal(fault.code) && !(syntax && fault.pos[0] >= syntax.pos[0]));
  for (const fault of syntax ? [...local, syntax] : local) {
    const { offset, wrong, right } = wordsForYamlError(fault, document, (at) => positionAt(bare, at));
    problems.push(problemAt(bare, offset, wrong, right));
  }
  if (document.directives?.yaml.version !== "1.2") {
    problems.push(
      problemAt(bare, 0, "this file asks for another version of YAML", "YAML 1.2: take out %YAML"),
    );
  }
  if (broken) return { source: undefined, problems };
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    return {
      source: undefined,
      problems: [...problems, problemAt(bare, 0, "this file is empty", MAPPING_RIGHT)],
    };
  }
  if (!isMap(contents)) {
    const found = problemAt(bare, contents.range?.[0] ?? 0, "this file is not a mapping", MAPPING_RIGHT);
    return { source: undefined, problems: [...problems, found] };
  }
  const aliases = badAliases(bare);
  return aliases.length > 0
    ? { source: undefined, problems: [...problems, ...aliases] }
    : { source: { ...bare, top: contents }, problems };
}

/** These leave the rest of the document as it was meant. */
const isLocal = (code: string): boolean => code === "DUPLICATE_KEY" || code === "TAG_RESOLVE_FAILED";

/** Aliases that name no anchor, hold themselves, or multiply into more than a desired state could need. */
function badAliases(source: Source): readonly StateProblem[] {
  const problems: StateProblem[] = [];
  let first: number | undefined;
  visit(source.document, {
    Alias(_, alias, ancestors) {
      const offset = alias.range?.[0] ?? 0;
      first ??= offset;
      const anchor = alias.resolve(source.document);
      if (anchor === undefined) {
        problems.push(
          problemAt(
            source,
            offset,
            "this alias names no anchor above it",
            "quotes, if the value begins with `*`",
          ),
        );
      } else if (ancestors.includes(anchor)) {
        problems.push(problemAt(source, offset, "this alias holds itself", "an alias of something else"));
      }
    },
  });
  if (problems.length > 0 || first === undefined) return problems;
  try {
    source.document.toJS();
    return [];
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return [
      problemAt(source, first, "the aliases of this file multiply without measure", "the values themselves"),
    ];
  }
}
