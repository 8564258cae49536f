import type { DesiredState } from "../../desired-state/desired-state.ts";
import { coveredBy, SCHEDULE_STANDPOINT } from "../../desired-state/standpoint.ts";
import type { HostName } from "../../domain/names.ts";
import type { Problem } from "../../plan/plan.ts";
import { type LetIn, LOGINS, type ScheduleFacts } from "./schedule-facts.ts";

/**
 * Whose a schedule is, by the datasets that it was set up for: this desired state's, where it has all of them; partly,
 * where one of the two has changed since. Two desired states may well share a host: what is another's is left alone.
 */
export function whoseIs(desired: DesiredState, covered: readonly string[]): "ours" | "partly" | "another" {
  const own = new Set(coveredBy(desired));
  const of = covered.filter((dataset) => own.has(dataset)).length;
  if (of === 0) return "another";
  return of === covered.length ? "ours" : "partly";
}

/** A host has one schedule, and one that can't be read is nobody's to replace. */
export function anothersSchedule(
  on: HostName,
  desired: DesiredState,
  { standpoint }: ScheduleFacts,
): Problem[] {
  if (standpoint === null) return [];
  if (standpoint === "unreadable")
    return [
      ofAnother(
        on,
        `a schedule stands there, and whose it is can't be told: a newer devbackup has written ${SCHEDULE_STANDPOINT}, or it is damaged`,
        `the devbackup that set it up; or, where it is to be this desired state's: rm ${SCHEDULE_STANDPOINT} there, and the same command again`,
      ),
    ];
  const { datasets } = standpoint;
  if (whoseIs(desired, datasets) !== "another") return [];
  return [
    ofAnother(
      on,
      `the schedule of another desired state stands there, of ${datasets.join(", ")}, and a host has one`,
      `put its datasets and these into one desired state, or take the schedule out of the other one and apply that; where there is no other one any more: rm ${SCHEDULE_STANDPOINT} there`,
    ),
  ];
}

/** The line and the note that let a schedule in are named by its host alone. */
export function anothersLogin(
  host: HostName,
  on: HostName,
  desired: DesiredState,
  letIn: LetIn | undefined,
): Problem[] {
  if (letIn === undefined || whoseIs(desired, letIn.datasets) !== "another") return [];
  const whose = letIn.datasets.join(", ") || "something that its note does not say";
  return [
    ofAnother(
      host,
      `the ${on} whose schedule it lets in is another desired state's, of ${whose}, and it lets in one of a name`,
      `call ${on} by another name in the hosts of one of the two; where there is no other one any more: rm ${LOGINS}/${on} there`,
    ),
  ];
}

const ofAnother = (host: HostName, text: string, next: string): Problem => ({
  code: "schedule-of-another",
  host,
  dataset: null,
  text,
  next,
});
