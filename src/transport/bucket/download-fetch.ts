import type { DevbackupError } from "../../domain/trouble.ts";
import type { DownloadJob } from "./download-job.ts";
import { getScript, lookScript, parseGetAnswer } from "./download-script.ts";
import { downloadBroken, noRoom, objectMissing } from "./download-trouble.ts";
import { type Failure, isPassing, verdictOf } from "./failure.ts";
import type { BucketHead } from "./object.ts";
import { type Attempt, again, withRetries } from "./retry.ts";
import { ADDRESS_VALID_SECONDS } from "./store.ts";
import { bucketError } from "./trouble.ts";

/** `changed`: what is in the bucket now is not `object` any more. */
export type Fetched = { readonly kind: "whole" } | { readonly kind: "changed"; readonly why: string };

type Progress = Fetched | { readonly kind: "part"; readonly sizeBytes: number };

/**
 * Adds to the file, of which `fromBytes` are there, what it lacks of `object`. Patience begins anew with every
 * `part_size` that has come: what takes hours may break off more often than what takes seconds.
 */
export async function fetchRest(job: DownloadJob, object: BucketHead, fromBytes: number): Promise<Fetched> {
  const { store, request } = job;
  const signal = request.signal ?? new AbortController().signal;
  for (let thereBytes = fromBytes; ; ) {
    const goalBytes = thereBytes + store.cloud.partSizeBytes;
    const progress: Progress = await withRetries(
      () => attempt(job, object, goalBytes, signal),
      store.patience,
      signal,
    );
    if (progress.kind !== "part") return progress;
    thereBytes = progress.sizeBytes;
  }
}

/** Signed anew each time: an address may have expired while the last attempt lasted. */
async function attempt(
  job: DownloadJob,
  { etag, sizeBytes }: BucketHead,
  goalBytes: number,
  signal: AbortSignal,
): Promise<Attempt<Progress>> {
  const { host, store, request } = job;
  const url = await store.presignGet(request.key, ADDRESS_VALID_SECONDS);
  const { cloud, stalledSeconds } = store;
  const limits = { limitBytesPerSecond: cloud.bandwidthLimitBytesPerSecond ?? undefined, stalledSeconds };
  const script = getScript({ file: request.file, sizeBytes, etag, limits });
  const { exitCode, stdout, stderr } = await host.run(script, { stdin: `${url}\n`, signal });
  const answer = parseGetAnswer(exitCode, stdout, stderr, new Date());
  switch (answer.kind) {
    case "changed":
      return { kind: "done", value: answer };
    case "missing":
      throw objectMissing(job);
    case "broken":
      throw await brokenError(job, answer.why);
    case "got": {
      if (answer.sizeBytes >= sizeBytes) return { kind: "done", value: { kind: "whole" } };
      const failure = answer.failure ?? ENDED_EARLY;
      const error = bucketError(failure, store.cloud, { doing: `get ${request.key}`, host: host.name });
      const verdict = verdictOf(failure);
      if (!isPassing(verdict) && verdict !== "expired") throw error;
      if (answer.sizeBytes >= goalBytes) {
        return { kind: "done", value: { kind: "part", sizeBytes: answer.sizeBytes } };
      }
      return again(failure, error);
    }
  }
}

const ENDED_EARLY: Failure = { kind: "unreached", reason: "broken", message: "the answer ended early" };

/** A full disk said as such, with what is lacking. */
async function brokenError(job: DownloadJob, why: string): Promise<DevbackupError> {
  const { host, request } = job;
  if (!/No space left on device|Disk quota exceeded/.test(why)) return downloadBroken(job, why);
  const [size, free] = (await host.run(lookScript(request.file))).stdout.split("\n").map(Number);
  return noRoom(job, request.sizeBytes - (size ?? 0) - (free ?? 0), why);
}
