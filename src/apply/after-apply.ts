import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import type { DatasetName } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { Plan } from "../plan/plan.ts";
import { afterApplyOf, runAfterApplyHook } from "../reconcilers/hooks/after-apply.ts";
import { byHand, type Hook } from "../reconcilers/hooks/hook.ts";
import type { Emit, Result } from "./events.ts";
import { inWords, type Typed } from "./in-words.ts";
import type { Lock } from "./lock.ts";
import type { Progress } from "./result.ts";
import type { RunContext } from "./run-action.ts";

interface Options extends Typed, Pick<RunContext, "host" | "signal"> {
  readonly desired: DesiredState;
  readonly plan: Plan;
  readonly emit: Emit;
}

/**
 * `after_apply` of each dataset of which an action was carried out, on its server, under its lock. One that fails takes
 * nothing back. A restore has none, and whoever interrupts is not kept waiting.
 */
export async function runAfterApply(
  options: Options,
  progress: Progress,
  result: Result,
  locks: readonly Lock[],
): Promise<void> {
  const { desired, plan, signal } = options;
  if (plan.mode === "restore" || result === "nothing-to-do" || result === "interrupted") return;
  const changed = new Set(
    plan.actions.filter(({ id }) => progress.done.has(id)).map(({ dataset }) => dataset),
  );
  for (const spec of desired.datasets) {
    const label = plan.labels[spec.name];
    const lock = locks.find(({ dataset }) => dataset === spec.name);
    if (label === undefined || lock === undefined || !changed.has(spec.name)) continue;
    const hook = afterApplyOf(spec, label, result);
    if (hook === null || signal.aborted) continue;
    try {
      const server = lock.fenced(await options.host(spec.server));
      const failure = await runAfterApplyHook(server, spec, hook, signal);
      if (failure !== null) tellBesides(options, progress, spec.name, failure);
    } catch (error) {
      if (!(error instanceof DevbackupError) && !signal.aborted) throw error;
      tellBesides(
        options,
        progress,
        spec.name,
        error instanceof DevbackupError ? error : wasEnded(spec, hook, error),
      );
    }
  }
}

const wasEnded = ({ name, server }: DatasetSpec, hook: Hook, cause: unknown): DevbackupError =>
  new DevbackupError(
    {
      code: "hook-failed",
      exitCode: 1,
      host: server,
      what: `${hook.name} of ${name} was ended: interrupted`,
      state: "It runs behind the backup, which stands as it was told",
      next: byHand(hook, server),
    },
    { cause },
  );

/** Takes in what went wrong besides, in the words of the user, and tells it at once. */
export function tellBesides(
  { emit, ...typed }: Typed & { readonly emit: Emit },
  progress: Pick<Progress, "besides">,
  dataset: DatasetName | null,
  error: DevbackupError,
): void {
  const told = inWords(error, typed);
  progress.besides.push(told);
  emit({ event: "trouble", dataset, trouble: told.trouble });
}
