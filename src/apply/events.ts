import type { DatasetName } from "../domain/names.ts";
import type { Trouble } from "../domain/trouble.ts";
import type { Action, ActionId, Plan, Warning } from "../plan/plan.ts";

/** What apply tells while it works; `--json` prints each as one line with `formatVersion` and `ts`. */
export type ApplyEvent =
  | { readonly event: "started"; readonly plan: Plan; readonly approved: readonly ActionId[] }
  | { readonly event: "action-started"; readonly action: Action }
  | {
      readonly event: "progress";
      readonly id: ActionId;
      /** Bytes written so far at the far end. */
      readonly bytes: number;
      /** Null where only the end will tell. */
      readonly totalBytes: number | null;
    }
  | {
      readonly event: "action-done";
      readonly id: ActionId;
      readonly durationMs: number;
      /** What the run alone could tell, one line: `312 MiB, sha256 9f2c…`. Null for nothing. */
      readonly outcome: string | null;
    }
  | ({ readonly event: "action-skipped"; readonly id: ActionId } & Obstacle)
  | {
      readonly event: "action-failed";
      readonly id: ActionId;
      readonly durationMs: number;
      readonly trouble: Trouble;
    }
  | {
      /** What stands beside the actions, or is no part of what they are to bring about: they stay done, and the run ends with 1. */
      readonly event: "trouble";
      readonly dataset: DatasetName | null;
      readonly trouble: Trouble;
    }
  | {
      readonly event: "finished";
      readonly result: Result;
      readonly done: number;
      readonly durationMs: number;
      /** The plan made afterwards from what is there then; null where it could not be made. */
      readonly remaining: readonly Action[] | null;
      /** What could not be looked at afterwards, so that nobody knows what is left there; left out for nothing. */
      readonly unseen?: readonly string[];
      /** Of the plan made afterwards; left out where it could not be made. */
      readonly warnings?: readonly Warning[];
    };

/** Why an action was not begun. */
export interface Obstacle {
  readonly because: "unapproved" | "needs" | "interrupted" | "failed-before";
  /** For `needs`: what it waits for. For `unapproved`: the command that approves it. */
  readonly detail: string;
}

/** What the apply as a whole came to; `left-undone`: nothing failed, and something waits for approval, or could not be looked at. */
export type Result = "done" | "nothing-to-do" | "left-undone" | "failed" | "interrupted";

export type Emit = (event: ApplyEvent) => void;
