import { type ArtifactRef, artifactPath } from "./artifact.ts";
import { compareLabels, type Label, parseLabel } from "./label.ts";
import { type DatasetName, parseSha256, type Sha256 } from "./names.ts";

/** One registered artifact. */
export interface ManifestRow {
  /** When it was made: RFC 3339, UTC. */
  readonly ts: string;
  readonly label: Label;
  /** Null for an anchor. */
  readonly parent: Label | null;
  readonly sizeBytes: number;
  /** Of the artifact's file, as it lies in the repository and in the bucket. */
  readonly sha256: Sha256;
  /** Relative to the repository. */
  readonly localPath: string;
  /** Null without a cloud. */
  readonly objectKey: string | null;
}

/** Every artifact of a dataset, by growing label: the single source of truth. */
export type Manifest = readonly ManifestRow[];

export type ManifestReading =
  | { readonly kind: "valid"; readonly rows: Manifest }
  | { readonly kind: "damaged"; readonly line: number; readonly why: string };

const COLUMNS = ["ts", "label", "type", "parent", "bytes", "sha256", "local_path", "object_key"] as const;
const HEADER = COLUMNS.join("\t");
const TS = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;

export const refOf = (dataset: DatasetName, row: Pick<ManifestRow, "label" | "parent">): ArtifactRef => ({
  dataset,
  label: row.label,
  parent: row.parent,
});

export const renderRow = (row: ManifestRow): string =>
  [
    row.ts,
    row.label,
    row.parent === null ? "full" : "incr",
    row.parent ?? "-",
    String(row.sizeBytes),
    row.sha256,
    row.localPath,
    row.objectKey ?? "-",
  ].join("\t");

/** The whole file, as the contract lays it out. */
export const renderManifest = (rows: Manifest): string =>
  [HEADER, ...rows.map(renderRow)].map((line) => `${line}\n`).join("");

/**
 * Reads a manifest strictly: one stray byte makes it `damaged`, with the line (1-based) and the reason.
 * Promises of the rows it gives: labels grow, every parent stands above its increment, paths are the ones
 * that the labels make.
 */
export function parseManifest(text: string, dataset: DatasetName): ManifestReading {
  if (text === "") return damaged(1, "it is empty: not even the first line is there");
  const lines = text.split("\n");
  if (lines.pop() !== "") return damaged(lines.length + 1, "the last line has no end: the file was cut off");
  if (lines[0] === `${HEADER}\r`) return damaged(1, "its lines end in CR LF");
  if (lines[0] !== HEADER) return damaged(1, `the first line is not ${JSON.stringify(HEADER)}`);
  const rows: ManifestRow[] = [];
  // a look through the rows for each parent would take minutes where there are many
  const above = new Set<Label | null>([null]);
  for (const [index, line] of lines.slice(1).entries()) {
    const row = parseRow(line, dataset);
    if (typeof row === "string") return damaged(index + 2, row);
    const last = rows.at(-1);
    if (last !== undefined && compareLabels(last.label, row.label) >= 0)
      return damaged(
        index + 2,
        row.label === last.label
          ? `${row.label} stands there twice`
          : `${row.label} stands below ${last.label}: labels must grow`,
      );
    if (!above.has(row.parent))
      return damaged(index + 2, `${row.label} builds on ${row.parent}, which no line above has`);
    rows.push(row);
    above.add(row.label);
  }
  return { kind: "valid", rows };
}

/** One line of a manifest, or what is wrong with it. */
export function parseRow(line: string, dataset: DatasetName): ManifestRow | string {
  const fields = line.split("\t");
  if (fields.length !== COLUMNS.length) return `${fields.length} columns instead of ${COLUMNS.length}`;
  const [ts = "", labelText = "", type, parentText = "", bytes = "", sha = "", localPath = "", key = ""] =
    fields;
  const label = parseLabel(labelText);
  const parent = parentText === "-" ? null : parseLabel(parentText);
  const sha256 = parseSha256(sha);
  if (!TS.test(ts) || Number.isNaN(Date.parse(ts)))
    return `ts ${JSON.stringify(ts)} is no RFC 3339 time in UTC`;
  if (label === undefined) return `${JSON.stringify(labelText)} is no label`;
  if (parent === undefined) return `${JSON.stringify(parentText)} is no label`;
  if (type !== (parent === null ? "full" : "incr"))
    return `type ${JSON.stringify(type)} with parent ${parentText}`;
  if (!/^(0|[1-9]\d{0,15})$/.test(bytes)) return `bytes ${JSON.stringify(bytes)} is no size`;
  if (sha256 === undefined) return `${JSON.stringify(sha)} is no SHA-256`;
  const expected = artifactPath({ dataset, label, parent });
  if (localPath !== expected) return `local_path is ${JSON.stringify(localPath)} instead of ${expected}`;
  if (key !== "-" && !key.endsWith(`${dataset}/${expected}`))
    return `object_key ${JSON.stringify(key)} is another artifact's`;
  return {
    ts,
    label,
    parent,
    sizeBytes: Number(bytes),
    sha256,
    localPath,
    objectKey: key === "-" ? null : key,
  };
}

/** `manifests/state.env`: where the chain stands, for shell users. Derived; never read back. */
export function renderStateEnv(dataset: DatasetName, rows: Manifest): string {
  const last = rows.at(-1);
  const anchor = rows.findLast((row) => row.parent === null);
  const values = {
    DATASET: dataset,
    LATEST_LABEL: last?.label ?? "",
    LATEST_TYPE: last === undefined ? "" : last.parent === null ? "full" : "incr",
    LATEST_PARENT: last?.parent ?? "",
    LATEST_ARTIFACT: last?.localPath ?? "",
    ANCHOR_LABEL: anchor?.label ?? "",
    ARTIFACTS: rows.length,
  };
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

const damaged = (line: number, why: string): ManifestReading => ({ kind: "damaged", line, why });
