import { type ArtifactRef, artifactPath, parseArtifactFile } from "./artifact.ts";
import type { Label } from "./label.ts";
import type { Manifest, ManifestRow } from "./manifest.ts";
import { type DatasetName, fileName } from "./names.ts";
import type { OlderRow } from "./older-manifest.ts";
import { type Finding, rebuild } from "./rebuild.ts";

/** A row of an older manifest, and the file that it speaks of. */
export interface Matched {
  readonly row: OlderRow;
  readonly ref: ArtifactRef;
  /** Where the file lies, relative to the repository. */
  readonly path: string;
}

/** What gets no row, by the line of the older manifest or, where none has it, by its path. */
export interface Unmigrated {
  readonly line: number | null;
  /** Of what: a label, a file name, a path. */
  readonly what: string;
  readonly why: string;
  /** Something is wrong with what is stored, or it is not there. */
  readonly damaged: boolean;
}

export interface Matching {
  readonly matched: readonly Matched[];
  readonly leftOut: readonly Unmigrated[];
}

/** A file below `artifacts/` that has the name of an artifact. */
type NamedFile = Pick<Matched, "ref" | "path">;

/**
 * Finds the file of each row among `paths`, everything below `artifacts/`, by its name: where a row says that it lies is a
 * path of another time. A label that stands there twice is what its last row says, as the older tools read it.
 */
export function matchFiles(
  rows: readonly OlderRow[],
  paths: readonly string[],
  dataset: DatasetName,
): Matching {
  const files = paths.flatMap((path): NamedFile[] => {
    const ref = parseArtifactFile(dataset, fileName(path));
    return ref === undefined ? [] : [{ ref, path }];
  });
  const byLabel = Map.groupBy(files, ({ ref }) => ref.label);
  const last = new Map<Label, Matched>();
  const leftOut: Unmigrated[] = [];
  for (const row of rows) {
    const found = fileOf(row, byLabel, dataset);
    if (typeof found === "string") {
      leftOut.push({ line: row.line, what: nameOf(row), why: found, damaged: true });
      continue;
    }
    const { label } = found.ref;
    const earlier = last.get(label);
    if (earlier !== undefined && earlier.path !== found.path)
      leftOut.push(leave(earlier, `line ${row.line} has ${label} again, as another artifact`, false));
    last.set(label, { row, ...found });
  }
  const matched = [...last.values()];
  const spoken = new Set(
    [...matched.map(({ path }) => path), ...leftOut.map(({ what }) => what)].map(fileName),
  );
  for (const { path } of files)
    if (!spoken.has(fileName(path)))
      leftOut.push({ line: null, what: path, why: "no row speaks of it", damaged: false });
  return { matched, leftOut };
}

/** The file that a row speaks of, or why there is none. */
function fileOf(
  row: OlderRow,
  byLabel: ReadonlyMap<Label, readonly NamedFile[]>,
  dataset: DatasetName,
): NamedFile | string {
  const { file } = row;
  const named = file === null ? undefined : parseArtifactFile(dataset, file);
  if (file !== null && named === undefined) return `${file} is no name of an artifact of ${dataset}`;
  const label = named?.label ?? row.label;
  if (label === null) return "it names neither a label nor a file";
  const wrong = named === undefined ? null : contradiction(row, named);
  if (wrong !== null) return wrong;
  const fitting = (byLabel.get(label) ?? []).filter(({ ref, path }) =>
    file === null ? contradiction(row, ref) === null : fileName(path) === file,
  );
  const inPlace = fitting.filter(({ ref, path }) => path === artifactPath(ref));
  const [one, ...others] = inPlace.length > 0 ? inPlace : fitting;
  if (one === undefined)
    return row.objectKey === null
      ? "its file is nowhere below artifacts/"
      : `its file is nowhere below artifacts/; the bucket may have it, as ${row.objectKey}`;
  return others.length === 0
    ? one
    : `it may be any of ${[one, ...others].map(({ path }) => path).join(", ")}`;
}

function contradiction({ label, type, parent }: OlderRow, ref: ArtifactRef): string | null {
  if (label !== null && label !== ref.label) return `it says ${label}, and its file is of ${ref.label}`;
  if (type !== null && type !== typeOf(ref))
    return `it says ${type === "full" ? "an anchor" : "an increment"}, and its file's name another`;
  if (parent !== null && parent !== ref.parent)
    return `it builds on ${parent}, and by its file's name on ${ref.parent ?? "nothing"}`;
  return null;
}

/** An older manifest, upgraded by what its files say. */
export interface Migration {
  readonly rows: Manifest;
  /** Where the file of each row lies now, relative to the repository. */
  readonly from: ReadonlyMap<Label, string>;
  readonly leftOut: readonly Unmigrated[];
  /** Keys of the rows that are another now: what the bucket has under the old one is not looked for there. */
  readonly otherKeys: readonly { readonly was: string; readonly is: string }[];
}

/**
 * The rows that their own files, read to the end, agree with: size, SHA-256, the snapshot that each holds, and that each
 * increment builds on the very snapshot of its parent. `findings` are of the matched files, by path. `ts` is the row's, else the file's.
 */
export function migrate(
  { matched, leftOut }: Matching,
  findings: readonly Finding[],
  objectKey: (ref: ArtifactRef) => string | null,
): Migration {
  const byPath = new Map(findings.map((finding) => [finding.path, finding]));
  const read = matched.map((each) => {
    const found = byPath.get(each.path);
    if (found === undefined) throw new RangeError(`${each.path} was not read`);
    const wrong = disagreement(each.row, found);
    const reading = wrong === null ? found.reading : { kind: "damaged" as const, why: wrong };
    return { each, finding: { ...found, path: artifactPath(each.ref), reading } };
  });
  const before = read.map(({ each: { row, ref }, finding }) => asBefore(row, ref, finding));
  const rebuilt = rebuild(
    read.map(({ finding }) => finding),
    before,
    objectKey,
  );
  const byPlace = new Map(matched.map((each) => [artifactPath(each.ref), each]));
  const of = (path: string) => byPlace.get(path);
  const rows = rebuilt.rows;
  return {
    rows,
    from: new Map(rows.map((row) => [row.label, of(row.localPath)?.path ?? row.localPath])),
    leftOut: [
      ...leftOut,
      ...rebuilt.leftOut.map(({ path, why, damaged }) => {
        const it = of(path);
        return it === undefined ? { line: null, what: path, why, damaged } : leave(it, why, damaged);
      }),
    ].toSorted((a, b) => (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER)),
    otherKeys: rows.flatMap(({ localPath, objectKey: is }) => {
      const was = of(localPath)?.row.objectKey ?? null;
      return was === null || is === null || was === is ? [] : [{ was, is }];
    }),
  };
}

/** What the row says of the file and the file does not. */
function disagreement(row: OlderRow, { reading }: Finding): string | null {
  if (reading.kind !== "whole") return null;
  if (row.sizeBytes !== null && row.sizeBytes !== reading.sizeBytes)
    return `its file has ${reading.sizeBytes} bytes, and the row says ${row.sizeBytes}`;
  if (row.sha256 !== null && row.sha256 !== reading.sha256)
    return `the sha256 of its file is ${reading.sha256}, and the row says ${row.sha256}`;
  if (row.sha256 === null && row.strange.length > 0)
    return `the row has no sha256 that can be compared, and ${JSON.stringify(row.strange.join(" "))} where one may have been meant`;
  return null;
}

function asBefore(row: OlderRow, ref: ArtifactRef, { ts, reading }: Finding): ManifestRow {
  const whole = reading.kind === "whole" ? reading : null;
  return {
    ts: row.ts ?? ts,
    label: ref.label,
    parent: ref.parent,
    sizeBytes: whole?.sizeBytes ?? 0,
    sha256: whole?.sha256 ?? ("" as ManifestRow["sha256"]),
    localPath: artifactPath(ref),
    // without a cloud the old one stays, where it is one that a manifest may have
    objectKey: row.objectKey?.endsWith(`${ref.dataset}/${artifactPath(ref)}`) ? row.objectKey : null,
  };
}

const leave = ({ row, path }: Matched, why: string, damaged: boolean): Unmigrated => ({
  line: row.line,
  what: path,
  why,
  damaged,
});

const typeOf = ({ parent }: ArtifactRef): "full" | "incr" => (parent === null ? "full" : "incr");

const nameOf = ({ file, label, strange }: OlderRow): string => file ?? label ?? strange[0] ?? "no name";
