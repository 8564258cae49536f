import { uptime } from "node:os";
import type { HostName } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import {
  marked,
  noisyLogin,
  notBegun,
  notStarted,
  readOutput,
  readStart,
  START_TIMEOUT_MS,
  STARTED,
} from "./bootstrap.ts";
import type { Host, RunningCommand, RunOptions, RunResult, StartOptions } from "./host.ts";
import { framed } from "./host.ts";
import { type Listening, listen } from "./ssh/listening.ts";
import { type Session, SessionRefused, type SessionSource } from "./ssh/session.ts";
import { SessionSlots } from "./ssh/session-slots.ts";
import { terminate } from "./terminate.ts";
import { within } from "./within.ts";

/** How long a script that holds a lock may take to end once its stdin is closed. */
const STOP_GRACE_MS = 5_000;
const HEARTBEAT = "\n";

interface Means {
  readonly name: HostName;
  readonly source: SessionSource;
  readonly shellArgv: readonly string[];
  readonly patienceMs?: number;
  /** See {@link START_TIMEOUT_MS}. */
  readonly startTimeoutMs?: number;
}

/** A {@link Host} on top of anything that can open a {@link Session}: local and SSH behave alike. */
export function scriptedHost({ name, source, shellArgv, startTimeoutMs, ...means }: Means): Host {
  const startMs = startTimeoutMs ?? START_TIMEOUT_MS;
  const slots = new SessionSlots(source);
  const running = new Map<Session, Listening>();

  const begin = async (script: string, stdin: string | Uint8Array | undefined, signal?: AbortSignal) => {
    if (script.includes("\0")) throw new RangeError("a script cannot hold a NUL byte");
    const session = await slots.open(signal).catch((error: unknown) => {
      throw error instanceof SessionRefused ? sessionRefused(name, error) : error;
    });
    // a host that ends early closes the pipe; its exit code says what happened
    session.stdin.on("error", () => {});
    session.stdin.write(stdin === undefined ? framed(marked(script)) : withStdin(script, stdin));
    const heard = listen(session);
    running.set(session, heard);
    void heard.tooMuch.then(() => terminate(session, heard, slots));
    void session.ended.then(() => running.delete(session));
    return { session, heard };
  };

  /** Lets go of a script that has not begun in time, and rejects then; never resolves. */
  const unheard = async (session: Session, heard: Listening): Promise<never> => {
    const first = await within(startMs, heard.saidOnStderr(STARTED), session.ended);
    if (first !== "late") return new Promise(() => {});
    // there is nothing yet that could be ended
    session.abandon();
    running.delete(session);
    throw notBegun(name, startMs);
  };

  /** Closes its stdin, which ends what waits for it, and after a while ends it. */
  const windUp = async (session: Session, heard: Listening): Promise<void> => {
    session.stdin.end();
    if ((await within(STOP_GRACE_MS, session.ended)) === "late") await terminate(session, heard, slots);
  };

  const run = async (script: string, options: RunOptions = {}): Promise<RunResult> => {
    options.signal?.throwIfAborted();
    const { session, heard } = await begin(script, options.stdin ?? "", options.signal);
    session.stdin.end();
    const cut = cutOff(options);
    try {
      const first = await Promise.race([session.ended, cut.happened, unheard(session, heard)]);
      if (first === "aborted" || first === "timed out") {
        await terminate(session, heard, slots, options.graceMs);
        if (first === "aborted") throw options.signal?.reason;
        throw timedOut(name, options.timeoutMs ?? 0);
      }
      return await result(name, session, heard);
    } finally {
      cut.forget();
    }
  };

  const start = async (script: string, options: StartOptions = {}): Promise<RunningCommand> => {
    // CLOCK_MONOTONIC, which Node's own clocks are, stands still while a machine sleeps
    const sentAt = [uptime()];
    const { session, heard } = await begin(script, undefined);
    const beat = (): void => {
      sentAt.push(uptime());
      session.stdin.write(HEARTBEAT);
    };
    const heart = options.heartbeatMs ? setInterval(beat, options.heartbeatMs) : undefined;
    /** Lines behind the first, one for each newline. */
    const answered = (): number => (readOutput(heard.stdout())?.stdout.split("\n").length ?? 0) - 2;
    const ended = session.ended.then(() => {
      clearInterval(heart);
      return result(name, session, heard);
    });
    // a line that never comes because the script never started is told as that, not as an end
    const line = heard.firstLine.then((first) => first ?? ended.then(() => undefined));
    const firstLine = Promise.race([line, unheard(session, heard)]);
    // whoever never asks how a lock ended must not be taken down by it
    for (const answer of [ended, firstLine]) answer.catch(() => {});
    let alive = true;
    void session.ended.then(() => {
      alive = false;
    });
    return {
      firstLine,
      ended,
      alive: () => alive,
      silentMs: () => 1000 * (uptime() - (sentAt[Math.max(0, answered())] ?? 0)),
      stop: async () => {
        clearInterval(heart);
        await windUp(session, heard);
      },
    };
  };

  const close = async (): Promise<void> => {
    await Promise.all([...running].map(([session, heard]) => windUp(session, heard)));
    await source.close();
  };

  return { name, run, start, shellArgv: () => shellArgv, close, ...means };
}

/** The script with all that it reads, in one piece: what is small arrives whole or not at all. */
function withStdin(script: string, stdin: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(stdin);
  return Buffer.concat([Buffer.from(framed(marked(counted(script, bytes.length)))), bytes]);
}

/**
 * A script that waits for no byte more than it is sent: the end of its stdin comes hours late where the link has died,
 * and whatever it would do then, to what another run has made since, it must have done now or never.
 */
export const counted = (script: string, stdinBytes: number): string =>
  stdinBytes === 0
    ? `exec </dev/null\n${script}`
    : `dd bs=${stdinBytes} count=1 iflag=fullblock 2>/dev/null | {\n${script}\n}`;

async function result(name: HostName, session: Session, heard: Listening): Promise<RunResult> {
  const end = await session.ended;
  if (heard.saidTooMuch()) throw saidTooMuch(name);
  if (end.kind === "lost") throw end.error;
  const { pid, stderr } = readStart(heard.stderr());
  if (pid === undefined) throw notStarted(name, end.exitCode, stderr, heard.stdout());
  const { noise = "", stdout = "" } = readOutput(heard.stdout()) ?? {};
  if (noise !== "") throw noisyLogin(name, noise);
  return { exitCode: end.exitCode, stdout, stderr };
}

function cutOff({ signal, timeoutMs }: RunOptions) {
  const { promise, resolve } = Promise.withResolvers<"aborted" | "timed out">();
  const abort = (): void => resolve("aborted");
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => resolve("timed out"), timeoutMs);
  return {
    happened: promise,
    forget: () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    },
  };
}

const timedOut = (host: HostName, timeoutMs: number): DevbackupError =>
  new DevbackupError({
    code: "timed-out",
    exitCode: 1,
    host,
    what: `a command did not end within ${Math.round(timeoutMs / 1000)} s`,
    state: "It was told to end, and ended or was cut off",
  });

const sessionRefused = (host: HostName, cause: SessionRefused): DevbackupError =>
  new DevbackupError(
    {
      code: "session-refused",
      exitCode: 4,
      host,
      what: "the login is let in, and may run no command",
      why: cause.message.trim(),
      state: "Nothing was run there; safe to run again",
      next: "see MaxSessions in that host's sshd_config(5): it has to be 1 at least, and is best left at 10",
    },
    { cause },
  );

const saidTooMuch = (host: HostName): DevbackupError =>
  new DevbackupError({
    code: "said-too-much",
    exitCode: 1,
    host,
    what: "a command printed more than any answer has, and was ended",
    state: "Nothing was taken from what it printed",
    next: "see what prints there without end: a full disk of odd file names, or a login shell",
  });
