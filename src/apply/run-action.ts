import type { DesiredState } from "../desired-state/desired-state.ts";
import type { HostName } from "../domain/names.ts";
import { AGAIN, DevbackupError, LOOK } from "../domain/trouble.ts";
import { driftOf, hiddenIn } from "../plan/drift.ts";
import type { Action, Problem, Warning } from "../plan/plan.ts";
import { reconcilerOf } from "../reconcilers/all.ts";
import { planFrom } from "../reconcilers/diff-all.ts";
import type { Observation } from "../reconcilers/facts.ts";
import type { Tools } from "../reconcilers/reconciler.ts";
import { hostsOf, type Request } from "../reconcilers/request.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import type { Host } from "../transport/host.ts";
import type { Emit } from "./events.ts";
import { inWords, type Typed } from "./in-words.ts";
import type { Lock } from "./lock.ts";

/** What every action of one apply is run with. */
export interface RunContext extends Typed {
  readonly desired: DesiredState;
  readonly request: Request;
  readonly host: (name: HostName) => Promise<Host>;
  readonly bucket: () => Promise<Bucket>;
  readonly escrow: Tools["escrow"];
  readonly trust: Tools["trust"];
  readonly keepEscrow: Tools["keepEscrow"];
  readonly scheduled?: Tools["scheduled"];
  /** Looks afresh; with `buckets`, without asking the bucket again. */
  readonly look: (buckets?: Observation["buckets"]) => Promise<Observation>;
  readonly emit: Emit;
  readonly now: () => Date;
  /** Aborted on the first Ctrl-C. */
  readonly signal: AbortSignal;
}

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
  /** Why nothing else may be begun: a host is lost, or a problem has come up. Null where the rest may go on. */
  readonly end: DevbackupError | null;
}

interface Running extends RunContext {
  readonly planned: Action;
  readonly latest: Observation;
  /** Throws where a lock is lost. */
  readonly assertHeld: () => void;
  readonly besides: Tools["besides"];
  /** A host as it may be used under the lock: see {@link Lock.fenced}. */
  readonly fenced: (host: Host) => Host;
}

/** One action: does it still fit, do it, is the difference gone? Never rejects but for a defect of ours. */
export async function runAction(running: Running): Promise<Outcome> {
  const { planned, look, emit, now, signal } = running;
  const begun = now().getTime();
  // a clock may be set back meanwhile
  const elapsedMs = (): number => Math.max(0, now().getTime() - begun);
  emit({ event: "action-started", action: planned });
  try {
    const action = workedOut(running);
    running.assertHeld();
    const outcome =
      action === null
        ? "done already"
        : await reconcilerOf(action.kind).run(action, await toolsOf(running, action));
    const latest = await lookAgain(running);
    if (freshPlan(running, latest).actions.some(({ id }) => id === planned.id)) throw notTaken(planned);
    const durationMs = elapsedMs();
    emit({ event: "action-done", id: planned.id, durationMs, outcome });
    return { latest, entry: { result: "done", durationMs, outcome }, failure: null, end: null };
  } catch (error) {
    const interrupted = signal.aborted;
    if (!(error instanceof DevbackupError) && !interrupted) throw error;
    const failure = inWords(
      lockLost(running) ?? (error instanceof DevbackupError ? error : wasInterrupted(planned)),
      running,
    );
    const durationMs = elapsedMs();
    emit({ event: "action-failed", id: planned.id, durationMs, trouble: failure.trouble });
    // what follows must not rest on what was there before a failure
    const seen = await look(running.latest.buckets).catch(asTrouble);
    const result = interrupted ? "interrupted" : "failed";
    return {
      latest: seen instanceof DevbackupError ? running.latest : seen,
      entry: { result, durationMs, outcome: failure.message },
      failure,
      end: endsAll(failure) ? failure : seen instanceof DevbackupError ? seen : null,
    };
  }
}

/** Without the lock, whatever else went wrong may be another run's doing. */
export function lockLost({
  assertHeld,
  signal,
}: Pick<Running, "assertHeld" | "signal">): DevbackupError | null {
  try {
    if (!signal.aborted) assertHeld();
    return null;
  } catch (error) {
    return asTrouble(error);
  }
}

const freshPlan = ({ desired, request }: Running, latest: Observation) => planFrom(desired, latest, request);

/**
 * The action as the newest facts have it, or null where there is nothing left to do about it. A problem, most of
 * all one that hides what is there, would make a difference look gone that is not.
 */
function workedOut(running: Running): Action | null {
  const { planned, latest } = running;
  const fresh = freshPlan(running, latest);
  const { actions, problems } = fresh;
  const [problem] = problems;
  if (problem !== undefined) throw blocked(planned, problem);
  const now = actions.find(({ id }) => id === planned.id);
  const hidden = now === undefined ? hiddenIn(fresh, planned) : undefined;
  if (hidden !== undefined) throw unseen(planned, hidden);
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
    next: LOOK,
  });
}

/** Only what changes something in the bucket makes another look into it worth its price. */
const lookAgain = ({ look, planned, latest }: Running): Promise<Observation> =>
  planned.stage === "cloud" || planned.stage === "retention" ? look() : look(latest.buckets);

const BLOCKED = "blocked";

/** A host that is lost is lost to every action; anything else stops only what depends on it. */
const endsAll = ({ trouble }: DevbackupError): boolean => trouble.exitCode === 4 || trouble.code === BLOCKED;

function asTrouble(error: unknown): DevbackupError {
  if (error instanceof DevbackupError) return error;
  throw error;
}

async function toolsOf(
  {
    desired,
    request,
    host,
    bucket,
    escrow,
    trust,
    keepEscrow,
    scheduled,
    now,
    signal,
    emit,
    ...lock
  }: Running,
  { id }: Action,
): Promise<Tools> {
  const hosts = new Map<HostName, Host>();
  for (const name of hostsOf(desired, request)) hosts.set(name, lock.fenced(await host(name)));
  return {
    host: (name) => {
      const found = hosts.get(name);
      if (found === undefined) throw new RangeError(`no connection to ${name}`);
      return found;
    },
    bucket: () => {
      lock.assertHeld();
      return bucket();
    },
    escrow,
    trust,
    keepEscrow,
    ...(scheduled && { scheduled }),
    now,
    signal,
    assertHeld: lock.assertHeld,
    besides: lock.besides,
    progress: (bytes, totalBytes) => emit({ event: "progress", id, bytes, totalBytes }),
  };
}

const blocked = ({ id }: Action, { host, text, next }: Problem): DevbackupError =>
  new DevbackupError({
    code: BLOCKED,
    exitCode: 5,
    ...(host !== null && { host }),
    what: `${id} was not begun: something new stands in the way`,
    why: text,
    state: "What was done before it stays; nothing else was begun",
    next,
  });

export const notTaken = (action: Action): DevbackupError =>
  new DevbackupError({
    code: "not-in-effect",
    exitCode: 1,
    host: action.host,
    what: `${action.id} ran without an error, and what it was to mend is still there`,
    why: action.reason,
    state: "It is safe to run again",
    next: LOOK,
  });

const wasInterrupted = (action: Action): DevbackupError =>
  new DevbackupError({
    code: "interrupted",
    exitCode: 130,
    host: action.host,
    what: `interrupted during ${action.id}`,
    state: "What it had begun is undone, or will be by the next run; it is safe to run again",
    next: AGAIN,
  });

const unseen = (action: Action, { text }: Warning): DevbackupError =>
  new DevbackupError({
    code: "unknown-state",
    exitCode: 1,
    host: action.host,
    what: `${action.id} was not begun`,
    why: text,
    state: "What was done before it stays; it is safe to run again",
    next: AGAIN,
  });
