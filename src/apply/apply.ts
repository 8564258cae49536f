import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import type { HostName } from "../domain/names.ts";
import { DevbackupError, type ExitCode } from "../domain/trouble.ts";
import { type Approval, approveCommand, approvedIds, isApproved } from "../plan/approval.ts";
import { firstDrift } from "../plan/drift.ts";
import type { Action, ActionId, Plan } from "../plan/plan.ts";
import { planFrom, type Request } from "../reconcilers/diff-all.ts";
import type { Observation } from "../reconcilers/facts.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import type { Host } from "../transport/host.ts";
import type { Emit } from "./events.ts";
import { type Journal, openJournal } from "./journal.ts";
import { type Holder, type Lock, takeLock } from "./lock.ts";
import { type Outcome, runAction } from "./run-action.ts";

export interface ApplyOptions {
  readonly desired: DesiredState;
  readonly request: Request;
  /** What was shown and agreed to. */
  readonly plan: Plan;
  readonly approval: Approval;
  /** What the user typed, for the commands that are suggested. */
  readonly command: string;
  readonly holder: Holder;
  readonly host: (name: HostName) => Promise<Host>;
  readonly bucket: () => Promise<Bucket>;
  /** Looks afresh; with `buckets`, without asking the bucket again. */
  readonly look: (buckets?: Observation["buckets"]) => Promise<Observation>;
  readonly emit: Emit;
  readonly now: () => Date;
  /** Aborted on the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/** What the apply as a whole came to: the exit code, and the plan that is left. */
export interface Applied {
  readonly exitCode: ExitCode | 0;
  readonly remaining: Plan | null;
}

/**
 * Carries out `plan` under the lock of every dataset. Before each action it looks again: what no longer fits is
 * not run. After each it looks once more: what did not take is an error. Nothing is decided here that the
 * plan did not say.
 * @throws DevbackupError `locked` (3), `drift` (5), and what a host or the bucket refuses before the first action
 */
export async function apply(options: ApplyOptions): Promise<Applied> {
  const { desired, plan, emit, now, approval } = options;
  const begun = now().getTime();
  if (plan.actions.length === 0) return nothingToDo(plan, emit);
  const locks: Lock[] = [];
  try {
    for (const spec of desired.datasets)
      locks.push(await takeLock(await options.host(spec.server), spec, options.holder));
    const observed = await options.look();
    refuseDrift(plan, planFrom(desired, observed, options.request));
    emit({ event: "started", plan, approved: approvedIds(plan.actions, approval) });
    const journal = await journalOf(options);
    await journal.all({ event: "apply-started", actions: plan.actions.map(({ id }) => id) });
    const course = await runAll(options, observed, locks, journal.of);
    const remaining = await options
      .look()
      .then((last) => planFrom(desired, last, options.request))
      .catch(() => null);
    const result = resultOf(plan, course, remaining);
    const durationMs = now().getTime() - begun;
    await journal.all({ event: "apply-finished", result, durationMs });
    emit({
      event: "finished",
      result,
      done: course.done.size,
      durationMs,
      remaining: remaining?.actions ?? null,
      ...unseenIn(remaining),
    });
    return { exitCode: exitCodeOf(result, course, remaining), remaining };
  } finally {
    await Promise.allSettled(locks.map((lock) => lock.release()));
  }
}

/** Then no lock is taken, and the journal has nothing to tell. */
function nothingToDo(plan: Plan, emit: Emit): Applied {
  const progress = newProgress();
  const result = resultOf(plan, progress, plan);
  emit({ event: "started", plan, approved: [] });
  emit({ event: "finished", result, done: 0, durationMs: 0, remaining: plan.actions, ...unseenIn(plan) });
  return { exitCode: exitCodeOf(result, progress, plan), remaining: plan };
}

interface Progress {
  readonly done: Set<ActionId>;
  /** Failed or skipped, by id. */
  readonly out: Set<ActionId>;
  /** Something was skipped although nobody need approve it. */
  held: boolean;
  failure: DevbackupError | null;
  interrupted: boolean;
}

const newProgress = (): Progress => ({
  done: new Set(),
  out: new Set(),
  held: false,
  failure: null,
  interrupted: false,
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
      emit({ event: "action-skipped", id: planned.id, ...obstacle });
      continue;
    }
    const outcome: Outcome = await runAction({
      ...options,
      planned,
      latest,
      assertHeld: () => {
        for (const lock of locks) lock.assertHeld();
      },
    });
    latest = outcome.latest;
    await journal(planned)({ event: "action", id: planned.id, summary: planned.summary, ...outcome.entry });
    if (outcome.entry.result === "done") progress.done.add(planned.id);
    else progress.out.add(planned.id);
    if (outcome.entry.result === "interrupted") progress.interrupted = true;
    progress.failure ??= outcome.failure;
  }
  return progress;
}

type Obstacle = { because: "unapproved" | "needs" | "interrupted" | "failed-before"; detail: string };

function obstacleTo(
  action: Action,
  progress: Progress,
  { approval, command, signal }: ApplyOptions,
): Obstacle | null {
  if (progress.interrupted || signal.aborted)
    return { because: "interrupted", detail: "stopped before it began" };
  // a host that is lost is lost to every action; anything else stops only what depends on it
  if (progress.failure?.trouble.exitCode === 4)
    return { because: "failed-before", detail: progress.failure.message };
  const missing = action.needs.find((need) => progress.out.has(need));
  if (missing !== undefined) return { because: "needs", detail: missing };
  if (!isApproved(action, approval))
    return { because: "unapproved", detail: approveCommand(action.id, command) };
  return null;
}

function refuseDrift(plan: Plan, fresh: Plan): void {
  const drift = firstDrift(plan, fresh);
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
    next: "devbackup plan",
  });
}

type Result = "done" | "nothing-to-do" | "left-undone" | "failed" | "interrupted";

/** Left undone: what waits for approval, and what the bucket would have got had it answered. */
function resultOf(plan: Plan, progress: Progress, remaining: Plan | null): Result {
  if (progress.interrupted) return "interrupted";
  if (progress.failure !== null || remaining === null) return "failed";
  if (progress.out.size > 0 || isCloudAway(remaining)) return "left-undone";
  return plan.actions.length === 0 ? "nothing-to-do" : "done";
}

/** A hazard that nobody approved is no failure; what waits for one is, and what the bucket did not get. */
function exitCodeOf(result: Result, { failure, held }: Progress, remaining: Plan | null): ExitCode | 0 {
  switch (result) {
    case "interrupted":
      return 130;
    case "failed":
      return failure?.trouble.exitCode ?? 1;
    case "left-undone":
      return held || remaining === null || isCloudAway(remaining) ? 1 : 0;
    case "done":
    case "nothing-to-do":
      return 0;
  }
}

const isCloudAway = ({ warnings }: Plan): boolean => warnings.some(({ code }) => code === "cloud-unknown");

function unseenIn(remaining: Plan | null): { readonly unseen?: readonly string[] } {
  const unseen = (remaining?.warnings ?? []).filter(({ code }) => code === "cloud-unknown");
  return unseen.length === 0 ? {} : { unseen: unseen.map(({ dataset, text }) => `${dataset}: ${text}`) };
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
