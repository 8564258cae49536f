import type { Progress, ProgressOptions } from "./progress.ts";
import { createJsonProgress } from "./progress-json.ts";
import { createPlainProgress } from "./progress-plain.ts";
import { createTtyProgress } from "./progress-tty.ts";

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
