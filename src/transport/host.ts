import type { HostName } from "../domain/names.ts";

/**
 * One host that commands can be run on, local or over SSH. A script is POSIX sh; it travels on stdin, never
 * in an argument list, and runs with the privileges that the desired state asks for (`become`).
 */
export interface Host {
  readonly name: HostName;

  /** How long it may be silent before it counts as gone; left out where it can't be cut off. */
  readonly patienceMs?: number;

  /** What {@link run} puts in front of every script, and a pipe has to, too; left out for nothing. */
  readonly preface?: string;

  /**
   * Runs `script` to its end. A non-zero exit is an answer, not an error.
   * @throws DevbackupError exit code 4 where the host can't be reached, the link dies, or sudo wants a
   *   password; `timed-out` where it takes longer than `timeoutMs`; rejects with `signal.reason` on abort.
   */
  run(script: string, options?: RunOptions): Promise<RunResult>;

  /** Starts `script` and leaves it running, its stdin open; for locks. */
  start(script: string, options?: StartOptions): Promise<RunningCommand>;

  /**
   * The local argument list that runs, on this host and with its privileges, the script that stdin begins
   * with (see {@link framed}); the rest of stdin is the script's own. For bulk pipes. The shell's first line
   * on stderr is `devbackup-shell PID`, see `bootstrap.ts`.
   */
  shellArgv(): readonly string[];

  /** Of a host that only writes down what it is told: instead of a pipe that begins or ends here. */
  notePipe?(piping: Piping): Promise<Piped>;

  /** Where this login is restricted: the one that is not, for a bulk pipe of what only that may do. */
  administrator?(): Promise<Host>;

  /** Ends what still runs there, and the connection. */
  close(): Promise<void>;
}

/** Two scripts, and the hosts that they run on: what the one writes, the other reads. */
export interface Piping {
  readonly from: Host;
  readonly source: string;
  readonly to: Host;
  readonly sink: string;
}

/** How the two ended, and what the sink has said. */
export interface Piped {
  readonly source: { readonly exitCode: number; readonly stderr: string };
  readonly sink: { readonly exitCode: number; readonly stdout: string; readonly stderr: string };
}

export interface RunOptions {
  /** What the script reads from its stdin; nothing by default. */
  readonly stdin?: string | Uint8Array;
  /** Default: no limit but that of a dead link. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** How long the script may take to end once it is told to. Default: five seconds. */
  readonly graceMs?: number;
  /** Even where this run may do nothing more there (see `fence.ts`): what it has begun can be ended. */
  readonly regardless?: true;
}

export interface StartOptions {
  /**
   * A newline is written to the script's stdin that often. A controller that loses its power says nothing, and
   * sshd notices after hours: a script that holds a lock can give it up when the newlines stop. It may answer each
   * with a line of its own, see {@link RunningCommand.silentMs}.
   */
  readonly heartbeatMs?: number;
}

export interface RunResult {
  readonly exitCode: number;
  /** Decoded as UTF-8. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  /** Resolves with what the script has printed up to its first newline, or undefined where it ended before. */
  readonly firstLine: Promise<string | undefined>;
  /** Resolves when the command has ended, for whatever reason. */
  readonly ended: Promise<RunResult>;
  /** Whether it still ran when last heard of. */
  readonly alive: () => boolean;
  /**
   * How long ago the newest newline was sent that has been answered; counts while this machine sleeps, too, and
   * whatever its clock is set to. An answer that has come and was not read yet does not count.
   */
  readonly silentMs: () => number;
  /** Closes its stdin and waits for its end. */
  stop(): Promise<void>;
}

/** `script` as the shell behind {@link Host.shellArgv} expects it in front of stdin: its length, then itself. */
export const framed = (script: string): string => `${Buffer.byteLength(script)}\n${script}`;
