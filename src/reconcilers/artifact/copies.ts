import type { CloudSpec, DatasetSpec } from "../../desired-state/desired-state.ts";
import { objectKey } from "../../domain/artifact.ts";
import { type ManifestRow, refOf } from "../../domain/manifest.ts";
import { type Copies, preferredCopy } from "../../domain/restore-chain.ts";
import type { SeenObject } from "../facts.ts";
import { holds } from "../manifest/store.ts";
import { markOf } from "../verify/record.ts";
import type { View } from "../view.ts";

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
    bucket: inBucket(row, { spec, facts, cloud }),
  };
}

/** By size, and by hash where it was looked at more closely, or was verified once and found to be another. */
export function inBucket(row: ManifestRow, { spec, facts, cloud }: Places): Copies["bucket"] {
  if (cloud === null) return "undeclared";
  if (cloud.bucket.kind !== "known") return "unknown";
  const object = cloud.bucket.value.objects.get(cloudKey(cloud.spec, spec, row));
  if (object === undefined) return "missing";
  const marked = markOf(facts.verified, row, object) !== undefined;
  if (!isCopyOf(row, object) || marked) return "damaged";
  return object.archive === undefined ? "whole" : "archived";
}

/** `missing on the server and damaged in the bucket`. */
export const whereabouts = ({ server, bucket }: Copies): string =>
  `${server} on the server${bucket === "undeclared" ? "" : ` and ${bucket} in the bucket`}`;

/** Where an artifact is taken from, by what a restore shows as well. */
export const sourceOf = (row: ManifestRow, places: Places): ReturnType<typeof preferredCopy> =>
  preferredCopy(copiesOf(row, places));

/** Where the artifact of a row stands in the declared bucket. */
export const cloudKey = (
  cloud: CloudSpec,
  spec: DatasetSpec,
  row: Pick<ManifestRow, "label" | "parent">,
): string => objectKey(cloud.prefix, refOf(spec.name, row));

const isCopyOf = (row: ManifestRow, object: SeenObject | undefined): boolean =>
  object?.sizeBytes === row.sizeBytes && (object.sha256 === undefined || object.sha256 === row.sha256);
