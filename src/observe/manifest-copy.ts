import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { datasetKeys } from "../domain/artifact.ts";
import { type Fact, known } from "../domain/fact.ts";
import type { ManifestCopy } from "../domain/manifest-copy.ts";
import type { DatasetName, Signer } from "../domain/names.ts";
import type { BucketFacts, DatasetFacts, Observation } from "../reconcilers/facts.ts";
import { isManifestLost } from "../reconcilers/manifest/store.ts";
import { unknownWhilePassing } from "./passing.ts";

/** Has the server open the bucket's manifest; `signer` is the server's own, for where nobody knows another. */
export type Reopen = (spec: DatasetSpec, signer: Signer) => Promise<ManifestCopy>;

/**
 * Looks into the bucket's manifest for each dataset whose server has lost its own, or can't read it, and still has
 * both of its keys: a repository whose disk is not mounted has none.
 */
export async function withManifestCopies(
  { desired, reopen }: { readonly desired: DesiredState; readonly reopen: Reopen },
  buckets: NonNullable<Observation["buckets"]>,
  datasets: Observation["datasets"],
): Promise<Map<DatasetName, Fact<BucketFacts>>> {
  const copies = new Map(buckets);
  for (const spec of desired.datasets) {
    const [seen, facts] = [buckets.get(spec.name), datasets.get(spec.name)];
    const signer = facts === undefined ? null : signerOfLost(facts);
    if (desired.cloud === null || seen?.kind !== "known" || signer === null) continue;
    const { manifest } = datasetKeys(desired.cloud.prefix, spec.name);
    // once in a run is enough
    if (seen.value.manifest !== undefined || !seen.value.objects.has(manifest)) continue;
    const opened = reopen(spec, signer).then((copy) => known({ ...seen.value, manifest: copy }));
    copies.set(spec.name, await opened.catch(unknownWhilePassing));
  }
  return copies;
}

function signerOfLost({ manifest, key, signKey }: DatasetFacts): Signer | null {
  const opens = key.kind === "known" && key.value.derived !== null;
  return isManifestLost(manifest) && opens && signKey.kind === "known" ? signKey.value.derived : null;
}
