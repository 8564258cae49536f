import type { ListPartsCommandOutput } from "@aws-sdk/client-s3";
import { AGAIN, DevbackupError } from "../../domain/trouble.ts";
import { StrangeAnswer } from "./failure.ts";
import type { UploadJob } from "./upload-job.ts";
import type { PartPlan } from "./upload-parts.ts";
import { beginStateScript, endStateScript, lookScript } from "./upload-script.ts";
import { parseUploadState, printUploadState, type UploadState } from "./upload-state.ts";

/**
 * What an earlier run left on the server; undefined where it left nothing that can be read.
 * @throws DevbackupError `upload-file-missing` or `upload-file-changed`, exit 6
 */
export async function look({ host, request }: UploadJob): Promise<UploadState | undefined> {
  const { exitCode, stdout } = await host.run(lookScript(request.file, request.statePath));
  const end = stdout.indexOf("\n");
  const sizeBytes = exitCode === 0 ? Number(stdout.slice(0, end)) : undefined;
  if (sizeBytes === request.sizeBytes) return parseUploadState(stdout.slice(end + 1));
  throw new DevbackupError({
    code: sizeBytes === undefined ? "upload-file-missing" : "upload-file-changed",
    exitCode: 6,
    host: host.name,
    what:
      sizeBytes === undefined
        ? `${request.file} is not there or cannot be read`
        : `${request.file} has ${sizeBytes} bytes, not ${request.sizeBytes}`,
    state: `nothing was sent to ${request.key}`,
    next: `put ${request.file} back from another copy, then: ${AGAIN}`,
  });
}

/** What was found, as far as it is this very upload and the store still knows it. */
export async function resumable(
  job: UploadJob,
  plan: PartPlan,
  found: UploadState | undefined,
): Promise<UploadState | undefined> {
  if (found === undefined) return undefined;
  const { key, sha256 } = job.request;
  const wanted = { store: storeName(job), key, sha256, ...plan };
  const same = (["store", "key", "sha256", "sizeBytes", "partSizeBytes"] as const).every(
    (word) => found[word] === wanted[word],
  );
  if (same) return withoutLostParts(job, plan, found);
  await forget(job, found);
  return undefined;
}

/** Takes out of `state` what the store does not have, where the store tells: size and ETag of each part. */
async function withoutLostParts(job: UploadJob, plan: PartPlan, state: UploadState): Promise<UploadState> {
  try {
    const stored = await storedParts(job, state);
    const sent = [...state.sent].filter(([number, { etag }]) => {
      const found = stored.get(number);
      return found?.etag === etag && found.sizeBytes === plan.parts[number - 1]?.sizeBytes;
    });
    return { ...state, sent: new Map(sent) };
  } catch (error) {
    const code = error instanceof DevbackupError ? error.trouble.code : undefined;
    // where it is gone, the next request for it finds out whether it was completed
    if (code === "cloud-unsupported" || code === "cloud-upload-gone") return state;
    throw error;
  }
}

async function storedParts({ store }: UploadJob, { key, uploadId }: UploadState) {
  const { sdk, client, cloud, ask } = store;
  const stored = new Map<number, { readonly etag: string; readonly sizeBytes: number }>();
  // not the SDK's paginator: it asks for ever where a store names a next marker on the last page, as Swift does
  let [marker, before]: [string | undefined, number] = ["0", -1];
  // a page that brings nothing new is the last, whatever it says: what has not been told of is sent again
  while (marker !== undefined && stored.size > before) {
    before = stored.size;
    const input = { Bucket: cloud.bucket, Key: key, UploadId: uploadId, PartNumberMarker: marker };
    const page: ListPartsCommandOutput = await ask(`list the parts of ${key}`, () =>
      client.send(new sdk.ListPartsCommand(input)),
    );
    for (const { PartNumber = 0, ETag = "", Size = 0 } of page.Parts ?? []) {
      stored.set(PartNumber, { etag: ETag.replaceAll('"', ""), sizeBytes: Size });
    }
    marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
  }
  return stored;
}

/** Begins an upload in parts at the store and writes it down on the server. */
export async function begin(job: UploadJob, plan: PartPlan): Promise<UploadState> {
  const { store, host, request } = job;
  const { sdk, client, cloud, ask } = store;
  const input = { Bucket: cloud.bucket, Key: request.key, Metadata: { sha256: request.sha256 } };
  const uploadId = await ask(`begin the upload of ${request.key}`, async () => {
    const { UploadId = "" } = await client.send(new sdk.CreateMultipartUploadCommand(input));
    // it becomes a line of the state file
    if (!/^[!-~]+$/.test(UploadId)) throw new StrangeAnswer("the answer names no upload");
    return UploadId;
  });
  const state = {
    store: storeName(job),
    key: request.key,
    uploadId,
    sizeBytes: plan.sizeBytes,
    sha256: request.sha256,
    partSizeBytes: plan.partSizeBytes,
  };
  const { exitCode, stderr } = await host.run(beginStateScript(request.statePath), {
    stdin: printUploadState(state),
  });
  if (exitCode === 0) return { ...state, sent: new Map() };
  await job.abort(state);
  throw new DevbackupError({
    code: "upload-state-unwritable",
    exitCode: 1,
    host: host.name,
    what: `cannot write ${request.statePath}`,
    why: stderr.trim(),
    state: "nothing was sent",
  });
}

/** Gives an earlier upload up: its parts at the store, then its state file. */
export async function forget(job: UploadJob, state: UploadState): Promise<void> {
  if (state.store === storeName(job)) await job.abort(state);
  await job.host.run(endStateScript(job.request.statePath));
}

const storeName = ({ store }: UploadJob): string => `${store.cloud.endpoint}/${store.cloud.bucket}`;
