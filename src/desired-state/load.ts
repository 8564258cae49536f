import type { DatasetSpec, DesiredState } from "./desired-state.ts";
import { findFiles, type Lookup } from "./find.ts";
import { merge } from "./merge.ts";
import { type Path, placeOf, positionOf } from "./place.ts";
import { type Position, problemAt, type StateProblem } from "./problem.ts";
import type { Report } from "./report.ts";
import { resolve } from "./resolve.ts";
import { shape } from "./shape.ts";
import type { ShapeWords } from "./shape-words.ts";
import { parseSource, type ReadSource, readSource, type Source } from "./source.ts";

/** A valid desired state and where it was written, or every problem of every file. */
export type Loaded =
  | {
      readonly kind: "valid";
      readonly desired: DesiredState;
      /** The files that were read, as people should see them. */
      readonly files: readonly string[];
      /** Where a key stands, by its path (`["datasets", "dev", "owner"]`); undefined for what a default filled in. */
      readonly positionOf: (path: Path) => Position | undefined;
    }
  | { readonly kind: "invalid"; readonly problems: readonly StateProblem[] };

/**
 * Finds, reads and checks the desired state. Contacts nothing; reads no secret that it refers to. `home` is where
 * `~` leads to. Throws a {@link DevbackupError} where there is no desired state to read.
 */
export function loadDesiredState(lookup: Lookup & { readonly home: string }): Loaded {
  const found = findFiles(lookup);
  if (found.kind === "invalid") return found;
  return check(
    found.files.map(({ path, file }) => readSource(path, file)),
    lookup.home,
  );
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
    positionOf: (path) => positionOf(sources, path),
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
