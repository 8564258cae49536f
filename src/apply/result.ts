import type { DevbackupError, ExitCode } from "../domain/trouble.ts";
import { LEFT_OUT } from "../plan/assemble.ts";
import type { ActionId, Plan, Warning } from "../plan/plan.ts";
import type { Result } from "./events.ts";

/** What has become of the actions of one apply. */
export interface Progress {
  readonly done: Set<ActionId>;
  /** Failed or skipped. */
  readonly out: Set<ActionId>;
  /** Something was skipped although nobody need approve it. */
  held: boolean;
  /** Something stored is not authentic, and what would make it so was left undone. */
  doubtful: 6 | null;
  /** The first. */
  failure: DevbackupError | null;
  /** Why nothing further is begun. */
  end: DevbackupError | null;
  interrupted: boolean;
  /** What went wrong besides, and left no action undone. */
  readonly besides: DevbackupError[];
}

export const newProgress = (): Progress => ({
  done: new Set(),
  out: new Set(),
  held: false,
  doubtful: null,
  failure: null,
  end: null,
  interrupted: false,
  besides: [],
});

/** The second plan: what is left when all has been carried out. */
export interface Aftermath {
  /** Null where it could not be made. */
  readonly remaining: Plan | null;
  /** What keeps anyone from knowing whether something is left. */
  readonly unseen: readonly string[];
}

/** A plan with a problem, made without the bucket, or that had to leave out what was asked for, does not say that nothing is left. */
export const aftermathOf = (remaining: Plan): Aftermath => ({
  remaining,
  unseen: [
    ...remaining.problems,
    ...remaining.warnings.filter(({ code, hides }) => hides !== undefined || code === LEFT_OUT),
  ].map(({ dataset, text }: Warning) => (dataset === null ? text : `${dataset}: ${text}`)),
});

export function resultOf(plan: Plan, progress: Progress, { remaining, unseen }: Aftermath): Result {
  if (progress.interrupted) return "interrupted";
  if (progress.failure !== null || remaining === null) return "failed";
  if (progress.out.size + remaining.actions.length + unseen.length > 0) return "left-undone";
  return plan.actions.length === 0 ? "nothing-to-do" : "done";
}

/** A hazard that nobody approved is no failure; what waits for one is, and whatever else is or may be left. */
export function exitCodeOf(
  result: Result,
  progress: Progress,
  { remaining, unseen }: Aftermath,
): ExitCode | 0 {
  const all = progress.besides.length > 0 ? 1 : 0;
  switch (result) {
    case "interrupted":
      return 130;
    case "failed":
      return progress.failure?.trouble.exitCode ?? 1;
    case "left-undone": {
      // one that has come up and waits for an approval is no failure either, but for what is in doubt
      const isNew = remaining?.actions.some(
        ({ id, hazard, exitCode }) => !progress.out.has(id) && (hazard === "none" || exitCode !== undefined),
      );
      return progress.doubtful ?? (progress.held || isNew === true || unseen.length > 0 ? 1 : all);
    }
    case "done":
    case "nothing-to-do":
      return all;
  }
}
