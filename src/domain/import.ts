import { type ArtifactRef, artifactPath } from "./artifact.ts";
import type { Manifest, ManifestRow } from "./manifest.ts";
import type { AbsolutePath } from "./names.ts";

/** A file outside the repository that has the name of an artifact. */
export interface FoundFile {
  readonly path: AbsolutePath;
  readonly ref: ArtifactRef;
  readonly sizeBytes: number;
}

/** What becomes of a file that was found. */
export type Verdict =
  /** By name and size it is what the repository lacks; its hash is still to be compared. */
  | { readonly kind: "promising"; readonly row: ManifestRow }
  | { readonly kind: "left"; readonly why: string; readonly damaged: boolean };

/** `lacks`: whether the repository has no whole file of that row. */
export function verdictOn(file: FoundFile, rows: Manifest, lacks: (row: ManifestRow) => boolean): Verdict {
  const row = rows.find(({ localPath }) => localPath === artifactPath(file.ref));
  if (row === undefined) return { kind: "left", why: "the manifest has no row for it", damaged: false };
  if (!lacks(row)) return { kind: "left", why: "the repository has it already", damaged: false };
  if (file.sizeBytes !== row.sizeBytes)
    return {
      kind: "left",
      why: `it has ${file.sizeBytes} bytes, and the manifest says ${row.sizeBytes}`,
      damaged: true,
    };
  return { kind: "promising", row };
}
