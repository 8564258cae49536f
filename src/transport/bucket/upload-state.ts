import { parseSha256, type Sha256 } from "../../domain/names.ts";
import type { SentPart } from "./upload-parts.ts";

/**
 * An upload in parts that was begun, as its state file on the server tells it. What is sent again after an
 * interruption is only what has no line here.
 */
export interface UploadState {
  /** Endpoint and bucket that it goes to. */
  readonly store: string;
  readonly key: string;
  readonly uploadId: string;
  readonly sizeBytes: number;
  readonly sha256: Sha256;
  readonly partSizeBytes: number;
  readonly sent: ReadonlyMap<number, SentPart>;
}

const FIRST_LINE = "devbackup upload 1";
/** A line that the script of a part appends once the store has taken it. */
const PART = /^part (\d+) (\S+) ([A-Za-z0-9+/]{22}==)$/;

/** The state before any part has been sent. One `word value` a line; values end with the line. */
export const printUploadState = (state: Omit<UploadState, "sent">): string =>
  [
    FIRST_LINE,
    `store ${state.store}`,
    `key ${state.key}`,
    `upload ${state.uploadId}`,
    `size ${state.sizeBytes}`,
    `sha256 ${state.sha256}`,
    `part-size ${state.partSizeBytes}`,
    "",
  ].join("\n");

/**
 * Undefined where `text` is no state, or one cut off within its head. Lines of parts that were cut off or run
 * into each other are passed over: those parts are sent again.
 */
export function parseUploadState(text: string): UploadState | undefined {
  const [first, ...lines] = text.split("\n");
  if (first !== FIRST_LINE) return undefined;
  // what follows the last newline was cut off
  const whole = lines.slice(0, -1);
  const head = new Map<string, string>();
  const sent = new Map<number, SentPart>();
  for (const line of whole) {
    const [, number, etag, md5] = PART.exec(line) ?? [];
    if (number !== undefined && etag !== undefined && md5 !== undefined) {
      sent.set(Number(number), { number: Number(number), etag, md5 });
    } else if (!line.startsWith("part ")) {
      head.set(line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1));
    }
  }
  const [store, key, uploadId] = [head.get("store"), head.get("key"), head.get("upload")];
  const [sizeBytes, partSizeBytes] = [Number(head.get("size")), Number(head.get("part-size"))];
  const sha256 = parseSha256(head.get("sha256") ?? "");
  if (!store || !key || !uploadId || !sha256 || !(sizeBytes >= 0) || !(partSizeBytes > 0)) return undefined;
  return { store, key, uploadId, sizeBytes, sha256, partSizeBytes, sent };
}
