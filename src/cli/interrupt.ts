const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
type Signal = (typeof SIGNALS)[number];

const INTERRUPTED = 130;

/** What a signal does now. */
let onSignal: (name: Signal) => void = () =>
  endWith("Interrupted; nothing was changed on any host. It is safe to run again.");

/**
 * From here on a signal ends the command with exit code 130, at once where there is nothing to finish. That nobody
 * reads what is written any more (a terminal that was closed, a pipe that broke) ends nothing.
 */
export function heedSignals(): void {
  for (const signal of SIGNALS) process.on(signal, (name: Signal) => onSignal(name));
  for (const output of [process.stdout, process.stderr])
    output.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
    });
}

/**
 * The first Ctrl-C, SIGTERM or SIGHUP lets the running action finish or undo itself; the second stops at once. What
 * was cut off then is found by the next run, and `whatNext` says what that will do.
 */
export function interruptible(whatNext: () => string): {
  readonly signal: AbortSignal;
  readonly stop: () => void;
} {
  const controller = new AbortController();
  onSignal = (name) => {
    if (!controller.signal.aborted) {
      say("Stopping: the running action finishes or undoes itself. Once more stops at once.");
      controller.abort(new Error("interrupted"));
    } else if (name !== "SIGHUP") endWith(`Stopped at once. ${whatNext()}`);
    // a terminal that is closed may tell twice, by its shell and by itself, and nobody asked for haste
  };
  return {
    signal: controller.signal,
    stop: () => {
      onSignal = () => process.exit(INTERRUPTED);
    },
  };
}

const say = (text: string): boolean => process.stderr.write(`\n${text}\n`);

function endWith(text: string): void {
  say(text);
  process.exit(INTERRUPTED);
}
