import type { CloudSpec, DesiredState } from "../desired-state/desired-state.ts";
import type { Fact } from "../domain/fact.ts";
import type { BucketFacts, Observation } from "../reconcilers/facts.ts";
import type { CloudStatus, DatasetStatus } from "./status.ts";

/** What the datasets take in the bucket, and what that costs where it is R2. Null where no cloud is declared. */
export function cloudStatus({ cloud, datasets }: DesiredState, { buckets }: Observation): CloudStatus | null {
  if (cloud === null) return null;
  const looked = datasets.map(({ name }) => buckets?.get(name));
  const unknown = looked.find((fact) => fact?.kind !== "known");
  const parts = looked.map((fact) => inBucket(fact));
  const sum = (of: (part: NonNullable<(typeof parts)[number]>) => number) =>
    parts.reduce<number | null>((all, part) => (all === null || part === null ? null : all + of(part)), 0);
  const bytes = sum((part) => part.bytes);
  return {
    bucket: cloud.bucket,
    objects: sum((part) => part.objects),
    bytes,
    monthlyCostUsd: bytes === null ? null : monthlyCostUsd(cloud, bytes),
    unknown: unknown?.kind === "unknown" ? unknown.why : null,
  };
}

export function inBucket(fact: Fact<BucketFacts> | undefined): DatasetStatus["inBucket"] {
  if (fact?.kind !== "known") return null;
  const objects = [...fact.value.objects.values()];
  return { objects: objects.length, bytes: objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}

const R2 = /^https:\/\/[^/]*\.r2\.cloudflarestorage\.com(\/|$)/;
const USD_A_GB = 0.015;
const FREE_GB = 10;

/**
 * R2's standard storage: $0.015 a GB-month beyond the 10 GB that every account has free, rounded up to whole GB
 * (developers.cloudflare.com/r2/pricing). As if nothing else lay in the account. A backup's requests are some hundreds a
 * month, of a million that are free; what is fetched costs nothing.
 */
export function monthlyCostUsd({ endpoint }: CloudSpec, bytes: number): number | null {
  if (!R2.test(endpoint)) return null;
  const cents = Math.max(0, Math.ceil(bytes / 1e9) - FREE_GB) * USD_A_GB * 100;
  return Math.round(cents * 10) / 1000;
}
