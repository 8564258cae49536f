import { AGAIN, DevbackupError } from "../../domain/trouble.ts";
import type { BucketHead } from "./object.ts";
import type { UploadJob } from "./upload-job.ts";
import { expectedEtag, isMd5Etag } from "./upload-parts.ts";

/**
 * What the store now has under the key of `job`, compared with what was sent. `md5s` are those of the parts in
 * order, base64.
 * @throws DevbackupError `cloud-object-wrong`, exit 6
 */
export async function checkStored(
  { request, head, store }: UploadJob,
  kind: "single" | "parts",
  md5s: readonly string[],
): Promise<BucketHead> {
  const stored = await head(request.key);
  const wrong = stored === undefined ? "there is no such object" : differenceOf(stored, request, kind, md5s);
  if (stored !== undefined && wrong === undefined) return stored;
  throw new DevbackupError({
    code: "cloud-object-wrong",
    exitCode: 6,
    what: `bucket ${store.cloud.bucket}: ${request.key} is not what was sent`,
    why: wrong ?? "",
    state: "the object in the bucket must not be relied on; the artifact on the server is untouched",
    // one of the right size would be taken for the artifact
    next: stored === undefined ? AGAIN : `delete that object, then: ${AGAIN}`,
  });
}

/** In what `stored` is not `wanted`; undefined where it is. Without `md5s`, by size and SHA-256 note alone. */
export function differenceOf(
  stored: BucketHead,
  wanted: UploadJob["request"],
  kind: "single" | "parts",
  md5s: readonly string[] | undefined,
): string | undefined {
  if (stored.sizeBytes !== wanted.sizeBytes) {
    return `it has ${stored.sizeBytes} bytes, not ${wanted.sizeBytes}`;
  }
  if (stored.sha256 !== wanted.sha256) {
    return `its SHA-256 note is ${stored.sha256 ?? "missing"}, not ${wanted.sha256}`;
  }
  if (md5s === undefined) return undefined;
  const etag = expectedEtag(kind, md5s);
  if (stored.opaqueEtag || !isMd5Etag(kind, stored.etag) || stored.etag === etag) return undefined;
  return `its ETag is ${stored.etag}, not ${etag}`;
}
