import type { CloudSpec, DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { type Fact, known, unknown } from "../domain/fact.ts";
import type { DatasetName } from "../domain/names.ts";
import { archivedKey } from "../reconcilers/cloud/archived.ts";
import { doubtfulKey } from "../reconcilers/cloud/cloud.ts";
import type { BucketFacts, Observation, SeenObject } from "../reconcilers/facts.ts";
import { registered } from "../reconcilers/manifest/store.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import type { BucketHead } from "../transport/bucket/object.ts";
import { unknownWhilePassing } from "./passing.ts";

/** What it takes to look into the bucket. */
interface Looking {
  readonly desired: DesiredState;
  readonly bucket: () => Promise<Bucket>;
}

/** A store that can't be reached today is unknown; one that refuses what was declared is an error. */
export async function lookAtBucket(
  { bucket: open, desired }: Looking,
  cloud: CloudSpec,
): Promise<Map<DatasetName, Fact<BucketFacts>>> {
  const bucket = await open();
  const look = async ({ name }: DatasetSpec): Promise<[DatasetName, Fact<BucketFacts>]> => {
    const prefix = `${cloud.prefix}${name}/`;
    const asking = Promise.all([
      bucket.list(prefix),
      bucket.unfinishedUploads(prefix),
      cloud.lockDays === null ? null : bucket.lockDays(),
    ]);
    const facts = asking.then(([objects, unfinished, lockDays]) =>
      known({
        objects: new Map(objects.map((object) => [object.key, object])),
        unfinished,
        ...(lockDays !== null && { lockDays }),
      }),
    );
    return [name, await facts.catch(unknownWhilePassing)];
  };
  return new Map(await Promise.all(desired.datasets.map(look)));
}

/**
 * Asks for the SHA-256 notes of objects that only seem to be what the manifest speaks of, and whether the store has brought
 * back those that it lists as archived: seldom any.
 */
export async function lookCloser(
  { bucket: open, desired }: Looking,
  buckets: NonNullable<Observation["buckets"]>,
  datasets: Observation["datasets"],
): Promise<Map<DatasetName, Fact<BucketFacts>>> {
  const look = async (spec: DatasetSpec): Promise<[DatasetName, Fact<BucketFacts>]> => {
    const seen = buckets.get(spec.name) ?? unknown("it was not asked");
    const manifest = datasets.get(spec.name)?.manifest;
    if (desired.cloud === null || seen.kind !== "known" || manifest?.kind !== "known")
      return [spec.name, seen];
    const { cloud } = desired;
    const rows = registered(manifest);
    const doubtful = rows.flatMap((row) => doubtfulKey(cloud, spec, row, seen.value) ?? []);
    const archived = rows.flatMap((row) => archivedKey(cloud, spec, row, seen.value) ?? []);
    const keys = [...new Set([...doubtful, ...archived])];
    if (keys.length === 0) return [spec.name, seen];
    const bucket = await open();
    const heads = Promise.all(keys.map((key) => bucket.head(key)));
    const facts = heads.then((found) => {
      const objects = new Map(seen.value.objects);
      for (const [index, key] of keys.entries()) {
        const object = objects.get(key);
        if (object !== undefined) objects.set(key, closer(object, found[index], doubtful.includes(key)));
      }
      return known({ ...seen.value, objects });
    });
    return [spec.name, await facts.catch(unknownWhilePassing)];
  };
  return new Map(await Promise.all(desired.datasets.map(look)));
}

/** One that was asked for its note has one from now on, "" for none; one that has been brought back is archived no more. */
function closer(object: SeenObject, head: BucketHead | undefined, noteAsked: boolean): SeenObject {
  const { archive: listed, ...rest } = object;
  const archive = head === undefined ? listed : head.archive;
  const sha256 = head?.sha256 ?? (noteAsked ? "" : undefined);
  return { ...rest, ...(sha256 !== undefined && { sha256 }), ...(archive !== undefined && { archive }) };
}
