import { parentOf } from "../../domain/names.ts";
import { DevbackupError, type Trouble } from "../../domain/trouble.ts";
import { formatBytes } from "../../domain/units.ts";
import { archived } from "./archive.ts";
import type { DownloadJob } from "./download-job.ts";

export const objectMissing = (job: DownloadJob): DevbackupError =>
  about(job, {
    code: "object-missing",
    exitCode: 6,
    what: `${job.request.key} is not in the bucket ${job.store.cloud.bucket}`,
    state: "nothing was received from it",
    next: FROM_ANOTHER_COPY,
  });

export const objectOfWrongSize = (job: DownloadJob, sizeBytes: number): DevbackupError =>
  about(job, {
    code: sizeBytes < job.request.sizeBytes ? "object-truncated" : "object-damaged",
    exitCode: 6,
    what: `${job.request.key} in the bucket ${job.store.cloud.bucket} is not what was put there`,
    why: `it has ${sizeBytes} bytes, not ${job.request.sizeBytes}`,
    state: "nothing was received from it",
    next: FROM_ANOTHER_COPY,
  });

/** `why` names what was expected and what was got. */
export const objectDamaged = (job: DownloadJob, why: string): DevbackupError =>
  about(job, {
    code: "object-damaged",
    exitCode: 6,
    what: `${job.request.key} arrived damaged from the bucket ${job.store.cloud.bucket}`,
    why,
    state: "nothing was received from it, and what came of it was removed",
    next: FROM_ANOTHER_COPY,
  });

export const objectArchived = (job: DownloadJob, archive: string): DevbackupError =>
  about(job, {
    code: "object-archived",
    exitCode: 1,
    what: `${job.request.key} in the bucket ${job.store.cloud.bucket} can't be read now`,
    why: `it ${archived(archive)}`,
    state: "nothing was received from it; it is safe to run again",
    next: "have the store bring it back (aws s3api restore-object), then run the same command again",
  });

export const objectChanged = (job: DownloadJob, why: string): DevbackupError =>
  about(job, {
    code: "object-changed",
    exitCode: 1,
    what: `${job.request.key} in the bucket ${job.store.cloud.bucket} changes while it is fetched`,
    why,
    state: "nothing was received from it, and what came of it was removed; it is safe to run again",
    next: "end what writes to that bucket, then run the same command again",
  });

/**
 * What has come is kept: the room that has to be made for a download is the same with and without it, and with
 * it no byte is fetched twice.
 */
export const noRoom = (job: DownloadJob, lackingBytes: number, why?: string): DevbackupError =>
  about(job, {
    code: "disk-full",
    exitCode: 1,
    what: `there is no room for ${job.request.key} in ${parentOf(job.request.file)}`,
    why: [why, lackingBytes > 0 ? `${formatBytes(lackingBytes)} are lacking (${lackingBytes} bytes)` : ""]
      .filter(Boolean)
      .join("; "),
    state: `what has come so far is kept in ${job.request.file} and is not fetched again`,
    next: "make room there, then run the same command again",
  });

export const downloadBroken = (job: DownloadJob, why: string): DevbackupError =>
  about(job, {
    code: "download-broken",
    exitCode: 1,
    what: `cannot fetch ${job.request.key} into ${job.request.file}`,
    why,
    state: "what has come so far is kept; it is safe to run again",
  });

export const interrupted = ({ request }: DownloadJob): DevbackupError =>
  new DevbackupError({
    code: "interrupted",
    exitCode: 130,
    what: `the download of ${request.key} was interrupted`,
    state: "what has come is kept; the next run fetches only the rest",
    next: "run the same command again",
  });

const FROM_ANOTHER_COPY =
  "put the object back from another copy and run the same command again, or restore another label";

const about = ({ host }: DownloadJob, trouble: Trouble): DevbackupError =>
  new DevbackupError({ host: host.name, ...trouble });
