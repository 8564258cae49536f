import type { Readable } from "node:stream";
import { readStart } from "./bootstrap.ts";

/** What is kept of an output; the rest is dropped from its beginning. */
const KEPT_CHARS = 64 * 1024;

/** How a shell counts a process that SIGKILL ended, and one that wrote into a broken pipe. */
export const KILLED = 137;
export const PIPE_BROKEN = 141;

/** The exit codes of a pipe's two ends, each a line `source N` or `sink N`. */
export function readCodes(stream: Readable): PipeCodes {
  const codes = new Map<string, number>();
  const sink = Promise.withResolvers<void>();
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    for (const [, end = "", code] of text.matchAll(/^(source|sink) ([0-9]+)\n/gm))
      codes.set(end, Number(code));
    if (codes.has("sink")) sink.resolve();
  });
  return { of: (end) => codes.get(end) ?? KILLED, sinkEnded: sink.promise };
}

export interface PipeCodes {
  /** {@link KILLED} where the end could not tell any more. */
  of(end: "source" | "sink"): number;
  /** Resolves when the sink has ended; never where it was killed. */
  readonly sinkEnded: Promise<void>;
}

/** An output of which only the end is kept. */
export interface Kept {
  /** Resolves with the process id of the script, which the bootstrap tells on stderr before anything else. */
  readonly begun: Promise<number>;
  readonly pid: () => number | undefined;
  readonly text: () => string;
}

export function keepEnd(stream: Readable): Kept {
  let pid: number | undefined;
  let text = "";
  const begun = Promise.withResolvers<number>();
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    if (pid === undefined) {
      ({ pid, stderr: text } = readStart(text));
      if (pid !== undefined) begun.resolve(pid);
    }
    if (text.length > KEPT_CHARS) text = text.slice(-KEPT_CHARS);
  });
  return { begun: begun.promise, pid: () => pid, text: () => text };
}
