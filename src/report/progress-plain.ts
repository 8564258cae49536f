import type { ApplyEvent } from "../apply/events.ts";
import { printable } from "../domain/printable.ts";
import { formatDuration } from "../domain/units.ts";
import type { ActionId } from "../plan/plan.ts";
import { createTally, skippedText } from "./closing-text.ts";
import type { Progress, SizedProgressOptions } from "./progress.ts";
import { createTransfer, type Transfer } from "./transfer.ts";
import { troubleText } from "./trouble-text.ts";

/** Often enough to see that it lives, seldom enough for a journal. */
const PROGRESS_EVERY_MS = 10_000;

/** One line an event, none ever rewritten: for a journal, a pipe, a log of CI. */
export function createPlainProgress(options: SizedProgressOptions): Progress {
  const { out, err, now, quiet } = options;
  const tally = createTally();
  const running = new Map<ActionId, { readonly transfer: Transfer; printedMs: number }>();

  function say(id: ActionId, what: string): void {
    if (quiet) return;
    const host = tally.action(id)?.host;
    out.write(`${[...(host === undefined ? [] : [host]), id, what].map(printable).join("  ")}\n`);
  }

  function emit(event: ApplyEvent): void {
    tally.note(event);
    switch (event.event) {
      case "started":
        break;
      case "action-started":
        running.set(event.action.id, { transfer: createTransfer(now), printedMs: now() });
        say(event.action.id, `started: ${event.action.summary}`);
        break;
      case "progress": {
        const at = running.get(event.id);
        if (at === undefined) break;
        at.transfer.progress(event.bytes, event.totalBytes);
        if (now() - at.printedMs < PROGRESS_EVERY_MS) break;
        at.printedMs = now();
        say(event.id, at.transfer.text());
        break;
      }
      case "action-done": {
        const outcome = event.outcome === null ? "" : `: ${event.outcome}`;
        say(event.id, `done in ${formatDuration(event.durationMs)}${outcome}`);
        break;
      }
      case "action-skipped":
        say(event.id, skippedText(event));
        break;
      case "action-failed":
        say(event.id, `failed after ${formatDuration(event.durationMs)}`);
        err.write(troubleText(event.trouble, options));
        break;
      case "trouble":
        err.write(troubleText(event.trouble, options));
        break;
      case "finished":
        out.write(tally.closingText(event, options));
    }
  }
  return { emit, end: () => Promise.resolve() };
}
