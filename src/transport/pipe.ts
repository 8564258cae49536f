import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { DevbackupError } from "../domain/trouble.ts";
import { notBegun, notStarted, START_TIMEOUT_MS } from "./bootstrap.ts";
import { endGroup, endWithUs } from "./end-with-us.ts";
import { LET_GO } from "./fence.ts";
import { framed, type Host, type Piped, type Piping } from "./host.ts";
import { type Kept, KILLED, keepEnd, PIPE_BROKEN, readCodes } from "./pipe-ends.ts";
import { command } from "./quote.ts";
import { killGroupOf } from "./terminate.ts";
import { within } from "./within.ts";

/** `source` and `sink` are POSIX sh. The source's stdin is empty, the sink's is what the source writes to its stdout. */
export interface PipeOptions extends Piping {
  /** What the sink writes to stdout goes to the source's stdin, and nothing of it comes here: the ends talk with each other. */
  readonly back?: true;
  readonly signal?: AbortSignal;
  /** See {@link START_TIMEOUT_MS}. */
  readonly startTimeoutMs?: number;
  /** For the local shell and the OpenSSH clients; default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
}

/** What to tell of a pipe that failed. */
export interface FailedEnd {
  readonly end: "source" | "sink";
  /** The end of its stderr, or else its exit code. */
  readonly why: string;
}

/**
 * The end whose word counts; null where both came to theirs well. A source that fails closes the pipe, and a sink that fails
 * breaks it: the sink's word, on a full disk say, comes first.
 */
export function failedEnd({ source, sink }: Piped): FailedEnd | null {
  const of = (end: FailedEnd["end"], { exitCode, stderr }: Piped["source"]): FailedEnd => ({
    end,
    why: stderr.trim() || `exit code ${exitCode}`,
  });
  if (sink.exitCode !== 0) return of("sink", sink);
  return source.exitCode === 0 ? null : of("source", source);
}

const GRACE_MS = 5_000;
/** An end that is just being started has to be waited for, or it could not be ended on its host. */
const START_GRACE_MS = 2_000;

/**
 * Runs `source` on one host and `sink` on another with one kernel pipe between them; no byte of it passes
 * through this process. Hosts may be the same. An end that fails is an answer, not an error.
 *
 * A source that fails ends the sink's stdin just as a finished one does, so **the end of its stdin never tells
 * a sink that the stream was whole**: nothing may be made final before both exit codes are known.
 *
 * The terminal's Ctrl-C does not reach the ends. On abort both are ended, on their hosts too, and waited for.
 *
 * @throws DevbackupError exit code 4 where an end is not reached, sudo refuses, or a link is lost (which
 *   OpenSSH tells by exit code 255, ssh(1): a script that uses it itself is misread); rejects with
 *   `signal.reason` on abort.
 */
export async function pipe(options: PipeOptions): Promise<Piped> {
  const { from, source, to, sink, signal, env = process.env, startTimeoutMs = START_TIMEOUT_MS } = options;
  signal?.throwIfAborted();
  const noting = from.notePipe ?? to.notePipe;
  if (noting !== undefined) return noting({ from, source, to, sink });
  const line = (options.back === true ? bothWays : pipeline)(from.shellArgv(), to.shellArgv());
  const child = spawn("sh", ["-c", line], {
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe", "pipe", "pipe", "pipe"],
  });
  endWithUs(child);
  const gone = new Promise<void>((resolve, reject) => {
    child.once("close", () => resolve());
    child.once("error", reject);
  });
  gone.catch(() => {});
  // a source changes nothing that another run could come across
  send(child, 3, from.preface === undefined ? source : `${from.preface}${LET_GO}\n${source}`);
  send(child, 4, `${to.preface ?? ""}${sink}`);
  const codes = readCodes(stream(child, 5));
  const stdout = keepEnd(stream(child, 1));
  const sinkSaid = keepEnd(stream(child, 2));
  const sourceSaid = keepEnd(stream(child, 6));

  const endAll = () =>
    endBoth(child, gone, [
      [to, sinkSaid],
      [from, sourceSaid],
    ]);
  // where a host hangs before its end begins, no keep-alive tells
  const unheard = async (host: Host, said: Kept): Promise<Host> =>
    (await within(startTimeoutMs, said.begun, gone)) === "late" ? host : new Promise(() => {});
  const cut = Promise.withResolvers<"aborted">();
  const abort = (): void => cut.resolve("aborted");
  signal?.addEventListener("abort", abort);
  // a source that is silent does not notice that nobody reads it any more
  const lingering = codes.sinkEnded.then(async () => {
    if ((await within(2 * GRACE_MS, gone)) === "late") await endAll();
  });
  // where the shell itself failed, that is told below
  lingering.catch(() => {});
  try {
    const first = await Promise.race([gone, cut.promise, unheard(to, sinkSaid), unheard(from, sourceSaid)]);
    if (first !== undefined) {
      await endAll();
      throw first === "aborted" ? signal?.reason : notBegun(first.name, startTimeoutMs);
    }
  } finally {
    signal?.removeEventListener("abort", abort);
  }
  const sinkEnd = endOf(to, codes.of("sink"), sinkSaid, stdout.text());
  const sourceEnd = endOf(from, codes.of("source"), sourceSaid);
  return { source: sourceEnd, sink: { ...sinkEnd, stdout: stdout.text() } };
}

/**
 * The sink's script goes into the pipe before what the source writes. POSIX sh has no pipefail, so each side
 * writes its exit code to descriptor 5. 3 and 4 bring the scripts, 6 takes the source's stderr.
 */
const pipeline = (source: readonly string[], sink: readonly string[]): string =>
  [
    `{ cat <&4 && ${command(source)} <&3 2>&6 3<&- 4<&- 5>&- 6>&-; echo "source $?" >&5; }`,
    `{ ${command(sink)} 5>&-; echo "sink $?" >&5; } 3<&- 4<&- 6>&-`,
  ].join(" | ");

/**
 * The way back is a named pipe that has lost its name: 8 reads from it, 9 writes to it. No shell keeps an end that it only hands
 * on, or nobody would ever see its end: of a source that has failed, the sink is to hear at once.
 */
const bothWays = (source: readonly string[], sink: readonly string[]): string =>
  `d=$(mktemp -d) && mkfifo "$d/back" && exec 7<>"$d/back" && rm -r "$d" && exec 8</proc/self/fd/7 9>/proc/self/fd/7 7>&- || exit 125
{
  exec 9>&-
  cat <&4 && exec 7>&1 >&-
  { cat <&3 && exec cat <&8; } 4<&- 5>&- 6>&- 7>&- | { ${command(source)} >&7 2>&6 3<&- 4<&- 5>&- 6>&- 7>&- 8<&-; echo "source $?" >&5; } &
  exec 3<&- 4<&- 5>&- 6>&- 7>&- 8<&-
  wait
} | {
  exec 3<&- 4<&- 6>&- 8<&-
  ${command(sink)} >&9 5>&- 9>&-; echo "sink $?" >&5
} &
exec >&- 3<&- 4<&- 5>&- 6>&- 8<&- 9>&-
wait`;

function send(child: ChildProcess, descriptor: number, script: string): void {
  const to = stream(child, descriptor);
  // a client that ends early closes it; its exit code says why
  to.on("error", () => {});
  to.end(framed(script));
}

function stream(child: ChildProcess, descriptor: number): Socket {
  // the types know of five descriptors at most
  const streams: readonly unknown[] = child.stdio;
  const found = streams[descriptor];
  if (found instanceof Socket) return found;
  throw new TypeError(`descriptor ${descriptor} is no pipe`);
}

function endOf(host: Host, exitCode: number, said: Kept, stdout = ""): { exitCode: number; stderr: string } {
  const stderr = said.text();
  const overSsh = host.shellArgv()[0] === "ssh";
  if (overSsh && exitCode === 255) throw linkLost(host, stderr);
  // the other end may have broken the pipe before this one was even started
  if (said.pid() === undefined && exitCode !== PIPE_BROKEN && exitCode !== KILLED)
    throw notStarted(host.name, exitCode, stderr, stdout);
  return { exitCode, stderr };
}

/**
 * The sink goes first: it must not take the end of a killed source for the end of the stream. Killing the
 * local clients would not end what runs on the hosts.
 */
async function endBoth(
  child: ChildProcess,
  gone: Promise<void>,
  ends: readonly (readonly [Host, Kept])[],
): Promise<void> {
  for (const signal of ["TERM", "KILL"] as const) {
    for (const [host, said] of ends) {
      const pid = await within(START_GRACE_MS, said.begun, gone);
      if (typeof pid !== "number" || child.exitCode !== null) continue;
      await within(
        GRACE_MS,
        host.run(killGroupOf(pid, signal), { regardless: true }).catch(() => {}),
      );
    }
    if (child.pid !== undefined) endGroup(child.pid, `SIG${signal}`);
    if ((await within(GRACE_MS, gone)) !== "late") return;
  }
  // what even KILL does not end, a process that waits for a broken disk, is left alone
  for (const each of child.stdio) each?.destroy();
  child.unref();
}

const linkLost = (host: Host, said: string): DevbackupError =>
  new DevbackupError({
    code: "link-lost",
    exitCode: 4,
    host: host.name,
    what: "the connection that carried the stream was lost or did not come about",
    why: said.replaceAll("\r", "").trim() || "OpenSSH ended with exit code 255 and said nothing",
    state: "What had arrived is incomplete and counts for nothing; safe to run again",
    next: "Run the same command again",
  });
