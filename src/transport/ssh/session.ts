import type { Readable, Writable } from "node:stream";
import type { DevbackupError } from "../../domain/trouble.ts";

/** One bootstrap command that has been started on a host; what local and SSH hosts have in common. */
export interface Session {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves once the command has ended and both its outputs are read to their end; never rejects. */
  readonly ended: Promise<SessionEnd>;
  /** Lets go of it at once; the process on the host may live on. */
  abandon(): void;
}

export type SessionEnd =
  /** As a shell counts: 128 and the signal's number where a signal ended it. */
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "lost"; readonly error: DevbackupError };

/** Opens sessions on one host. */
export interface SessionSource {
  /** @throws DevbackupError where the link is gone; {@link SessionRefused} where the host allows no more. */
  open(): Promise<Session>;
  close(): Promise<void>;
}

/** The host is well, but allows no further session on this connection (sshd's MaxSessions). */
export class SessionRefused extends Error {}
