import type { SentPart } from "../../../src/transport/bucket/upload-parts.ts";

/** The line that the script of a part appends to an upload's state once the store has taken it. */
export const printSentPart = (part: SentPart): string => `part ${part.number} ${part.etag} ${part.md5}\n`;
