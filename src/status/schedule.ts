import type { DesiredState } from "../desired-state/desired-state.ts";
import { AGAIN } from "../domain/trouble.ts";
import { formatMinute } from "../domain/units.ts";
import type { Plan } from "../plan/plan.ts";
import type { Observation } from "../reconcilers/facts.ts";
import { brokenInWords } from "../reconcilers/schedule/broken.ts";
import { type ScheduleFacts, TIMER, TIMER_STANDS } from "../reconcilers/schedule/schedule-facts.ts";
import type { DatasetStatus, Doubt, ScheduleStatus } from "./status.ts";

/** The declared schedule as it stands on its host. Null where none is declared. */
export function scheduleStatus(
  { schedule }: DesiredState,
  observed: Observation,
  plan: Plan,
): ScheduleStatus | null {
  if (schedule === null) return null;
  const { on, calendar } = schedule;
  const there = factsOf(observed, on);
  return {
    on,
    calendar,
    isSetUp: isSetUp(observed, plan),
    // while one runs, the timer is at the time that started it
    nextRunAt: there?.nextRun && there.nextRun > observed.takenAt ? there.nextRun.toISOString() : null,
    lastRunAt: there?.lastRun?.toISOString() ?? null,
    retryAt: there?.retryAt?.toISOString() ?? null,
    lastExit: there?.lastExit
      ? { at: there.lastExit.at.toISOString(), exitCode: there.lastExit.exitCode }
      : null,
  };
}

/** That nothing runs by itself although it is declared; where a problem keeps it from being set up, that is what is said. */
export function scheduleInDoubt({ schedule }: DesiredState, observed: Observation, plan: Plan): Doubt[] {
  const there = schedule && factsOf(observed, schedule.on);
  if (schedule === null || there === null || plan.problems.some(isOfSchedule)) return [];
  const { timer, nextRun, standpoint } = there;
  if (timer === TIMER_STANDS && nextRun !== null)
    return (plan.warnings.some(({ code }) => code === BROKEN) ? [] : brokenIn(observed)).map((text) => ({
      code: BROKEN,
      host: schedule.on,
      weight: "warning",
      next: AGAIN,
      text,
    }));
  const why =
    standpoint === null
      ? "the schedule is declared, and not set up yet"
      : timer === TIMER_STANDS
        ? `${TIMER} has no next run`
        : `${TIMER} is ${timer.trim() || "not there"}, not enabled and active`;
  return [
    {
      code: "schedule-off",
      host: schedule.on,
      weight: "warning",
      next: AGAIN,
      text: `${why}: nothing runs by itself`,
    },
  ];
}

/** Of devbackup's own: it was stopped, or what a run waited for passes (3 and 4), and the unit tries again. */
const NO_FAILURE: ReadonlySet<number> = new Set([0, 3, 4, 130]);
/** Of devbackup's own: an apply that ends well later has done what that run was to do. Of any other, nothing but a run tells. */
const MADE_GOOD: ReadonlySet<number> = new Set([1, 5, 6]);

/** That the last run failed: one that dies before it can tell anybody is noticed here alone. */
export function runInDoubt(
  { schedule }: DesiredState,
  observed: Observation,
  plan: Plan,
  datasets: readonly Pick<DatasetStatus, "applies">[],
): Doubt[] {
  const there = schedule && factsOf(observed, schedule.on);
  if (schedule === null || !there?.hasFailed || there.lastExit === null) return [];
  const { at, exitCode } = there.lastExit;
  if (NO_FAILURE.has(exitCode)) return [];
  const later = datasets.flatMap(({ applies }) =>
    (applies ?? []).filter(
      ({ startedAt, result }) => result === "done" && Date.parse(startedAt) > at.getTime(),
    ),
  );
  if (MADE_GOOD.has(exitCode) && later.length > 0) return [];
  return [
    {
      code: "schedule-failed",
      host: schedule.on,
      weight: "warning",
      text: `the last run of the schedule ended with exit code ${exitCode}, ${formatMinute(at.toISOString())} UTC: journalctl -u devbackup there says why`,
      next: plan.actions.some(setsItUp)
        ? AGAIN
        : `put that right; then, there: systemctl start --no-block devbackup, or systemctl reset-failed devbackup`,
    },
  ];
}

/** A warning of the plan where an apply from here does not mend it. */
const BROKEN = "schedule-broken";

const brokenIn = ({ schedule }: Observation): readonly string[] =>
  schedule?.asked.kind === "known" ? brokenInWords(schedule.asked.value.broken) : [];

function factsOf({ schedule }: Observation, on: ScheduleStatus["on"]): ScheduleFacts | null {
  const there = schedule?.there.get(on);
  return there?.kind === "known" ? there.value : null;
}

/** Null where nobody could tell, or nobody has asked what should be there. */
function isSetUp({ schedule: looked }: Observation, { actions, problems }: Plan): boolean | null {
  if (!looked?.wanted || looked.asked.kind !== "known") return null;
  if ([...looked.there.values()].some(({ kind }) => kind !== "known")) return null;
  return !actions.some(setsItUp) && !problems.some(isOfSchedule);
}

const setsItUp = ({ kind }: { readonly kind: string }): boolean => kind.startsWith("schedule");
const isOfSchedule = ({ code }: { readonly code: string }): boolean => code.startsWith("schedule-");
