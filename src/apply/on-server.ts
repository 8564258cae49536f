import type { DatasetSpec } from "../desired-state/desired-state.ts";
import type { HostName } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { Action, Plan } from "../plan/plan.ts";
import type { Tools } from "../reconcilers/reconciler.ts";
import type { View } from "../reconcilers/view.ts";
import type { Host } from "../transport/host.ts";
import { openJournal } from "./journal.ts";
import { takeLock } from "./lock.ts";
import type { Holder } from "./locked.ts";
import { lockLost, notTaken } from "./run-action.ts";

/** What one dataset's server is worked on with, by a command that is no part of bringing a desired state about. */
export interface ServerContext extends Pick<Tools, "bucket" | "escrow" | "trust" | "keepEscrow"> {
  readonly spec: DatasetSpec;
  readonly holder: Holder;
  readonly host: (name: HostName) => Promise<Host>;
  /** Looks at the server afresh, without asking the bucket again. */
  readonly lookAgain: () => Promise<View>;
  /** Hears of each action that was done. */
  readonly told: (action: Action, outcome: string | null) => void;
  readonly now: () => Date;
  /** Aborted on the first Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface UnderLock {
  readonly tools: Tools;
  /**
   * Carries out one action, looks whether `planned` of what is there now still has it, and enters it into the journal.
   * @throws DevbackupError what `run` does; `not-in-effect` where the difference is still there
   */
  readonly carryOut: <Input>(
    action: Action<Input>,
    run: (action: Action<Input>, tools: Tools) => Promise<string | null>,
    planned: (view: View) => Pick<Plan, "actions" | "problems">,
  ) => Promise<void>;
}

/** Has `work` done under the dataset's lock. @throws DevbackupError `locked` (3), and what `work` does */
export async function underLock<Done>(
  context: ServerContext,
  work: (held: UnderLock) => Promise<Done>,
): Promise<Done> {
  const { spec, holder, now, signal } = context;
  const server = await context.host(spec.server);
  const lock = await takeLock(server, spec, holder);
  const tools: Tools = {
    ...context,
    host: () => lock.fenced(server),
    progress: () => undefined,
    besides: () => undefined,
    assertHeld: () => lock.assertHeld(),
  };
  const journal = openJournal(server, spec, holder, now);
  const carryOut: UnderLock["carryOut"] = async (action, run, planned) => {
    const begun = now().getTime();
    const entered = (result: "done" | "failed" | "interrupted", outcome: string | null): Promise<void> => {
      const durationMs = Math.max(0, now().getTime() - begun);
      return journal({
        event: "action",
        id: action.id,
        summary: action.summary,
        result,
        durationMs,
        outcome,
      });
    };
    try {
      lock.assertHeld();
      const outcome = await run(action, tools);
      refuseLeft(action, planned(await context.lookAgain()));
      await entered("done", outcome);
      context.told(action, outcome);
    } catch (error) {
      const failure = lockLost({ assertHeld: () => lock.assertHeld(), signal }) ?? error;
      const why = failure instanceof Error ? failure.message : String(failure);
      await entered(signal.aborted ? "interrupted" : "failed", why);
      throw failure;
    }
  };
  return work({ tools, carryOut }).finally(() => lock.release());
}

/** A problem would make a difference look gone that is not. */
function refuseLeft(
  action: Action,
  { actions, problems: [problem] }: Pick<Plan, "actions" | "problems">,
): void {
  if (problem !== undefined)
    throw new DevbackupError({
      code: problem.code,
      exitCode: problem.exitCode ?? 1,
      ...(problem.host !== null && { host: problem.host }),
      what: `after ${action.id}, something new stands in the way`,
      why: problem.text,
      state: "What was done stays; nothing else was begun",
      next: problem.next,
    });
  if (actions.some(({ id }) => id === action.id)) throw notTaken(action);
}
