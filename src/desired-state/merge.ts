import { isScalar } from "yaml";
import { positionAt, problemAt, type StateProblem } from "./problem.ts";
import type { Source } from "./source.ts";

/** What all files say together, and the keys that two of them say. */
export interface Merged {
  readonly input: Readonly<Record<string, unknown>>;
  readonly problems: readonly StateProblem[];
}

/** Puts the top-level keys of all files together; of a key in two files, the first counts and both are named. */
export function merge(sources: readonly Source[]): Merged {
  const values = new Map<string, unknown>();
  const places = new Map<string, string>();
  const problems: StateProblem[] = [];
  for (const source of sources) {
    const said: Record<string, unknown> = source.document.toJS();
    for (const { key } of source.top?.items ?? []) {
      if (!isScalar(key)) continue;
      const name = String(key.value);
      const offset = key.range?.[0] ?? 0;
      const { file, line, col } = positionAt(source, offset);
      const first = places.get(name);
      // twice in one file is the parser's to report
      if (first !== undefined && !first.startsWith(`${file}:`)) {
        const right = "the key in one of the two files, with what both say";
        problems.push(
          problemAt(source, offset, `\`${name}\` stands in two files; the first is at ${first}`, right),
        );
      }
      if (first === undefined) {
        places.set(name, `${file}:${line}:${col}`);
        values.set(name, said[name]);
      }
    }
  }
  return { input: Object.fromEntries(values), problems };
}
