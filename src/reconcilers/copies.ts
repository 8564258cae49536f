import { snapshotName } from "../domain/artifact.ts";
import { type Fact, known } from "../domain/fact.ts";
import type { Label } from "../domain/label.ts";
import type { ManifestRow } from "../domain/manifest.ts";
import type { Copies, Standing } from "../domain/restore-chain.ts";
import { cloudKey, isCopyOf } from "./cloud.ts";
import { isHydrated } from "./hydrate.ts";
import type { View } from "./reconciler.ts";
import { holds } from "./store.ts";

type Places = Pick<View, "spec" | "facts" | "cloud">;

/** How an artifact stands on the server and in the bucket, by name and size; its hash is compared when it is read. */
export function copiesOf(row: ManifestRow, { spec, facts, cloud }: Places): Copies {
  const { store } = facts;
  return {
    server:
      store.kind === "unknown"
        ? "unknown"
        : holds(store, row)
          ? "whole"
          : store.kind === "known" && store.value.files.has(row.localPath)
            ? "damaged"
            : "missing",
    bucket: cloud === null ? "undeclared" : inBucket(row, spec, cloud),
  };
}

function inBucket(row: ManifestRow, spec: View["spec"], cloud: NonNullable<View["cloud"]>): Standing {
  if (cloud.bucket.kind !== "known") return "unknown";
  const object = cloud.bucket.value.objects.get(cloudKey(cloud.spec, spec, row));
  if (object === undefined) return "missing";
  return isCopyOf(row, object) ? "whole" : "damaged";
}

/** The labels that stand on the server as complete snapshots. */
export const hydratedLabels = ({
  spec,
  facts,
  course,
}: Pick<View, "spec" | "facts" | "course">): Fact<ReadonlySet<Label>> => {
  const { hydrated } = facts;
  if (hydrated.kind !== "known") return hydrated;
  const stands = ({ label }: ManifestRow) =>
    isHydrated(hydrated.value.entries.get(snapshotName(spec.name, label)));
  return known(new Set(course.rows.filter(stands).map(({ label }) => label)));
};
