import { shellWord } from "../../domain/shell-word.ts";
import type { Warning } from "../../plan/plan.ts";
import { type Asked, mendOpen } from "../machine/root-alone.ts";
import type { View } from "../view.ts";
import { notifyAsked } from "./notify-asked.ts";

/** Under a schedule root does the telling: what it would start or write to there is looked at as a hook's program is. */
export function notifiedWarnings({ desired, schedule }: Pick<View, "desired" | "schedule">): Warning[] {
  if (desired.schedule === null || schedule?.asked.kind !== "known") return [];
  const { on } = desired.schedule;
  const found = schedule.asked.value.notified;
  return notifyAsked(desired.notify).flatMap((asked) => {
    const what = found.get(asked.name);
    const told = what === "missing" ? missing(asked) : what === "open" ? open(asked) : null;
    return told === null ? [] : [{ ...told, host: on, dataset: null }];
  });
}

type Told = Pick<Warning, "code" | "text">;

const missing = (asked: Asked): Told => ({
  code: "notify-missing",
  text:
    "program" in asked
      ? `the program of ${asked.name} is not there: ${asked.program}. Nobody is told by it before it is; backups are made all the same`
      : `there is no folder ${asked.folder} for the textfile of ${asked.name}: mkdir -p ${shellWord(asked.folder)}. Prometheus hears nothing before there is; backups are made all the same`,
});

const open = (asked: Asked): Told =>
  "program" in asked
    ? {
        code: "notify-open",
        text: `${asked.name} runs ${asked.program} as root, and ${mendOpen("at the next run of the schedule")}`,
      }
    : {
        code: "textfile-open",
        text: `others than root can change ${asked.folder}, or a folder or a link on the way to it: they can tell Prometheus what they like in the name of ${asked.name}`,
      };
