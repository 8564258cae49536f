import type { CloudSpec, DatasetSpec } from "../../desired-state/desired-state.ts";
import { labelsInWords } from "../../domain/label.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import { plural } from "../../domain/units.ts";
import type { Warning } from "../../plan/plan.ts";
import { warning } from "../answer.ts";
import { cloudKey, inBucket } from "../artifact/copies.ts";
import type { BucketFacts } from "../facts.ts";
import type { View } from "../view.ts";

/** What no restore gets at, and nothing is deleted on the strength of. It is not sent again: what moved it would do so again. */
export function inArchive(view: View): Warning[] {
  const { spec, cloud, course } = view;
  if (cloud?.bucket.kind !== "known") return [];
  const { objects } = cloud.bucket.value;
  const labels = course.rows.filter((row) => inBucket(row, view) === "archived").map(({ label }) => label);
  if (labels.length === 0) return [];
  const classes = new Set(
    course.rows.flatMap((row) => objects.get(cloudKey(cloud.spec, spec, row))?.archive ?? []),
  );
  return [
    warning(
      "object-archived",
      spec,
      null,
      `${plural(labels.length, "object")} in the bucket ${labels.length === 1 ? "is" : "are"} in an archive class (${[...classes].join(", ")}), and no copy to rely on before the store has brought ${labels.length === 1 ? "it" : "them"} back: ${labelsInWords(labels)}`,
    ),
  ];
}

/** The key of an object that is listed as archived: only a closer look tells whether the store has brought it back. */
export function archivedKey(
  cloud: CloudSpec,
  spec: DatasetSpec,
  row: ManifestRow,
  { objects }: BucketFacts,
): string | undefined {
  const key = cloudKey(cloud, spec, row);
  return objects.get(key)?.archive === undefined ? undefined : key;
}
