import { artifactPath } from "../../src/domain/artifact.ts";
import { type Label, parseLabel } from "../../src/domain/label.ts";
import type { Manifest } from "../../src/domain/manifest.ts";
import { type DatasetName, parseDatasetName, type Sha256 } from "../../src/domain/names.ts";

export const DEV = parseDatasetName("dev") as DatasetName;

export function label(text: string): Label {
  const parsed = parseLabel(text);
  if (parsed === undefined) throw new RangeError(`${text} is no label`);
  return parsed;
}

/** A manifest from `2026-01 full 100, 2026-02 incr 60`: each increment builds on the row before it. */
export function history(text: string): Manifest {
  const entries = text
    .split(",")
    .map((entry) => entry.trim().split(" "))
    .filter(([first]) => first !== "");
  return entries.map(([at = "", type, size], index) => {
    const before = entries[index - 1]?.[0];
    const parent = type === "full" || before === undefined ? null : label(before);
    const localPath = artifactPath({ dataset: DEV, label: label(at), parent });
    return {
      ts: "2026-01-01T00:00:00.000Z",
      label: label(at),
      parent,
      sizeBytes: Number(size),
      sha256: "ab".repeat(32) as Sha256,
      localPath,
      objectKey: `dev/${localPath}`,
    };
  });
}
