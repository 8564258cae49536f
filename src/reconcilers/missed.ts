import {
  type Label,
  labelAfter,
  labelsInWords,
  PERIOD,
  parseLabel,
  periodsBetween,
} from "../domain/label.ts";
import { plural } from "../domain/units.ts";
import { type Answer, warning } from "./answer.ts";
import type { Request } from "./request.ts";
import type { View } from "./view.ts";

/**
 * Periods that passed without a snapshot, between the newest label and the one that is due. What was in the dataset
 * then is known to nobody any more: they are told of, and never made up.
 */
export function missedPeriods({ spec, course }: View, { labelled }: Request): Answer<never> {
  const { rows, target, pending } = course;
  const newest = rows.at(-1)?.label;
  // a label that somebody names says nothing about the calendar, nor does one of another cadence
  if (newest === undefined || labelled || parseLabel(newest, spec.cadence) === undefined) return {};
  const taken = new Set(pending.map(({ label }) => label));
  const missed: Label[] = [];
  for (let ahead = 1; ahead < periodsBetween(newest, target); ahead += 1) {
    const label = labelAfter(newest, ahead);
    if (!taken.has(label)) missed.push(label);
  }
  if (missed.length === 0) return {};
  return {
    warnings: [
      warning(
        "period-missed",
        spec,
        spec.workstation,
        `${plural(missed.length, PERIOD[spec.cadence])} passed without a snapshot, and what was there then is known to nobody: ${labelsInWords(missed)}; ${target} follows on ${newest}`,
      ),
    ],
  };
}
