import type { HostName } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { driftOf } from "../plan/drift.ts";
import type { Action } from "../plan/plan.ts";
import { RECONCILERS } from "../reconcilers/all.ts";
import { planFrom } from "../reconcilers/diff-all.ts";
import type { Observation } from "../reconcilers/facts.ts";
import type { Tools } from "../reconcilers/reconciler.ts";
import type { Host } from "../transport/host.ts";
import type { ApplyOptions } from "./apply.ts";

export interface Outcome {
  /** What was there after it. */
  readonly latest: Observation;
  readonly entry: {
    readonly result: "done" | "failed" | "interrupted";
    readonly durationMs: number;
    readonly outcome: string | null;
  };
  /** Null where it was done. */
  readonly failure: DevbackupError | null;
}

interface Running extends ApplyOptions {
  readonly planned: Action;
  readonly latest: Observation;
  readonly assertHeld: () => void;
}

/** One action: does it still fit, do it, is the difference gone? Never rejects but for a defect of ours. */
export async function runAction(running: Running): Promise<Outcome> {
  const { planned, emit, now, signal } = running;
  const begun = now().getTime();
  const durationMs = () => now().getTime() - begun;
  let latest = running.latest;
  emit({ event: "action-started", action: planned });
  try {
    const action = fresh(running, latest);
    running.assertHeld();
    const outcome =
      action === null
        ? "done already"
        : await reconcilerOf(action).run(action, await toolsOf(running, action));
    latest = await lookAgain(running, latest);
    if (fresh({ ...running, planned }, latest) !== null) throw notTaken(planned);
    emit({ event: "action-done", id: planned.id, durationMs: durationMs(), outcome });
    return { latest, entry: { result: "done", durationMs: durationMs(), outcome }, failure: null };
  } catch (error) {
    const interrupted = signal.aborted;
    if (!(error instanceof DevbackupError) && !interrupted) throw error;
    const failure = error instanceof DevbackupError ? error : wasInterrupted(planned);
    emit({ event: "action-failed", id: planned.id, durationMs: durationMs(), trouble: failure.trouble });
    const result = interrupted ? "interrupted" : "failed";
    // what follows must not rest on what was there before a failure; a host that does not answer ends the run
    latest = await running.look(running.latest.buckets).catch(() => latest);
    return { latest, entry: { result, durationMs: durationMs(), outcome: failure.message }, failure };
  }
}

/** The action as the newest facts have it, or null where there is nothing left to do about it. */
function fresh({ desired, request, planned }: Running, latest: Observation): Action | null {
  const now = planFrom(desired, latest, request).actions.find(({ id }) => id === planned.id);
  if (now === undefined) return null;
  const why = driftOf(planned, now);
  if (why === null) return now;
  throw new DevbackupError({
    code: "drift",
    exitCode: 5,
    host: planned.host,
    what: `${planned.id} no longer fits what is there`,
    why,
    state: "It was not begun; what was done before it stays",
    next: "devbackup plan",
  });
}

/** Only what is sent to the bucket makes another look into it worth its price. */
const lookAgain = ({ look, planned }: Running, latest: Observation): Promise<Observation> =>
  planned.stage === "cloud" ? look() : look(latest.buckets);

function reconcilerOf({ kind }: Action) {
  const found = RECONCILERS.find((reconciler) => reconciler.kind === kind);
  if (found === undefined) throw new RangeError(`nothing can carry out ${kind}`);
  return found;
}

async function toolsOf(
  { desired, host, bucket, now, signal, emit }: Running,
  { id }: Action,
): Promise<Tools> {
  const hosts = new Map<HostName, Host>();
  for (const { workstation, server } of desired.datasets)
    for (const name of [workstation, server]) hosts.set(name, await host(name));
  return {
    host: (name) => {
      const found = hosts.get(name);
      if (found === undefined) throw new RangeError(`no connection to ${name}`);
      return found;
    },
    bucket,
    now,
    signal,
    progress: (bytes, totalBytes) => emit({ event: "progress", id, bytes, totalBytes }),
  };
}

const notTaken = (action: Action): DevbackupError =>
  new DevbackupError({
    code: "not-in-effect",
    exitCode: 1,
    host: action.host,
    what: `${action.id} ran without an error, and what it was to mend is still there`,
    why: action.reason,
    state: "It is safe to run again",
    next: "devbackup plan",
  });

const wasInterrupted = (action: Action): DevbackupError =>
  new DevbackupError({
    code: "interrupted",
    exitCode: 130,
    host: action.host,
    what: `${action.id} was interrupted`,
    state: "What it had begun is undone, or is by the next run; it is safe to run again",
    next: "devbackup apply",
  });
