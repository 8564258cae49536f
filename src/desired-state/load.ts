import { readFileSync } from "node:fs";
import { fileName } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { DatasetSpec, DesiredState } from "./desired-state.ts";
import { findFiles, type Lookup } from "./find.ts";
import { merge } from "./merge.ts";
import { placeOf, positionOf } from "./place.ts";
import { lineAt, type Position, problemAt, type StateProblem } from "./problem.ts";
import { parseSource, type ReadSource, readSource } from "./read-source.ts";
import type { Report } from "./report.ts";
import { resolve } from "./resolve.ts";
import type { Path } from "./schema.ts";
import { shape } from "./shape.ts";
import type { ShapeWords } from "./shape-words.ts";
import type { Source } from "./source.ts";
import { parseStandpoint, type Standpoint, seenFrom } from "./standpoint.ts";

/** A valid desired state and where it was written, or every problem of every file. */
export type Loaded =
  | {
      readonly kind: "valid";
      readonly desired: DesiredState;
      /** The files that were read, as people should see them. */
      readonly files: readonly string[];
      /** Their texts, as they were written. */
      readonly texts: readonly WrittenFile[];
      /** Where a key stands, by its path (`["datasets", "dev", "owner"]`); undefined for what a default filled in. */
      readonly positionOf: (path: Path) => Position | undefined;
      /** The line there, without what must not be shown of it: a webhook's address, say. */
      readonly lineAt: (position: Position) => string;
    }
  | { readonly kind: "invalid"; readonly problems: readonly StateProblem[] };

/** A file of the desired state, by its own name. */
export interface WrittenFile {
  readonly name: string;
  readonly text: string;
}

/**
 * Finds, reads and checks the desired state. Contacts nothing; reads no secret that it refers to. `home` is where
 * `~` leads to. Throws a {@link DevbackupError} where there is no desired state to read.
 */
export function loadDesiredState(lookup: Lookup & { readonly home: string }): Loaded {
  const found = findFiles(lookup);
  if (found.kind === "invalid") return found;
  const loaded = check(
    found.files.map(({ path, file }) => readSource(path, file)),
    lookup.home,
  );
  const standpoint = ownStandpoint(lookup.env);
  return loaded.kind === "invalid" || standpoint === null
    ? loaded
    : { ...loaded, desired: seenFrom(standpoint, loaded.desired, lookup.env.CREDENTIALS_DIRECTORY ?? "") };
}

/** Where this is a scheduled run, which its unit says. @throws DevbackupError where that can't be read */
export function ownStandpoint(env: Lookup["env"]): Standpoint | null {
  const file = env.DEVBACKUP_STANDPOINT;
  if (file === undefined || file === "") return null;
  const refused = (why: string) =>
    new DevbackupError({
      code: "standpoint-unreadable",
      exitCode: 1,
      what: `$DEVBACKUP_STANDPOINT names ${file}, and it can't be used`,
      why,
      state: "Nothing was contacted",
      next: "devbackup apply from where the schedule was set up: it writes the file anew",
    });
  try {
    const standpoint = parseStandpoint(readFileSync(file, "utf8"));
    if (standpoint !== undefined) return standpoint;
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error));
  }
  throw refused("devbackup did not write it so");
}

/** The same for a text that stands in no file yet; `file` is what problems call it. */
export const checkDesiredState = (text: string, { file, home }: { file: string; home: string }): Loaded =>
  check([parseSource(file, text)], home);

function check(read: readonly ReadSource[], home: string): Loaded {
  const sources = read.flatMap(({ source }) => source ?? []);
  const problems = read.flatMap((file) => file.problems);
  const allRead = sources.length === read.length;
  const merged = merge(sources);
  problems.push(...merged.problems);
  if (sources.length === 0) return { kind: "invalid", problems: inOrder(problems) };

  const { written, faults } = shape(merged.input);
  for (const fault of faults) {
    // what is missing may stand in the file that could not be read
    if (fault.path.length > 0 || allRead) problems.push(inPlace(sources, fault));
  }
  const report: Report = (path, wrong, right) => {
    problems.push(inPlace(sources, { path, at: "value", wrong, right }));
    return undefined;
  };
  const desired = resolve(written, home, report);
  if (problems.length > 0) return { kind: "invalid", problems: inOrder(problems) };
  const offset = (dataset: DatasetSpec) => placeOf(sources, ["datasets", dataset.name])?.key ?? 0;
  return {
    kind: "valid",
    // JavaScript puts keys that look like numbers first
    desired: { ...desired, datasets: desired.datasets.toSorted((a, b) => offset(a) - offset(b)) },
    files: sources.map((source) => source.file),
    texts: sources.map(({ file, text }) => ({ name: fileName(file), text })),
    positionOf: (path) => positionOf(sources, path),
    lineAt: ({ file, line }) => {
      const source = sources.find((each) => each.file === file);
      return source === undefined ? "" : lineAt(source, line);
    },
  };
}

/** At the key or value that the fault is about, or at the nearest key above it that is written. */
function inPlace(sources: readonly Source[], { path, at, wrong, right }: ShapeWords): StateProblem {
  for (let written = path; written.length > 0; written = written.slice(0, -1)) {
    const place = placeOf(sources, written);
    if (!place) continue;
    return problemAt(
      place.source,
      written === path && at === "value" ? place.value : place.key,
      wrong,
      right,
    );
  }
  const [first] = sources;
  if (first === undefined) throw new Error("a fault of shape without a file");
  return problemAt(first, first.top?.range?.[0] ?? 0, wrong, right);
}

const inOrder = (problems: readonly StateProblem[]): readonly StateProblem[] =>
  problems.toSorted((a, b) =>
    a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.col - b.col,
  );
