import type { Writable } from "node:stream";
import { createTransfer } from "./transfer.ts";

const REDRAW_MS = 200;

/** How far one long step has come: a line on a terminal, drawn anew. */
export interface ProgressLine {
  readonly progress: (bytes: number, totalBytes: number | null) => void;
  /** Takes it away, for what is said next. */
  readonly clear: () => void;
}

/** `what` goes before it: `verifying`. Where `out` is no terminal (not `live`), nothing is shown. */
export function createProgressLine(
  what: string,
  { out, live, now }: { readonly out: Writable; readonly live: boolean; readonly now: () => number },
): ProgressLine {
  if (!live) return { progress: () => undefined, clear: () => undefined };
  const transfer = createTransfer(now);
  let drawnMs = Number.NEGATIVE_INFINITY;
  return {
    progress: (bytes, totalBytes) => {
      transfer.progress(bytes, totalBytes);
      if (now() - drawnMs < REDRAW_MS) return;
      drawnMs = now();
      out.write(`${CLEARED}${what}: ${transfer.text()}`);
    },
    clear: () => void out.write(CLEARED),
  };
}

/** To the line's beginning, and nothing in it (ECMA-48, EL). */
const CLEARED = "\r\u001b[K";
