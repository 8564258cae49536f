import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, before } from "node:test";
import type { CloudSpec } from "../../../src/desired-state/desired-state.ts";
import type { HostName, Sha256 } from "../../../src/domain/names.ts";
import { type Bucket, connectBucket } from "../../../src/transport/bucket/bucket.ts";
import type { BucketTuning } from "../../../src/transport/bucket/store.ts";
import type { UploadRequest } from "../../../src/transport/bucket/upload-job.ts";
import { parseUploadState, type UploadState } from "../../../src/transport/bucket/upload-state.ts";
import { localHost } from "../../../src/transport/local-host.ts";
import type { S3Server } from "../../lab/s3/servers.ts";

export const MIB = 1024 ** 2;

/** This machine in the server's place. */
export const host = localHost({ name: "ls" as HostName, become: "none", env: process.env });

const QUICK = { attempts: 4, firstDelayMs: 20, longestDelayMs: 100 };

/** A bucket of `server` with parts of 5 MiB, whose retries do not take long. */
export function bucketOf(
  server: Pick<S3Server, "endpoint" | "bucket" | "region" | "accessKeyId" | "secretAccessKey">,
  changed: Partial<CloudSpec> & Pick<BucketTuning, "listPageSize" | "stalledSeconds"> = {},
): Promise<Bucket> {
  const { listPageSize, stalledSeconds, ...cloud } = changed;
  const spec: CloudSpec = {
    endpoint: server.endpoint,
    bucket: server.bucket,
    prefix: "",
    region: server.region,
    accessKeyId: { kind: "env", name: "UNUSED" },
    secretAccessKey: { kind: "env", name: "UNUSED" },
    partSizeBytes: 5 * MIB,
    concurrency: 3,
    bandwidthLimitBytesPerSecond: null,
    lockDays: null,
    ...cloud,
  };
  return connectBucket(spec, server, {
    patience: QUICK,
    ...(listPageSize === undefined ? {} : { listPageSize }),
    ...(stalledSeconds === undefined ? {} : { stalledSeconds }),
  });
}

/** A folder of files to upload. */
export async function workFolder() {
  const path = await mkdtemp(join(tmpdir(), "devbackup-upload-"));
  return {
    path,
    /** A file of random bytes and what {@link Bucket.upload} wants to know of it. */
    file: async (name: string, sizeBytes: number): Promise<UploadRequest> => {
      const data = randomBytes(sizeBytes);
      const file = join(path, name);
      await writeFile(file, data);
      const sha256 = createHash("sha256").update(data).digest("hex") as Sha256;
      return { file, key: `dev/artifacts/${name}`, sizeBytes, sha256, statePath: `${file}.upload` };
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** What {@link withStore} gives; there once the suite has begun. */
interface Store {
  server: S3Server;
  bucket: Bucket;
  folder: Awaited<ReturnType<typeof workFolder>>;
}

/** A store of its own for the suite that calls this, with a bucket of it and a folder to upload from. */
export function withStore(start: () => Promise<S3Server>): Readonly<Store> {
  const store: Partial<Store> = {};
  before(async () => {
    [store.server, store.folder] = await Promise.all([start(), workFolder()]);
    store.bucket = await bucketOf(store.server);
  });
  after(async () => {
    store.bucket?.close();
    await Promise.all([store.server?.stop(), store.folder?.remove()]);
  });
  return store as Store;
}

/** Whether the object under the key of `request` has the bytes of its file, as a download tells. */
export async function sameBytes(bucket: Bucket, request: UploadRequest): Promise<boolean> {
  // a connection of its own: one that was kept open may be closed by the server at the moment of its next use
  const asked = get(await bucket.presignGet(request.key, 60), { agent: false });
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  const stored = await buffer(answer);
  return answer.statusCode === 200 && stored.equals(await readFile(request.file));
}

/** The upload that its state file tells of. */
export const stateOf = async ({ statePath }: UploadRequest): Promise<UploadState | undefined> =>
  parseUploadState(await readFile(statePath, "utf8").catch(() => ""));
