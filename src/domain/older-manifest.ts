import { ARTIFACT_SUFFIX } from "./artifact.ts";
import { type Label, parseLabel } from "./label.ts";
import { type DatasetName, fileName, parseSha256, type Sha256 } from "./names.ts";

/** A row as an older tool wrote it: what it says, and null for what it does not say. */
export interface OlderRow {
  /** 1-based, in its file. */
  readonly line: number;
  /** RFC 3339, UTC. */
  readonly ts: string | null;
  readonly label: Label | null;
  readonly type: "full" | "incr" | null;
  readonly parent: Label | null;
  readonly sizeBytes: number | null;
  readonly sha256: Sha256 | null;
  /** The last part of its path, or of its object key. */
  readonly file: string | null;
  readonly objectKey: string | null;
  /** What of it can't be what any row says; empty where all of it is understood. */
  readonly strange: readonly string[];
}

type Column = "ts" | "label" | "type" | "parent" | "bytes" | "sha256" | "local_path" | "object_key";

/** The headings that name a column, `lbel` among them: one of the published tools wrote it so. */
const HEADINGS: Readonly<Record<Column, RegExp>> = {
  ts: /^(ts|time|timestamp|date|created|created_at)$/,
  label: /^(label|lbel|month|period|snapshot)$/,
  type: /^(type|kind)$/,
  parent: /^(parent|parent_label|base|from)$/,
  bytes: /^(bytes|size|size_bytes)$/,
  sha256: /^(sha256|sha256sum|sha|hash|checksum)$/,
  local_path: /^(local_path|path|local|file|filename|artifact)$/,
  object_key: /^(object_key|key|object|remote_path|cloud_key|r2_key)$/,
};
const COLUMNS = Object.keys(HEADINGS) as Column[];

const TYPES: Readonly<Record<string, "full" | "incr">> = {
  full: "full",
  anchor: "full",
  base: "full",
  incr: "incr",
  inc: "incr",
  increment: "incr",
  incremental: "incr",
};

/**
 * Reads the first version of a manifest: with a heading or without, in the order of the heading, with columns missing or
 * shifted (a shell's `read` takes two tabs for one), CR LF, spaces at ends, and lines without anything. Null where no line of
 * it is a row or a heading: then it is not one.
 */
export function parseOlderManifest(text: string, dataset: DatasetName): readonly OlderRow[] | null {
  const rows: OlderRow[] = [];
  let heading: readonly (Column | null)[] | null = null;
  for (const [index, whole] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const fields = whole.split("\t").map((field) => field.trim());
    if (fields.every((field) => field === "")) continue;
    const named = headingOf(fields);
    if (named !== null) heading = named;
    else if (!whole.startsWith("#")) rows.push(rowOf(fields, heading, index + 1, dataset));
  }
  const understood = rows.some(({ label, file }) => label !== null || file?.endsWith(ARTIFACT_SUFFIX));
  return understood || (rows.length === 0 && heading !== null) ? rows : null;
}

/** Columns that it has twice or that nobody knows are null. Null where it is no heading: what it has is not all words. */
function headingOf(fields: readonly string[]): (Column | null)[] | null {
  const words = fields.map((field) => field.replace(/^# */, "").toLowerCase());
  const columns = words.map((word) => COLUMNS.find((column) => HEADINGS[column].test(word)) ?? null);
  const known = columns.filter((column) => column !== null);
  const worded = words.every((word) => /^[a-z][a-z0-9_ -]*$/.test(word) || word === "");
  if (known.length < Math.min(2, words.length) || !worded) return null;
  return columns.map((column, index) => (columns.indexOf(column) === index ? column : null));
}

interface Values {
  readonly of: ReadonlyMap<Column, string>;
  readonly strange: readonly string[];
}

function rowOf(
  fields: readonly string[],
  heading: readonly (Column | null)[] | null,
  line: number,
  dataset: DatasetName,
): OlderRow {
  const { of: values, strange } = byHeading(fields, heading, dataset) ?? byShape(fields, dataset);
  const value = (column: Column): string => values.get(column) ?? "";
  const path = value("local_path") || value("object_key");
  return {
    line,
    ts: momentOf(value("ts")),
    label: labelOf(value("label"), dataset) ?? null,
    type: TYPES[value("type").toLowerCase()] ?? null,
    parent: labelOf(value("parent"), dataset) ?? null,
    sizeBytes: value("bytes") === "" ? null : Number(value("bytes")),
    sha256: hashOf(value("sha256")) ?? null,
    file: path === "" ? null : fileName(path),
    objectKey: value("object_key") || null,
    strange,
  };
}

/** Null where there is no heading, or a value is not what its column holds: the row is shifted. */
function byHeading(
  fields: readonly string[],
  heading: readonly (Column | null)[] | null,
  dataset: DatasetName,
): Values | null {
  if (heading === null || fields.slice(heading.length).some((field) => !isNothing(field))) return null;
  const of = new Map<Column, string>();
  for (const [index, column] of heading.entries()) {
    const field = fields[index] ?? "";
    if (column === null || isNothing(field)) continue;
    if (!HAS_SHAPE[column](field, dataset)) return null;
    of.set(column, field);
  }
  return { of, strange: [] };
}

/** Each value is given to the first column that is still free and could hold it; no label stands behind what is none. */
function byShape(fields: readonly string[], dataset: DatasetName): Values {
  const of = new Map<Column, string>();
  const strange: string[] = [];
  for (const field of fields.filter((each) => !isNothing(each))) {
    const free = COLUMNS.filter((each) => !of.has(each) && !(each === "label" && strange.length > 0));
    const column = free.find((each) => HAS_SHAPE[each](field, dataset));
    if (column === undefined) strange.push(field);
    else of.set(column, field);
  }
  return { of, strange };
}

/** A value has the shape of one column at most, but for labels and paths, of which the first is the label and the file. */
const HAS_SHAPE: Readonly<Record<Column, (field: string, dataset: DatasetName) => boolean>> = {
  ts: (field) => momentOf(field) !== null,
  label: (field, dataset) => labelOf(field, dataset) !== undefined,
  type: (field) => Object.hasOwn(TYPES, field.toLowerCase()),
  parent: (field, dataset) => labelOf(field, dataset) !== undefined,
  bytes: (field) => /^\d{1,15}$/.test(field),
  sha256: (field) => hashOf(field) !== undefined,
  local_path: isPath,
  object_key: isPath,
};

function isPath(field: string): boolean {
  return field.includes("/") || field.endsWith(".age");
}

const isNothing = (field: string): boolean => ["", "-", "none", "null"].includes(field.toLowerCase());

const labelOf = (field: string, dataset: DatasetName): Label | undefined =>
  parseLabel(field.startsWith(`${dataset}@`) ? field.slice(dataset.length + 1) : field);

const hashOf = (field: string): Sha256 | undefined =>
  parseSha256(field.toLowerCase().replace(/^sha256:/, ""));

/** A time with its zone, as `date` prints it with `-u` or `-Is`; one without a zone is taken for UTC. */
function momentOf(field: string): string | null {
  const [, day, time, fraction = "", zone = "Z"] =
    /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d{1,9})? ?(Z|UTC|[+-]\d{2}:?\d{2})?$/.exec(field) ?? [];
  if (day === undefined) return null;
  const date = new Date(
    `${day}T${time}${fraction.slice(0, 4)}${zone === "UTC" ? "Z" : zone.replace(/(\d)(\d{2})$/, "$1:$2")}`,
  );
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
