import type { ApplyEvent } from "../apply/events.ts";
import { jsonLine } from "../domain/printable.ts";
import { createTally } from "./closing-text.ts";
import { planJson, publicAction } from "./plan-json.ts";
import type { Progress, SizedProgressOptions } from "./progress.ts";
import { troubleText } from "./trouble-text.ts";

/** One JSON object a line to `out`, each with `formatVersion` and `ts` (RFC 3339); text for people to `err`. */
export function createJsonProgress(options: SizedProgressOptions): Progress {
  const tally = createTally();
  return {
    emit(event) {
      tally.note(event);
      const ts = new Date(options.now()).toISOString();
      options.out.write(`${jsonLine({ formatVersion: 1, ts, ...publicEvent(event) })}\n`);
      if (event.event === "action-failed" || event.event === "trouble")
        options.err.write(troubleText(event.trouble, options));
      if (event.event === "finished") options.err.write(tally.closingText(event, options));
    },
    end: () => Promise.resolve(),
  };
}

/** The event without what a plan keeps to itself. */
function publicEvent(event: ApplyEvent): object {
  switch (event.event) {
    case "started":
      return { ...event, plan: planJson(event.plan) };
    case "action-started":
      return { ...event, action: publicAction(event.action) };
    case "finished":
      return { ...event, remaining: event.remaining?.map(publicAction) ?? null };
    default:
      return event;
  }
}
