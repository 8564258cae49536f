import type { CloudSpec } from "../../desired-state/desired-state.ts";
import { type Fact, known, unknown } from "../../domain/fact.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import type { Host } from "../host.ts";
import { readSecret } from "../secret.ts";
import { archiveOf } from "./archive.ts";
import { type Downloaded, download } from "./download.ts";
import type { DownloadRequest } from "./download-job.ts";
import { StrangeAnswer, unquoted } from "./failure.ts";
import { get } from "./get.ts";
import { type Hashed, type HashRequest, hash } from "./hash.ts";
import { list, unfinishedUploads } from "./list.ts";
import type { BucketHead, BucketObject, UnfinishedUpload } from "./object.ts";
import { type BucketKeys, type BucketTuning, openStore, type Store } from "./store.ts";
import { type Uploaded, upload } from "./upload.ts";
import type { UploadRequest } from "./upload-job.ts";

/** One bucket of an S3-compatible store. Every method rejects with a DevbackupError where the store fails it. */
export interface Bucket {
  /** Every object whose key begins with `prefix`, in key order, however many pages that takes. */
  list(prefix: string): Promise<readonly BucketObject[]>;
  /** Uploads in parts that were begun and neither completed nor aborted; unknown where the store does not tell. */
  unfinishedUploads(prefix: string): Promise<Fact<readonly UnfinishedUpload[]>>;
  /** For how many days the bucket locks what comes new, 0 for none; unknown where the store does not tell. */
  lockDays(): Promise<Fact<number>>;
  /** Undefined where there is no such object (or no such bucket: HEAD does not say which). */
  head(key: string): Promise<BucketHead | undefined>;
  /** See {@link upload}: from a file on `host` straight into the bucket; what is there under `key` is replaced. */
  upload(host: Host, request: UploadRequest): Promise<Uploaded>;
  /** See {@link download}: from the bucket straight into a file on `host`, checked and synced. */
  download(host: Host, request: DownloadRequest): Promise<Downloaded>;
  /** See {@link hash}: the bytes of an object to a host that hashes them and keeps none. */
  hash(host: Host, request: HashRequest): Promise<Hashed>;
  /** See {@link get}: a small object into memory; undefined where it is not there. */
  get(key: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /**
   * Deletes an object; one that is gone already is no error. @throws DevbackupError `cloud-locked` where a lock of the bucket
   * keeps it
   */
  delete(key: string): Promise<void>;
  /** Frees the parts of an unfinished upload; one that is gone already is no error. */
  abortUpload(upload: Pick<UnfinishedUpload, "key" | "uploadId">): Promise<void>;
  /** An address that downloads the object until it expires. A secret: never in argv or a log. At most 7 days. */
  presignGet(key: string, seconds: number): Promise<string>;
  /** Lets go of idle connections. */
  close(): void;
}

/** Reads both of the bucket's secrets. @throws DevbackupError as {@link readSecret} does. */
export async function readBucketKeys(
  cloud: CloudSpec,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly keys: BucketKeys; readonly warnings: readonly string[] }> {
  const [id, secret] = await Promise.all([
    readSecret(cloud.accessKeyId, env),
    readSecret(cloud.secretAccessKey, env),
  ]);
  const warnings = [id.warning, secret.warning].filter((warning) => warning !== undefined);
  return { keys: { accessKeyId: id.value, secretAccessKey: secret.value }, warnings: [...new Set(warnings)] };
}

/** Loads the S3 client; contacts nothing yet. `keys` stay in this process. */
export async function connectBucket(
  cloud: CloudSpec,
  keys: BucketKeys,
  tuning: BucketTuning = {},
): Promise<Bucket> {
  const store = await openStore(cloud, keys, tuning);
  return {
    list: (prefix) => list(store, prefix),
    unfinishedUploads: (prefix) => unfinishedUploads(store, prefix),
    lockDays: () => lockDays(store),
    head: (key) => head(store, key),
    upload: (host, request) =>
      upload({
        store,
        host,
        request,
        head: (key) => head(store, key),
        abort: (id) => abortUpload(store, id),
      }),
    download: (host, request) => download({ store, host, request, head: (key) => head(store, key) }),
    hash: (host, request) => hash({ store, host, request, head: (key) => head(store, key) }),
    get: (key, maxBytes) => get(store, key, maxBytes),
    delete: (key) => deleteObject(store, key),
    abortUpload: (id) => abortUpload(store, id),
    presignGet: (key, seconds) => store.presignGet(key, seconds),
    close: () => store.client.destroy(),
  };
}

/** GetObjectLockConfiguration of S3, which R2 does not have (its locks are Cloudflare's own). */
async function lockDays({ sdk, client, cloud, ask }: Store): Promise<Fact<number>> {
  return ask("look at the bucket's lock", async () => {
    try {
      const found = await client.send(new sdk.GetObjectLockConfigurationCommand({ Bucket: cloud.bucket }));
      const { Days, Years } = found.ObjectLockConfiguration?.Rule?.DefaultRetention ?? {};
      return known(Days ?? (Years ?? 0) * 365);
    } catch (error) {
      if (!(error instanceof sdk.S3ServiceException)) throw error;
      if (error.name === "ObjectLockConfigurationNotFoundError") return known(0);
      const status = error.$metadata.httpStatusCode ?? 0;
      if (status === 429 || (status >= 500 && status !== 501)) throw error;
      return unknown(`${error.name}, HTTP ${status}`);
    }
  });
}

async function head(store: Store, key: string): Promise<BucketHead | undefined> {
  const { sdk, client, cloud } = store;
  return store.ask(`look at ${key}`, async () => {
    try {
      const found = await client.send(new sdk.HeadObjectCommand({ Bucket: cloud.bucket, Key: key }));
      if (!found.ETag) throw new StrangeAnswer("the answer has no ETag, which every object has");
      return {
        key,
        sizeBytes: found.ContentLength ?? 0,
        etag: unquoted(found.ETag),
        lastModified: found.LastModified ?? new Date(0),
        sha256: found.Metadata?.sha256,
        opaqueEtag: found.ServerSideEncryption?.startsWith("aws:") ?? false,
        ...archiveOf(found),
      };
    } catch (error) {
      if (!(error instanceof sdk.S3ServiceException)) throw error;
      const status = error.$metadata.httpStatusCode;
      if (status === 404) return undefined;
      // an answer to HEAD has no document that would say more
      if (status === 403) error.name = "AccessDenied";
      throw error;
    }
  });
}

async function deleteObject({ sdk, client, cloud, ask }: Store, key: string): Promise<void> {
  await ask(`delete ${key}`, () =>
    client.send(new sdk.DeleteObjectCommand({ Bucket: cloud.bucket, Key: key })),
  );
}

async function abortUpload(
  store: Store,
  { key, uploadId }: Pick<UnfinishedUpload, "key" | "uploadId">,
): Promise<void> {
  const { sdk, client, cloud } = store;
  try {
    await store.ask(`abort the unfinished upload of ${key}`, () =>
      client.send(
        new sdk.AbortMultipartUploadCommand({ Bucket: cloud.bucket, Key: key, UploadId: uploadId }),
      ),
    );
  } catch (error) {
    if (!(error instanceof DevbackupError && error.trouble.code === "cloud-upload-gone")) throw error;
  }
}
