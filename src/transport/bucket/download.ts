import { watchSize } from "../watch-size.ts";
import { fetchRest } from "./download-fetch.ts";
import type { DownloadJob, DownloadRequest } from "./download-job.ts";
import { checkScript, lookScript, removeScript } from "./download-script.ts";
import {
  downloadBroken,
  interrupted,
  noRoom,
  objectArchived,
  objectChanged,
  objectDamaged,
  objectMissing,
  objectOfWrongSize,
} from "./download-trouble.ts";
import { list } from "./list.ts";

export interface Downloaded {
  readonly sizeBytes: number;
  /** How many of them an earlier run had left behind, and were of use. */
  readonly resumedBytes: number;
}

/**
 * Brings an object into a file of the host: the host's curl fetches the bytes from addresses signed here. The
 * file's size is all that is remembered of a download that was cut off: the next one asks for what follows it.
 * Where the whole then is not what was asked for, the beginning may have been of other bytes, or a byte was damaged
 * on the way, and all of it is fetched once more. When this resolves, size and SHA-256 (where it has one) are those of the request and the file is synced.
 *
 * One GET at a time: several ranges side by side were no quicker than one (512 MiB from Swift, best of three:
 * 3.4 s with one, 3.3 with two, 3.4 with four), and only one lets the file's size tell how far it came.
 * @throws DevbackupError of the store (`trouble.ts`); `object-missing`, `object-truncated` and `object-damaged`
 *   (exit 6): nothing is left of a damaged one; `object-archived`, `object-changed`, `disk-full` and `download-broken` (exit 1);
 *   `interrupted` (exit 130) on abort. What has come is kept in all but the case of damage.
 */
export async function download(job: DownloadJob): Promise<Downloaded> {
  const { host, request } = job;
  const unwatch = request.onProgress && watchSize(host, request.file, request.onProgress);
  try {
    // what an earlier run left may be of other bytes, and only a hash would tell
    if (request.sha256 === null) await host.run(removeScript(request.file));
    const resumedBytes = await startingSize(job);
    const first = await fetchAndCheck(job, resumedBytes);
    if (first.kind === "good") return done(request, resumedBytes);
    await host.run(removeScript(request.file));
    const second = await fetchAndCheck(job, 0);
    if (second.kind === "good") return done(request, 0);
    await host.run(removeScript(request.file));
    throw second.kind === "damaged" ? objectDamaged(job, second.why) : objectChanged(job, second.why);
  } catch (error) {
    throw request.signal?.aborted ? interrupted(job) : error;
  } finally {
    unwatch?.();
  }
}

/** What a download came to: `changed` means that another object took the place of the one that was begun. */
type Outcome = { readonly kind: "good" } | { readonly kind: "damaged" | "changed"; readonly why: string };

async function fetchAndCheck(job: DownloadJob, fromBytes: number): Promise<Outcome> {
  const { request, head, store } = job;
  const object = await head(request.key);
  if (object === undefined) {
    // an answer to HEAD tells nothing of a missing bucket, nor whose answer it is; a listing does
    const listed = (await list(store, request.key)).some(({ key }) => key === request.key);
    throw listed ? objectChanged(job, "it is listed, and is not there") : objectMissing(job);
  }
  if (object.sizeBytes !== request.sizeBytes) throw objectOfWrongSize(job, object.sizeBytes);
  if (object.archive !== undefined) throw objectArchived(job, object.archive);
  const fetched = await fetchRest(job, object, fromBytes);
  return fetched.kind === "whole" ? check(job) : fetched;
}

/** How much an earlier run has left behind. @throws DevbackupError `disk-full` where the rest has no room */
async function startingSize(job: DownloadJob): Promise<number> {
  const { host, request } = job;
  const { stdout, stderr } = await host.run(lookScript(request.file), signalOf(request));
  const [size = "", free = ""] = stdout.split("\n");
  if (size === "") throw downloadBroken(job, stderr.trim());
  const lackingBytes = request.sizeBytes - Number(size) - Number(free);
  // a file system that does not tell is tried
  if (free !== "" && lackingBytes > 0) throw noRoom(job, lackingBytes);
  return Number(size);
}

async function check(job: DownloadJob): Promise<Outcome> {
  const { host, request } = job;
  const { exitCode, stdout, stderr } = await host.run(checkScript(request.file), signalOf(request));
  if (exitCode !== 0) throw downloadBroken(job, stderr.trim());
  const [size = "", sha256 = ""] = stdout.trim().split(" ");
  if (Number(size) !== request.sizeBytes) {
    return { kind: "damaged", why: `${size} bytes came, not ${request.sizeBytes}` };
  }
  if (request.sha256 === null || sha256 === request.sha256) return { kind: "good" };
  return { kind: "damaged", why: `its SHA-256 is ${sha256}, not ${request.sha256}` };
}

function done({ sizeBytes, onProgress }: DownloadRequest, resumedBytes: number): Downloaded {
  onProgress?.(sizeBytes);
  return { sizeBytes, resumedBytes };
}

const signalOf = ({ signal }: DownloadRequest) => (signal === undefined ? {} : { signal });
