import { readOutput } from "../bootstrap.ts";
import type { Session } from "./session.ts";

/** What a session has said so far. */
export interface Listening {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves with the script's stdout up to its first newline, or undefined where the session ended before. */
  readonly firstLine: Promise<string | undefined>;
  /** Resolves as soon as stderr holds `text`; never, where it does not come. */
  saidOnStderr(pattern: RegExp): Promise<void>;
}

/** Reads both outputs of a session from now on; UTF-8 is put together before it is decoded. */
export function listen(session: Session): Listening {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString("utf8");
  const first = Promise.withResolvers<string | undefined>();
  let firstSeen = false;
  const waiting = new Map<RegExp, () => void>();

  session.stdout.on("data", (chunk: Buffer) => {
    out.push(chunk);
    if (firstSeen || !chunk.includes(0x0a)) return;
    const [line, ...more] = readOutput(text(out))?.stdout.split("\n") ?? [];
    if (more.length === 0) return;
    firstSeen = true;
    first.resolve(line);
  });
  session.stderr.on("data", (chunk: Buffer) => {
    err.push(chunk);
    for (const [pattern, tell] of waiting) if (pattern.test(text(err))) tell();
  });
  void session.ended.then(() => first.resolve(undefined));

  return {
    stdout: () => text(out),
    stderr: () => text(err),
    firstLine: first.promise,
    saidOnStderr: (pattern) =>
      new Promise((resolve) => {
        if (pattern.test(text(err))) resolve();
        else waiting.set(pattern, resolve);
      }),
  };
}
