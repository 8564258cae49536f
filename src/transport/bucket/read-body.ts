import type { Readable } from "node:stream";
import { STALLED_BYTES_PER_SECOND } from "./retry.ts";

export interface BodyLimits {
  readonly maxBytes: number;
  /** For so long it may bring less than {@link STALLED_BYTES_PER_SECOND}. */
  readonly stalledSeconds: number;
}

/** There is more of it than `maxBytes`. */
export class BodyTooLarge extends Error {}

/**
 * The whole body of an answer. It comes to an end however slow the other side is, and however much it sends.
 * @throws {@link BodyTooLarge}; an error with the code `ETIMEDOUT` where it stalls; what the connection breaks with
 */
export async function readBody(body: Readable, { maxBytes, stalledSeconds }: BodyLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let [sizeBytes, sinceBytes] = [0, 0];
  const stall = (): void => {
    const message = `less than ${STALLED_BYTES_PER_SECOND} bytes a second came for ${stalledSeconds} s`;
    body.destroy(Object.assign(new Error(message), { code: "ETIMEDOUT" }));
  };
  const timer = setTimeout(stall, stalledSeconds * 1000);
  try {
    // leaving the loop lets go of the connection
    for await (const chunk of body) {
      sizeBytes += chunk.length;
      sinceBytes += chunk.length;
      if (sizeBytes > maxBytes) throw new BodyTooLarge(`more than ${maxBytes} bytes came`);
      chunks.push(chunk);
      if (sinceBytes < stalledSeconds * STALLED_BYTES_PER_SECOND) continue;
      sinceBytes = 0;
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks);
}
