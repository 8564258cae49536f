import type { HostName } from "../../domain/names.ts";
import type { Action, ActionId } from "../../plan/plan.ts";
import { actionId } from "../answer.ts";
import type { View } from "../view.ts";
import type { Broken } from "./broken.ts";
import type { ScheduleFacts } from "./schedule-facts.ts";
import { scheduleProblems } from "./schedule-problems.ts";
import type { LookedAtSchedule, WantedSchedule } from "./wanted.ts";

/** A schedule that is declared, and what there is of it on its host. */
export interface Due {
  readonly wanted: WantedSchedule;
  readonly there: ScheduleFacts;
  readonly broken: Broken;
  readonly looked: LookedAtSchedule;
}

/** Null where none is declared, or it was not looked at, or something stands in its way. */
export function dueOf({ schedule: looked, desired }: View): Due | null {
  if (!looked?.wanted) return null;
  const { wanted } = looked;
  const there = looked.there.get(wanted.on);
  const { asked } = looked;
  if (there?.kind !== "known" || asked.kind !== "known") return null;
  if (scheduleProblems(looked, wanted, desired).length > 0) return null;
  return { wanted, there: there.value, broken: asked.value.broken, looked };
}

export const scheduleId = (on: HostName): ActionId => actionId("schedule", on);
export const programId = (on: HostName): ActionId => actionId("schedule-program", on);
export const keyId = (on: HostName): ActionId => actionId("schedule-key", on);
export const loginId = (host: HostName): ActionId => actionId("schedule-login", host);

/** An action that is no dataset's, with the usual left out. */
export const proposeOn = <Input>(
  kind: string,
  host: HostName,
  draft: Pick<Action<Input>, "change" | "summary" | "reason" | "input"> & Partial<Action<Input>>,
): Action<Input> => ({
  id: actionId(kind, host),
  dataset: null,
  label: null,
  stage: "provision",
  hazard: "none",
  needs: [],
  details: [],
  assumes: {},
  ...draft,
  kind,
  host,
});
