/**
 * The first Ctrl-C (or SIGTERM) lets the running action finish or undo itself; the second stops at once. What
 * was cut off then is found by the next apply.
 */
export function interruptible(): { readonly signal: AbortSignal; readonly stop: () => void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      process.stderr.write(
        "\nStopped at once. The next apply finds out what was cut off and goes on from there.\n",
      );
      process.exit(130);
    }
    process.stderr.write(
      "\nStopping: the running action finishes or undoes itself. Once more stops at once.\n",
    );
    controller.abort(new Error("interrupted"));
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    stop: () => {
      process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    },
  };
}
