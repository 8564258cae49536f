import type { CloudSpec, DatasetSpec } from "../../desired-state/desired-state.ts";
import { datasetKeys } from "../../domain/artifact.ts";
import { plural } from "../../domain/units.ts";
import { quote } from "../../transport/quote.ts";
import { warning } from "../answer.ts";
import type { Reconciler } from "../reconciler.ts";

/**
 * Whether the bucket keeps artifacts from being replaced or deleted, as `cloud.lock_days` wants it. That is set there
 * and not here: an access key that could set it could also take it away.
 */
export const bucketLock: Reconciler<never> = {
  kind: "bucket-lock",
  diff: ({ spec, cloud }) => {
    const wanted = cloud?.spec.lockDays ?? null;
    if (cloud === null || wanted === null || cloud.bucket.kind !== "known") return {};
    const { lockDays } = cloud.bucket.value;
    if (lockDays?.kind === "known" && lockDays.value >= wanted) return {};
    const { see, set } = commands(cloud.spec, spec, wanted);
    if (lockDays?.kind === "known")
      return {
        warnings: [
          warning(
            "bucket-unlocked",
            spec,
            null,
            `the bucket locks what is new for ${plural(lockDays.value, "day")}, and cloud.lock_days is ${wanted}. To set it: ${set}`,
          ),
        ],
      };
    return {
      notes: [
        `Whether the artifacts of ${spec.name} are locked for ${plural(wanted, "day")}, as cloud.lock_days wants, the store does not tell through its S3 interface. To see: ${see}. To set it: ${set}`,
      ],
    };
  },
  run: () => Promise.reject(new RangeError("a bucket's lock is set by hand")),
};

/**
 * For R2 those of wrangler (https://developers.cloudflare.com/r2/buckets/bucket-locks/), for artifacts alone: manifest,
 * signature and escrow are replaced with every label. Elsewhere a lock is the whole bucket's, and keeps versions.
 */
function commands(
  { endpoint, bucket, prefix }: CloudSpec,
  { name }: DatasetSpec,
  days: number,
): { readonly see: string; readonly set: string } {
  const [, jurisdiction] =
    /^https:\/\/[0-9a-f]+\.(?:(eu|fedramp)\.)?r2\.cloudflarestorage\.com$/.exec(endpoint) ?? [];
  if (endpoint.endsWith(".r2.cloudflarestorage.com")) {
    const where = jurisdiction === undefined ? "" : ` --jurisdiction ${jurisdiction}`;
    const { artifacts } = datasetKeys(prefix, name);
    return {
      see: `npx wrangler r2 bucket lock list ${quote(bucket)}${where}`,
      set: `npx wrangler r2 bucket lock add ${quote(bucket)} --name ${quote(`devbackup-${name}`)} --prefix ${quote(artifacts)} --retention-days ${days}${where}`,
    };
  }
  const s3 = (verb: string) =>
    `aws s3api ${verb} --endpoint-url ${quote(endpoint)} --bucket ${quote(bucket)}`;
  const rule = `ObjectLockEnabled=Enabled,Rule={DefaultRetention={Mode=COMPLIANCE,Days=${days}}}`;
  return {
    see: s3("get-object-lock-configuration"),
    set: `${s3("put-object-lock-configuration")} --object-lock-configuration ${quote(rule)} (the bucket needs versioning)`,
  };
}
