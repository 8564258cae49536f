import { type ArtifactRef, artifactPath, snapshotName } from "./artifact.ts";
import { compareLabels, type Label } from "./label.ts";
import type { Manifest, ManifestRow } from "./manifest.ts";
import { fileName, type Sha256 } from "./names.ts";
import type { CopyPlace } from "./restore-chain.ts";

/** What came of reading an artifact to its end. */
export type ArtifactReading =
  | {
      readonly kind: "whole";
      readonly sizeBytes: number;
      readonly sha256: Sha256;
      /** The name that its stream gives the snapshot. */
      readonly snapshot: string;
      readonly uuid: string;
      /** Of the snapshot that the stream builds on; null where it holds everything. */
      readonly parentUuid: string | null;
    }
  | { readonly kind: "damaged"; readonly why: string }
  /** In the bucket, and not fetched. */
  | { readonly kind: "unread"; readonly why: string };

/** A file or an object whose name is an artifact's. */
export interface Finding {
  readonly ref: ArtifactRef;
  readonly place: CopyPlace;
  /** Where it lies, relative to the repository; of an object, where it belongs. */
  readonly path: string;
  /** When it was last written: RFC 3339, UTC. */
  readonly ts: string;
  readonly reading: ArtifactReading;
}

export interface LeftOut {
  readonly place: CopyPlace;
  readonly path: string;
  readonly why: string;
  /** Something is wrong with what is stored; else nobody has looked yet. */
  readonly damaged: boolean;
}

/** A manifest made again from artifacts. */
export interface Rebuilt {
  readonly rows: Manifest;
  /** The finding behind each row. */
  readonly from: ReadonlyMap<Label, Finding>;
  readonly leftOut: readonly LeftOut[];
  /** Labels that two artifacts could be; only a person can say which. */
  readonly conflicts: readonly { readonly label: Label; readonly paths: readonly string[] }[];
}

type Whole = Finding & { readonly reading: ArtifactReading & { readonly kind: "whole" } };

/**
 * The rows that artifacts speak for by themselves: each holds the snapshot that its name says, and each increment
 * builds on the very snapshot that the artifact of its parent label holds, by UUID. What does not is left out, and
 * so is everything that rests on it. `ts` is what `before` has for that label and parent, else the file's.
 */
export function rebuild(
  findings: readonly Finding[],
  before: Manifest,
  objectKey: (ref: ArtifactRef) => string | null,
): Rebuilt {
  const leftOut = new Map<Finding, LeftOut>();
  const leave = (finding: Finding, why: string) =>
    leftOut.set(finding, {
      place: finding.place,
      path: finding.path,
      why,
      damaged: finding.reading.kind !== "unread",
    });
  const whole: Whole[] = [];
  for (const finding of findings) {
    const wrong = whatIsWrong(finding);
    if (wrong === null && isWhole(finding)) whole.push(finding);
    else leave(finding, wrong ?? "");
  }
  const from = new Map<Label, Whole>();
  const conflicts: { label: Label; paths: string[] }[] = [];
  for (const label of [...new Set(whole.map(({ ref }) => ref.label))].sort(compareLabels)) {
    const fitting = new Map<string, Whole>();
    for (const finding of whole.filter(({ ref }) => ref.label === label)) {
      const misfit = whyNoIncrement(finding, from, findings);
      if (misfit !== null) leave(finding, misfit);
      // the same artifact in both places is one; the server's goes before the bucket's
      else if (finding.place === "server" || !fitting.has(finding.path)) fitting.set(finding.path, finding);
    }
    const [first] = fitting.values();
    if (fitting.size > 1) conflicts.push({ label, paths: [...fitting.keys()].sort() });
    else if (first !== undefined) from.set(label, first);
  }
  const rows = [...from.values()].map((finding) => rowOf(finding, before, objectKey));
  return { rows, from, leftOut: [...leftOut.values()], conflicts };
}

const isWhole = (finding: Finding): finding is Whole => finding.reading.kind === "whole";

/** What keeps it from being an artifact at all, whatever it builds on. */
function whatIsWrong({ ref, path, reading }: Finding): string | null {
  if (reading.kind !== "whole") return reading.why;
  if (path !== artifactPath(ref)) return `it belongs to ${artifactPath(ref)}: move it there`;
  const name = snapshotName(ref.dataset, ref.label);
  if (reading.snapshot !== name) return `it holds ${reading.snapshot}, not ${name}: it has another's name`;
  if (ref.parent === null && reading.parentUuid !== null) return "it is an increment under an anchor's name";
  if (ref.parent !== null && reading.parentUuid === null) return "it is an anchor under an increment's name";
  return null;
}

function whyNoIncrement(
  { ref: { label, parent }, reading }: Whole,
  from: ReadonlyMap<Label, Whole>,
  findings: readonly Finding[],
): string | null {
  if (parent === null) return null;
  if (compareLabels(parent, label) >= 0) return `it builds on ${parent}, and labels must grow`;
  const below = from.get(parent);
  if (below === undefined)
    return findings.some(({ ref }) => ref.label === parent)
      ? `it builds on ${parent}, which is left out`
      : `it builds on ${parent}, of which there is no artifact`;
  return below.reading.uuid === reading.parentUuid
    ? null
    : `it builds on the snapshot ${reading.parentUuid}, and ${fileName(below.path)} holds ${below.reading.uuid}`;
}

function rowOf(
  { ref, ts, reading: { sizeBytes, sha256 } }: Whole,
  before: Manifest,
  objectKey: (ref: ArtifactRef) => string | null,
): ManifestRow {
  const { label, parent } = ref;
  const old = before.find((row) => row.label === label && row.parent === parent);
  return {
    ts: old?.ts ?? ts,
    label,
    parent,
    sizeBytes,
    sha256,
    localPath: artifactPath(ref),
    objectKey: objectKey(ref) ?? old?.objectKey ?? null,
  };
}

/** How a manifest differs from the one before it, by label. */
export interface ManifestDifference {
  readonly added: Manifest;
  readonly dropped: Manifest;
  readonly changed: readonly { readonly label: Label; readonly fields: readonly FieldChange[] }[];
}

export interface FieldChange {
  readonly field: "ts" | "parent" | "bytes" | "sha256" | "object_key";
  readonly was: string;
  readonly is: string;
}

export function differenceOf(before: Manifest, now: Manifest): ManifestDifference {
  const was = new Map(before.map((row) => [row.label, row]));
  const is = new Map(now.map((row) => [row.label, row]));
  return {
    added: now.filter(({ label }) => !was.has(label)),
    dropped: before.filter(({ label }) => !is.has(label)),
    changed: now.flatMap((row) => {
      const old = was.get(row.label);
      const fields = old === undefined ? [] : changesOf(old, row);
      return fields.length === 0 ? [] : [{ label: row.label, fields }];
    }),
  };
}

export const isSame = ({ added, dropped, changed }: ManifestDifference): boolean =>
  added.length + dropped.length + changed.length === 0;

function changesOf(was: ManifestRow, is: ManifestRow): FieldChange[] {
  const [before, now] = [wordsOf(was), wordsOf(is)];
  return FIELDS.filter((field) => before[field] !== now[field]).map((field) => ({
    field,
    was: before[field],
    is: now[field],
  }));
}

const FIELDS = ["ts", "parent", "bytes", "sha256", "object_key"] as const;

const wordsOf = (row: ManifestRow): Readonly<Record<FieldChange["field"], string>> => ({
  ts: row.ts,
  parent: row.parent ?? "-",
  bytes: String(row.sizeBytes),
  sha256: row.sha256,
  object_key: row.objectKey ?? "-",
});
