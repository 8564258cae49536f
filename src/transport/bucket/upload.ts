import { AGAIN, DevbackupError } from "../../domain/trouble.ts";
import { StrangeAnswer } from "./failure.ts";
import { checkStored, differenceOf } from "./upload-check.ts";
import type { UploadJob } from "./upload-job.ts";
import { type PartPlan, planParts, type SentPart } from "./upload-parts.ts";
import { begin, forget, look, resumable } from "./upload-resume.ts";
import { endStateScript } from "./upload-script.ts";
import { sendParts, sendWhole } from "./upload-send.ts";
import type { UploadState } from "./upload-state.ts";

/** Joining 10,000 parts can take the store minutes. */
const COMPLETION_TIMEOUT_MS = 300_000;

export interface Uploaded {
  /** Without quotes. */
  readonly etag: string;
  readonly sizeBytes: number;
  /** 1 for a single PUT. */
  readonly parts: number;
  /** How many of them an earlier run had sent. */
  readonly resumedParts: number;
}

/**
 * Puts a file of the server into the bucket: the server's curl sends the bytes to addresses signed here. Up to
 * the part size of the desired state it is one PUT, beyond that an upload in parts that a later call with the
 * same `statePath` goes on with. The object counts as stored only after its size, SHA-256 note and ETag, as
 * the store tells them, have been compared.
 * @throws DevbackupError of the store (`trouble.ts`); `upload-file-missing` and `upload-file-changed`
 *   (exit 6) where the file is not what `request` says; `cloud-object-wrong` (exit 6) where what is stored is
 *   not what was sent; `interrupted` (exit 130) on abort.
 */
export async function upload(job: UploadJob): Promise<Uploaded> {
  const { request, store } = job;
  const plan = planParts(request.sizeBytes, store.cloud.partSizeBytes);
  const found = await look(job);
  try {
    if (plan.parts.length > 1) return await inParts(job, plan, found);
    if (found !== undefined) await forget(job, found);
    return await whole(job, plan);
  } catch (error) {
    throw request.signal?.aborted ? interrupted(job, plan) : error;
  }
}

async function whole(job: UploadJob, plan: PartPlan): Promise<Uploaded> {
  const { request } = job;
  const etag = await sendWhole(job, plan)
    .then(({ md5 }) => checkStored(job, "single", [md5]))
    .then((stored) => stored.etag)
    .catch((error: unknown) => stoodBefore(job, error));
  request.onProgress?.(plan.sizeBytes);
  return { etag, sizeBytes: plan.sizeBytes, parts: 1, resumedParts: 0 };
}

async function inParts(job: UploadJob, plan: PartPlan, found: UploadState | undefined): Promise<Uploaded> {
  const parts = plan.parts.length;
  let state = (await resumable(job, plan, found)) ?? (await begin(job, plan));
  for (let restarted = false; ; restarted = true) {
    const resumedParts = state.sent.size;
    let sent: readonly SentPart[] = [...state.sent.values()];
    try {
      sent = await sendParts(job, plan, state);
      await complete(job, state, sent);
      const { etag } = await checkStored(job, "parts", md5sOf(sent));
      // not before: an answer that was none of the store's leaves the parts to be joined by the next run
      await job.host.run(endStateScript(job.request.statePath));
      return { etag, sizeBytes: plan.sizeBytes, parts, resumedParts };
    } catch (error) {
      if (!isGone(error) && !isLocked(error)) throw error;
      await forget(job, state);
      // completed already, but the answer never came through
      const there = await job.head(job.request.key);
      const md5s = sent.length === parts ? md5sOf(sent) : undefined;
      if (there !== undefined && differenceOf(there, job.request, "parts", md5s) === undefined) {
        return { etag: there.etag, sizeBytes: plan.sizeBytes, parts, resumedParts };
      }
      if (restarted || isLocked(error)) throw error;
      state = await begin(job, plan);
    }
  }
}

const complete = (
  { store, request }: UploadJob,
  { uploadId }: UploadState,
  sent: readonly SentPart[],
): Promise<unknown> =>
  store.ask(`complete the upload of ${request.key}`, async () => {
    const { ETag } = await store.client.send(
      new store.sdk.CompleteMultipartUploadCommand({
        Bucket: store.cloud.bucket,
        Key: request.key,
        UploadId: uploadId,
        MultipartUpload: { Parts: sent.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) },
      }),
      { requestTimeout: COMPLETION_TIMEOUT_MS },
    );
    if (!ETag) throw new StrangeAnswer("the answer names no object");
  });

const md5sOf = (sent: readonly SentPart[]): readonly string[] =>
  [...sent].sort((a, b) => a.number - b.number).map(({ md5 }) => md5);

const isGone = (error: unknown): boolean =>
  error instanceof DevbackupError && error.trouble.code === "cloud-upload-gone";

/** What a lock keeps from being replaced may well be what is sent: it was stored, and the answer never came through. */
async function stoodBefore({ request, head }: UploadJob, error: unknown): Promise<string> {
  const there = isLocked(error) ? await head(request.key) : undefined;
  if (there === undefined || differenceOf(there, request, "single", undefined) !== undefined) throw error;
  return there.etag;
}

const isLocked = (error: unknown): boolean =>
  error instanceof DevbackupError && error.trouble.code === "cloud-locked";

const interrupted = ({ request }: UploadJob, plan: PartPlan): DevbackupError =>
  new DevbackupError({
    code: "interrupted",
    exitCode: 130,
    what: `the upload of ${request.key} was interrupted`,
    state:
      plan.parts.length > 1
        ? "the parts that were sent are kept; the next run sends only the missing ones"
        : "nothing was stored; it is safe to run again",
    next: AGAIN,
  });
