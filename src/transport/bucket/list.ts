import type { _Object as ListedObject } from "@aws-sdk/client-s3";
import { type Fact, known, unknown } from "../../domain/fact.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { archiveOf } from "./archive.ts";
import { StrangeAnswer, unquoted } from "./failure.ts";
import type { BucketObject, UnfinishedUpload } from "./object.ts";
import type { Store } from "./store.ts";
import { bucketError } from "./trouble.ts";

/** More than a dataset that is backed up daily has in two thousand years. */
const MOST_ENTRIES = 1_000_000;
/** A page may be empty though others follow; so many in a row are no listing. */
const MOST_BARREN_PAGES = 20;

/**
 * Every object below `prefix`. What is not in a listing counts as not there, so nothing is taken for one that does
 * not say which bucket it is of and how it goes on: a portal's page, cut off or well-formed, is none.
 */
export async function list(store: Store, prefix: string): Promise<readonly BucketObject[]> {
  const { sdk, client, cloud, listPageSize } = store;
  const objects = new Map<string, BucketObject>();
  const doing = "list the objects";
  await allPages(store, doing, objects, async (from: string | undefined) => {
    const page = await store.ask(doing, async () => {
      const answer = await client.send(
        new sdk.ListObjectsV2Command({
          Bucket: cloud.bucket,
          Prefix: prefix,
          ...(from === undefined ? {} : { ContinuationToken: from }),
          ...(listPageSize === undefined ? {} : { MaxKeys: listPageSize }),
        }),
      );
      if (answer.Name !== cloud.bucket) throw new StrangeAnswer(NO_LISTING);
      const next = nextOf(answer.IsTruncated, answer.NextContinuationToken);
      return { objects: (answer.Contents ?? []).map(objectOf), next };
    });
    for (const object of page.objects) if (object.key.startsWith(prefix)) objects.set(object.key, object);
    return page.next;
  });
  return [...objects.values()];
}

interface Marker {
  readonly KeyMarker: string;
  readonly UploadIdMarker?: string;
}

/** See {@link Bucket.unfinishedUploads}. What is not below `prefix` is nobody's to clear away, whoever lists it. */
export async function unfinishedUploads(
  store: Store,
  prefix: string,
): Promise<Fact<readonly UnfinishedUpload[]>> {
  const { sdk, client, cloud } = store;
  const uploads = new Map<string, UnfinishedUpload>();
  const doing = "list the unfinished uploads";
  try {
    await allPages(store, doing, uploads, async (from: Marker | undefined) => {
      const page = await store.ask(doing, async () => {
        const answer = await client.send(
          new sdk.ListMultipartUploadsCommand({ Bucket: cloud.bucket, Prefix: prefix, ...from }),
        );
        if (answer.Bucket !== cloud.bucket) throw new StrangeAnswer(NO_LISTING);
        const KeyMarker = nextOf(answer.IsTruncated, answer.NextKeyMarker);
        const { NextUploadIdMarker: UploadIdMarker } = answer;
        return {
          uploads: answer.Uploads ?? [],
          next:
            KeyMarker === undefined ? undefined : { KeyMarker, ...(UploadIdMarker && { UploadIdMarker }) },
        };
      });
      for (const { Key = "", UploadId = "", Initiated } of page.uploads)
        if (Key.startsWith(prefix) && UploadId !== "")
          uploads.set(`${UploadId} ${Key}`, { key: Key, uploadId: UploadId, initiated: Initiated });
      return page.next;
    });
    return known([...uploads.values()]);
  } catch (error) {
    const trouble = error instanceof DevbackupError ? error.trouble : undefined;
    if (trouble?.code !== "cloud-unsupported") throw error;
    return unknown(`the store does not list unfinished uploads (${trouble.why})`);
  }
}

/** Asks for one page after the other, each of which adds to `entries`, until there is no next one. */
async function allPages<From>(
  { cloud }: Store,
  doing: string,
  entries: ReadonlyMap<string, unknown>,
  page: (from: From | undefined) => Promise<From | undefined>,
): Promise<void> {
  let barren = 0;
  for (let from = await page(undefined); from !== undefined; ) {
    const before = entries.size;
    from = await page(from);
    barren = entries.size > before ? 0 : barren + 1;
    if (barren > MOST_BARREN_PAGES || entries.size > MOST_ENTRIES)
      throw bucketError({ kind: "strange", message: "the listing does not come to an end" }, cloud, {
        doing,
      });
  }
}

const NO_LISTING = "the answer is no listing of this bucket";

/** Where the next page begins; undefined behind the last. */
function nextOf(truncated: boolean | undefined, next: string | undefined): string | undefined {
  if (truncated !== true) return undefined;
  if (next === undefined || next === "") throw new StrangeAnswer("the listing does not say how it goes on");
  return next;
}

function objectOf({ Key, Size, ETag, LastModified, StorageClass }: ListedObject): BucketObject {
  if (Key === undefined || Size === undefined || !(Size >= 0))
    throw new StrangeAnswer("the listing has an object without key or size");
  return {
    key: Key,
    sizeBytes: Size,
    etag: unquoted(ETag),
    lastModified: LastModified ?? new Date(0),
    ...archiveOf({ StorageClass }),
  };
}
