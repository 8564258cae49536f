import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { DevbackupError, type ExitCode, LOOK } from "../domain/trouble.ts";
import { type Approval, approveCommand, approvedIds, isApproved } from "../plan/approval.ts";
import { firstDrift } from "../plan/drift.ts";
import type { Action, Plan } from "../plan/plan.ts";
import { planFrom } from "../reconcilers/diff-all.ts";
import type { Observation } from "../reconcilers/facts.ts";
import { runAfterApply, tellBesides } from "./after-apply.ts";
import type { Emit, Obstacle } from "./events.ts";
import { type Journal, openJournal } from "./journal.ts";
import { type Lock, takeLock } from "./lock.ts";
import type { Holder } from "./locked.ts";
import { type Aftermath, aftermathOf, exitCodeOf, newProgress, type Progress, resultOf } from "./result.ts";
import { type RunContext, runAction } from "./run-action.ts";

export interface ApplyOptions extends RunContext {
  /** What was shown and agreed to. */
  readonly plan: Plan;
  /** It was saved, and is carried out exactly: see {@link firstDrift}. */
  readonly saved: boolean;
  readonly approval: Approval;
  readonly holder: Holder;
}

/**
 * Carries out `plan` under the lock of every dataset, and makes the second plan. Before each action it looks
 * again: what no longer fits is not run, and once a problem has come up nothing is. After each it looks once
 * more: what did not take is an error. Nothing is decided here that the plan did not say. Resolves with the
 * exit code.
 * @throws DevbackupError `locked` (3), `drift` (5), and what a host or the bucket refuses before the first action
 */
export async function apply(options: ApplyOptions): Promise<ExitCode | 0> {
  const { desired, plan, emit, now, approval } = options;
  const begun = now().getTime();
  if (plan.actions.length === 0) return nothingToDo(plan, emit);
  const locks: Lock[] = [];
  try {
    // in one order everywhere: of two runs that want the same datasets, one gets them all
    for (const spec of desired.datasets.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
      locks.push(await takeLock(await options.host(spec.server), spec, options.holder));
    const observed = await options.look();
    refuseDrift(options, planFrom(desired, observed, options.request));
    emit({ event: "started", plan, approved: approvedIds(plan.actions, approval) });
    const journal = await journalOf(options);
    await journal.all({ event: "apply-started", actions: plan.actions.map(({ id }) => id) });
    const progress = await runAll(options, observed, locks, journal.of);
    const after = await secondPlan(options);
    const result = resultOf(plan, progress, after);
    await runAfterApply(options, progress, result, locks);
    const durationMs = Math.max(0, now().getTime() - begun);
    const exitCode = exitCodeOf(result, progress, after);
    await journal.all({ event: "apply-finished", result, durationMs, exitCode });
    emit({ event: "finished", result, done: progress.done.size, durationMs, ...asSeen(after) });
    return exitCode;
  } finally {
    await Promise.allSettled(locks.map((lock) => lock.release()));
  }
}

/** Then no lock is taken, and the journal has nothing to tell. */
function nothingToDo(plan: Plan, emit: Emit): ExitCode | 0 {
  const [progress, after] = [newProgress(), aftermathOf(plan)];
  const result = resultOf(plan, progress, after);
  emit({ event: "started", plan, approved: [] });
  emit({ event: "finished", result, done: 0, durationMs: 0, ...asSeen(after) });
  return exitCodeOf(result, progress, after);
}

/** What was done stays done where it can't be looked at any more: then the reason is told, and not thrown. */
const secondPlan = ({ look, desired, request }: ApplyOptions): Promise<Aftermath> =>
  look()
    .then((last) => aftermathOf(planFrom(desired, last, request)))
    .catch((error: unknown) => {
      if (error instanceof DevbackupError) return { remaining: null, unseen: [error.message] };
      throw error;
    });

const asSeen = ({ remaining, unseen }: Aftermath) => ({
  remaining: remaining?.actions ?? null,
  ...(unseen.length > 0 && { unseen }),
  ...(remaining !== null && { warnings: remaining.warnings }),
});

async function runAll(
  options: ApplyOptions,
  observed: Observation,
  locks: readonly Lock[],
  journal: (action: Action) => Journal,
): Promise<Progress> {
  const { plan, emit } = options;
  const progress = newProgress();
  let latest = observed;
  for (const planned of plan.actions) {
    const obstacle = obstacleTo(planned, progress, options);
    if (obstacle !== null) {
      progress.out.add(planned.id);
      progress.held ||= obstacle.because !== "unapproved";
      progress.doubtful ??= planned.exitCode ?? null;
      progress.interrupted ||= obstacle.because === "interrupted";
      emit({ event: "action-skipped", id: planned.id, ...obstacle });
      continue;
    }
    const outcome = await runAction({
      ...options,
      planned,
      latest,
      assertHeld: () => {
        for (const lock of locks) lock.assertHeld();
      },
      besides: (error) => tellBesides(options, progress, planned.dataset, error),
      fenced: (host) =>
        (locks.find(({ dataset }) => dataset === planned.dataset) ?? locks[0])?.fenced(host) ?? host,
    });
    latest = outcome.latest;
    await journal(planned)({ event: "action", id: planned.id, summary: planned.summary, ...outcome.entry });
    if (outcome.entry.result === "done") progress.done.add(planned.id);
    else progress.out.add(planned.id);
    progress.interrupted ||= outcome.entry.result === "interrupted";
    progress.failure ??= outcome.failure;
    progress.end ??= outcome.end;
  }
  return progress;
}

function obstacleTo(
  action: Action,
  progress: Progress,
  { approval, command, signal }: ApplyOptions,
): Obstacle | null {
  if (progress.interrupted || signal.aborted) return { because: "interrupted", detail: "" };
  if (progress.end !== null) return { because: "failed-before", detail: progress.end.message };
  const missing = action.needs.find((need) => progress.out.has(need));
  if (missing !== undefined) return { because: "needs", detail: missing };
  if (!isApproved(action, approval))
    return { because: "unapproved", detail: approveCommand(action.id, command) };
  return null;
}

function refuseDrift({ plan, saved }: ApplyOptions, fresh: Plan): void {
  const drift = firstDrift(plan, fresh, { saved });
  const [blocked] = fresh.problems;
  if (drift === null && blocked === undefined) return;
  throw new DevbackupError({
    code: "drift",
    exitCode: 5,
    ...(drift !== null && { host: drift.action.host }),
    what:
      drift !== null
        ? `${drift.action.id} no longer fits what is there`
        : "something new stands in the way of the plan",
    why: drift !== null ? drift.why : (blocked?.text ?? ""),
    state: "Nothing was changed",
    next: LOOK,
  });
}

async function journalOf(options: ApplyOptions): Promise<{ all: Journal; of: (action: Action) => Journal }> {
  const open = async (spec: DatasetSpec) =>
    [spec.name, openJournal(await options.host(spec.server), spec, options.holder, options.now)] as const;
  const journals = new Map(await Promise.all(options.desired.datasets.map(open)));
  const all: Journal = async (entry) => {
    await Promise.all([...journals.values()].map((journal) => journal(entry)));
  };
  return { all, of: ({ dataset }) => (dataset === null ? all : (journals.get(dataset) ?? all)) };
}
