import { DevbackupError } from "../../domain/trouble.ts";
import type { CurlLimits } from "./curl.ts";
import { isPassing, verdictOf } from "./failure.ts";
import { type Attempt, again, withRetries } from "./retry.ts";
import type { Store } from "./store.ts";
import { bucketError } from "./trouble.ts";
import type { UploadJob } from "./upload-job.ts";
import type { Part, PartPlan, SentPart } from "./upload-parts.ts";
import { type PutScript, parsePutAnswer, putScript } from "./upload-script.ts";
import type { UploadState } from "./upload-state.ts";

/** Sends the one part of `plan` as the whole object. */
export async function sendWhole(job: UploadJob, plan: PartPlan): Promise<SentPart> {
  const [part] = plan.parts;
  if (part === undefined) throw new RangeError("a plan has at least one part");
  const { key, file, sha256, signal } = job.request;
  const script: PutScript = {
    file,
    part,
    headers: [`x-amz-meta-sha256: ${sha256}`],
    limits: limitsOf(job.store, 1),
  };
  return send(job, script, () => job.store.presignPut(key, sha256), signal ?? new AbortController().signal);
}

/**
 * Sends what `state` lacks, several parts at once. The first part that fails for good stops the others.
 * @returns every part of the plan, in order
 */
export async function sendParts(
  job: UploadJob,
  plan: PartPlan,
  state: UploadState,
): Promise<readonly SentPart[]> {
  const { store, request } = job;
  const sent = new Map(state.sent);
  const report = () => request.onProgress?.(sizeOf(plan.parts.filter(({ number }) => sent.has(number))));
  const missing = plan.parts.filter(({ number }) => !sent.has(number));
  const lanes = Math.min(store.cloud.concurrency, missing.length);
  const failed = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, failed.signal]) : failed.signal;
  const queue = missing.values();
  report();
  const lane = async (): Promise<void> => {
    for (const part of queue) {
      const script: PutScript = {
        file: request.file,
        part,
        headers: [],
        limits: limitsOf(store, lanes),
        noteIn: { statePath: request.statePath, uploadId: state.uploadId },
      };
      const address = () => store.presignPart(request.key, state.uploadId, part.number);
      sent.set(part.number, await send(job, script, address, signal));
      report();
    }
  };
  const stopOthers = (error: unknown): never => {
    failed.abort(error);
    throw error;
  };
  // all of them have ended before an error goes on
  const ends = await Promise.allSettled(Array.from({ length: lanes }, () => lane().catch(stopOthers)));
  if (failed.signal.aborted) throw failed.signal.reason;
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return plan.parts.map(({ number }) => {
    const part = sent.get(number);
    if (part === undefined) throw new RangeError(`part ${number} was not sent`);
    return part;
  });
}

const send = (
  job: UploadJob,
  script: PutScript,
  address: () => Promise<string>,
  signal: AbortSignal,
): Promise<SentPart> => withRetries(() => attempt(job, script, address, signal), job.store.patience, signal);

/** Signed anew each time: an address may have expired while the last attempt lasted. */
async function attempt(
  { host, store, request }: UploadJob,
  script: PutScript,
  address: () => Promise<string>,
  signal: AbortSignal,
): Promise<Attempt<SentPart>> {
  const url = await address();
  const { exitCode, stdout, stderr } = await host.run(putScript(script), { stdin: `${url}\n`, signal });
  const answer = parsePutAnswer(exitCode, stdout, stderr, new Date());
  switch (answer.kind) {
    case "stored":
      return { kind: "done", value: { number: script.part.number, etag: answer.etag, md5: answer.md5 } };
    case "broken":
      throw new DevbackupError({
        code: "upload-broken",
        exitCode: 1,
        host: host.name,
        what: `cannot send ${script.file}`,
        why: answer.why,
        state: `nothing stands under ${request.key} that was not there before`,
      });
    case "failed": {
      const { failure } = answer;
      const doing = `put ${request.key} (${nameOf(script.part)})`;
      const error = bucketError(failure, store.cloud, { doing, host: host.name });
      const verdict = verdictOf(failure);
      if (!isPassing(verdict) && verdict !== "expired") throw error;
      return again(failure, error);
    }
  }
}

const limitsOf = ({ cloud, stalledSeconds }: Store, lanes: number): CurlLimits => {
  const limit = cloud.bandwidthLimitBytesPerSecond;
  return { limitBytesPerSecond: limit === null ? undefined : limit / lanes, stalledSeconds };
};

const nameOf = (part: Part): string => `part ${part.number}, ${part.sizeBytes} bytes`;

const sizeOf = (parts: readonly Part[]): number => parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
