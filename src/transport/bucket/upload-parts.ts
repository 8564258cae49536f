import { createHash } from "node:crypto";
import { DevbackupError } from "../../domain/trouble.ts";

/** How a file is cut up for the store: one PUT, or parts of one size of which the last may be smaller. */
export interface PartPlan {
  readonly sizeBytes: number;
  readonly partSizeBytes: number;
  /** At least one; a plan of one part is sent as a single PUT. */
  readonly parts: readonly Part[];
}

export interface Part {
  /** From 1, as the store counts. */
  readonly number: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** A part that the store has taken. */
export interface SentPart {
  readonly number: number;
  /** Without quotes; opaque, and sent back as it came. */
  readonly etag: string;
  /** Base64, as in Content-MD5. */
  readonly md5: string;
}

const MIB = 1024 ** 2;
const MOST_PARTS = 10_000;
const SMALLEST_PART_BYTES = 5 * MIB;
/** 4.995 GiB, in whole MiB. */
const LARGEST_PART_BYTES = 5_114 * MIB;

/**
 * Parts of `wantedPartSizeBytes`, or of the next whole MiB with which 10,000 parts are enough. The limits are
 * R2's (https://developers.cloudflare.com/r2/platform/limits/): 10,000 parts, each 5 MiB to 4.995 GiB.
 * @throws DevbackupError `cloud-object-too-large` where no such size is within the limits.
 */
export function planParts(sizeBytes: number, wantedPartSizeBytes: number): PartPlan {
  const needed = Math.ceil(sizeBytes / MOST_PARTS / MIB) * MIB;
  const partSizeBytes = Math.max(wantedPartSizeBytes, needed, SMALLEST_PART_BYTES);
  if (partSizeBytes > LARGEST_PART_BYTES) {
    throw new DevbackupError({
      code: "cloud-object-too-large",
      exitCode: 1,
      what: `${sizeBytes} bytes in parts of ${partSizeBytes} are more than the store takes (10,000 parts, each up to 4.995 GiB)`,
      state: "nothing was sent",
      next: needed > LARGEST_PART_BYTES ? "split the dataset" : "set a smaller `cloud.part_size`",
    });
  }
  const count = Math.max(1, Math.ceil(sizeBytes / partSizeBytes));
  const parts = Array.from({ length: count }, (_, index) => {
    const offsetBytes = index * partSizeBytes;
    return { number: index + 1, offsetBytes, sizeBytes: Math.min(partSizeBytes, sizeBytes - offsetBytes) };
  });
  return { sizeBytes, partSizeBytes, parts };
}

/**
 * The ETag of the whole object as S3 and R2 form it: of a single PUT the MD5, of parts the MD5 of their MD5s
 * and `-N` (https://developers.cloudflare.com/r2/objects/multipart-objects/). `md5s` in order, base64.
 */
export function expectedEtag(kind: "single" | "parts", md5s: readonly string[]): string {
  const digests = md5s.map((md5) => Buffer.from(md5, "base64"));
  if (kind === "single") return Buffer.concat(digests).toString("hex");
  return `${createHash("md5").update(Buffer.concat(digests)).digest("hex")}-${digests.length}`;
}

/** Whether an ETag looks like {@link expectedEtag} at all; stores that form it otherwise can't be checked by it. */
export const isMd5Etag = (kind: "single" | "parts", etag: string): boolean =>
  (kind === "single" ? /^[0-9a-f]{32}$/ : /^[0-9a-f]{32}-\d+$/).test(etag);
