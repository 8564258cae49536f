import type { Writable } from "node:stream";
import type { Emit } from "../apply/events.ts";
import { createJsonProgress } from "./progress-json.ts";
import { createPlainProgress } from "./progress-plain.ts";
import { createTtyProgress } from "./progress-tty.ts";

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

/** Shows what apply does while it does it, and at the end whether anything is left. */
export function createProgress(options: ProgressOptions): Progress {
  const sized = { ...options, width: widthOf(options) };
  if (options.kind === "json") return createJsonProgress(sized);
  // on a terminal that does not know its width (a serial console, script(1)) no line can be drawn again
  const drawable = !("columns" in options.out && options.out.columns === 0);
  return options.kind === "tty" && drawable && !options.quiet
    ? createTtyProgress(sized)
    : createPlainProgress(sized);
}

function widthOf({ width, out }: ProgressOptions): number {
  if (width !== undefined) return width;
  return "columns" in out && typeof out.columns === "number" && out.columns > 0 ? out.columns : 80;
}
