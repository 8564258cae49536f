import { type Label, parseLabel } from "./label.ts";
import type { Brand, DatasetName } from "./names.ts";

/** `NAME@LABEL`, on the workstation and on the server alike. */
export type SnapshotName = Brand<string, "SnapshotName">;

/** What an artifact holds: the whole dataset at a label, or what changed since the parent label. */
export interface ArtifactRef {
  readonly dataset: DatasetName;
  readonly label: Label;
  /** Null for an anchor. */
  readonly parent: Label | null;
}

export const ARTIFACT_SUFFIX = ".send.zst.age";

export const snapshotName = (dataset: DatasetName, label: Label): SnapshotName =>
  `${dataset}@${label}` as SnapshotName;

/** The label in `name`, or undefined where it is no snapshot name of this dataset. */
export const labelOfSnapshot = (dataset: DatasetName, name: string): Label | undefined =>
  name.startsWith(`${dataset}@`) ? parseLabel(name.slice(dataset.length + 1)) : undefined;

/** `NAME@LABEL.full.send.zst.age`, or `NAME@LABEL.incr.from_PARENT.send.zst.age`. */
export const artifactFile = ({ dataset, label, parent }: ArtifactRef): string =>
  `${snapshotName(dataset, label)}.${parent === null ? "full" : `incr.from_${parent}`}${ARTIFACT_SUFFIX}`;

/** Relative to the repository; the same below `PREFIX/NAME/` in the bucket. */
export const artifactPath = (ref: ArtifactRef): string =>
  `artifacts/${ref.parent === null ? "anchors" : "incr"}/${artifactFile(ref)}`;

/** The artifact that a file of this name would be, or undefined where the name is not one of `dataset`'s. */
export function parseArtifactFile(dataset: DatasetName, file: string): ArtifactRef | undefined {
  const [, labelText = "", parentText] =
    /^[^@]+@([^.]+)\.(?:full|incr\.from_([^.]+))\.send\.zst\.age$/.exec(file) ?? [];
  const label = parseLabel(labelText);
  const parent = parentText === undefined ? null : parseLabel(parentText);
  if (label === undefined || parent === undefined) return undefined;
  const ref = { dataset, label, parent };
  return artifactFile(ref) === file ? ref : undefined;
}

/** The key of the artifact in the bucket. `prefix` is "" or ends with a slash. */
export const objectKey = (prefix: string, ref: ArtifactRef): string =>
  `${prefix}${ref.dataset}/${artifactPath(ref)}`;

/** Keys in the bucket of what belongs to the dataset as a whole. `prefix` is "" or ends with a slash. */
export const datasetKeys = (prefix: string, dataset: DatasetName) => ({
  /** Everything below it. */
  artifacts: `${prefix}${dataset}/artifacts/`,
  manifest: `${prefix}${dataset}/manifests/snapshots_v2.tsv.age`,
  signature: `${prefix}${dataset}/manifests/snapshots_v2.tsv.sig`,
  escrow: `${prefix}${dataset}/keys/escrow.age`,
});
