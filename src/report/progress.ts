import type { Writable } from "node:stream";
import type { Emit } from "../apply/events.ts";

export interface ProgressOptions {
  /** `tty` redraws the screen and needs `out` to be a terminal; `plain` and `json` only ever append lines. */
  readonly kind: "tty" | "plain" | "json";
  /** Where progress goes; with `json` nothing but JSON. */
  readonly out: Writable;
  /** Where errors go, and with `json` all text for people. */
  readonly err: Writable;
  readonly color: boolean;
  /** Only errors and the closing line. JSON is not for people and is not cut. */
  readonly quiet: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What to run again, with the flags that the user gave. Default `devbackup apply`. */
  readonly command?: string;
  /** Whether that asks for a part of the whole. */
  readonly narrowed?: boolean;
  /** What does that with all that it waits for. */
  readonly wholeCommand?: string;
  /** Default: the columns of the terminal, else 80. */
  readonly width?: number;
}

export interface Progress {
  readonly emit: Emit;
  /**
   * Resolves when everything has been written. Has to be called once, also when apply threw: it gives the
   * cursor back. Troubles that came as `action-failed` are printed by then; one that was thrown is not.
   */
  end(): Promise<void>;
}

export type SizedProgressOptions = ProgressOptions & { readonly width: number };
