import { readOutput } from "../bootstrap.ts";
import type { Session } from "./session.ts";

/**
 * More than any answer has: a manifest of 200,000 rows is 64 MiB. A host that prints for ever must not take this
 * machine's memory.
 */
const MOST_BYTES = 128 * 1024 ** 2;
/** A first line that is longer, or that more noise stands in front of, is none. */
const MOST_BEFORE_FIRST_LINE = 64 * 1024;

/** What a session has said so far. */
export interface Listening {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves with the script's stdout up to its first newline, or undefined where the session ended before. */
  readonly firstLine: Promise<string | undefined>;
  /** Resolves as soon as stderr holds `text`; never, where it does not come. */
  saidOnStderr(pattern: RegExp): Promise<void>;
  /** Resolves as soon as it has said more than anything of ours ever does; what comes after that is not kept. */
  readonly tooMuch: Promise<void>;
  readonly saidTooMuch: () => boolean;
}

/** Reads both outputs of a session from now on; UTF-8 is put together before it is decoded. */
export function listen(session: Session): Listening {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString("utf8");
  const first = Promise.withResolvers<string | undefined>();
  let firstSeen = false;
  const waiting = new Map<RegExp, () => void>();
  const tooMuch = Promise.withResolvers<void>();
  const kept = { out: 0, err: 0 };
  const keep = (chunk: Buffer, chunks: Buffer[], of: "out" | "err"): boolean => {
    kept[of] += chunk.length;
    if (kept.out + kept.err > MOST_BYTES) {
      // but for the process id that it began with, which ends it
      out.length = 0;
      err.length = Math.min(err.length, 1);
      tooMuch.resolve();
      return false;
    }
    chunks.push(chunk);
    return true;
  };

  session.stdout.on("data", (chunk: Buffer) => {
    if (!keep(chunk, out, "out")) return;
    if (firstSeen || kept.out > MOST_BEFORE_FIRST_LINE || !chunk.includes(0x0a)) return;
    const [line, ...more] = readOutput(text(out))?.stdout.split("\n") ?? [];
    if (more.length === 0) return;
    firstSeen = true;
    first.resolve(line);
  });
  session.stderr.on("data", (chunk: Buffer) => {
    if (!keep(chunk, err, "err") || waiting.size === 0) return;
    const said = text(err);
    for (const [pattern, tell] of waiting)
      if (pattern.test(said)) {
        waiting.delete(pattern);
        tell();
      }
  });
  void session.ended.then(() => first.resolve(undefined));

  return {
    stdout: () => text(out),
    stderr: () => text(err),
    firstLine: first.promise,
    tooMuch: tooMuch.promise,
    saidTooMuch: () => kept.out + kept.err > MOST_BYTES,
    saidOnStderr: (pattern) =>
      new Promise((resolve) => {
        if (pattern.test(text(err))) resolve();
        else waiting.set(pattern, resolve);
      }),
  };
}
