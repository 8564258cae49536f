import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { Label } from "../../domain/label.ts";
import type { AbsolutePath, DatasetName, HostName } from "../../domain/names.ts";
import { AGAIN, DevbackupError } from "../../domain/trouble.ts";
import { sh } from "../../transport/quote.ts";
import type { Tools } from "../reconciler.ts";
import {
  byHand,
  type FailedStep,
  GRACE_SECONDS,
  guarded,
  type Hook,
  hookLine,
  howItEnded,
  readFailed,
  secondsOf,
  shownArgv,
  whyFailed,
} from "./hook.ts";

/** What is run around the taking of one snapshot; each null where it is not declared. */
export interface Around {
  readonly dataset: DatasetName;
  readonly before: Hook | null;
  readonly after: Hook | null;
}

/** Null where a dataset has no hooks of that kind. */
export function hooksAround(
  { name, hooks }: DatasetSpec,
  label: Label,
  snapshot: AbsolutePath,
): Around | null {
  const { beforeSnapshot, afterSnapshot, timeoutMs } = hooks;
  if (beforeSnapshot === null && afterSnapshot === null) return null;
  const env = { DEVBACKUP_DATASET: name, DEVBACKUP_LABEL: label, DEVBACKUP_SNAPSHOT: snapshot };
  const hookOf = (named: Hook["name"], argv: Hook["argv"] | null): Hook | null =>
    argv === null ? null : { name: named, argv, timeoutMs, env };
  return {
    dataset: name,
    before: hookOf("before_snapshot", beforeSnapshot),
    after: hookOf("after_snapshot", afterSnapshot),
  };
}

/** For the plan: a line for each. */
export const aroundDetails = ({ before, after }: Around): string[] => [
  ...(before === null ? [] : [`before: ${shownArgv(before.argv)}`]),
  ...(after === null ? [] : [`after: ${shownArgv(after.argv)}`]),
];

/** `before_snapshot and after_snapshot`. */
export const aroundNames = ({ before, after }: Around): string =>
  [before, after].flatMap((hook) => (hook === null ? [] : [hook.name])).join(" and ");

export interface Taking {
  readonly snapshot: AbsolutePath;
  /** Lines of sh that take it. */
  readonly script: string;
  readonly around: Around;
}

/**
 * Runs the one hook, takes the snapshot and runs the other, in one script on the host: what the first has stopped is started
 * again, whatever becomes of the snapshot, of the link and of this program. Resolves with what is to be told of it, or null.
 * @throws DevbackupError `hook-failed` where the first failed: then nothing was taken; `snapshot-failed`
 */
export async function takeBetween(host: HostName, taking: Taking, tools: Tools): Promise<string | null> {
  const { around } = taking;
  const { exitCode, stdout, stderr } = await tools
    .host(host)
    // whatever stops this program as a whole (a unit that is stopped) would end what it leaves behind, too
    .run(aroundScript(taking), { signal: tools.signal, graceMs: 1000 * resumingSeconds(around.after) });
  const failed = readFailed(stdout);
  const [before, taken, after] = ["before_snapshot", TAKE, "after_snapshot"].map((step) => failed.get(step));
  const resumed =
    around.after === null || (before ?? taken) === undefined
      ? ""
      : after === undefined
        ? "; after_snapshot was run"
        : `; after_snapshot ${howItEnded(after, around.after)}, too: what was to start again may stand still`;
  if (around.before !== null && before !== undefined)
    throw hookFailed(host, around, around.before, before, {
      state: `No snapshot was taken${resumed}. Other datasets are backed up without this one`,
      andThen: AGAIN,
    });
  if (exitCode !== 0)
    throw new DevbackupError({
      code: "snapshot-failed",
      exitCode: 1,
      host,
      what: `the snapshot ${taking.snapshot} could not be taken`,
      why: taken?.said || stderr.trim() || `exit code ${exitCode}`,
      state: `Nothing that was complete has been touched${resumed}; it is safe to run again`,
      next: AGAIN,
    });
  if (around.after === null || after === undefined) return null;
  tools.besides(
    hookFailed(host, around, around.after, after, {
      state: "The snapshot was taken, and the backup goes on; what was to start again may stand still",
    }),
  );
  return `after_snapshot ${howItEnded(after, around.after)}`;
}

/** How long one may take, with what it takes to end it. */
const atMost = (hook: Timed | null): number => (hook === null ? 0 : secondsOf(hook) + 2 * GRACE_SECONDS);

/** How long it may take from being told to end until what was stopped has been started again. */
export const resumingSeconds = (after: Timed | null): number => 3 * GRACE_SECONDS + atMost(after);

type Timed = Pick<Hook, "timeoutMs">;

const hookFailed = (
  host: HostName,
  { dataset }: Around,
  hook: Hook,
  step: FailedStep,
  { state, andThen }: { readonly state: string; readonly andThen?: string },
): DevbackupError =>
  new DevbackupError({
    code: "hook-failed",
    exitCode: 1,
    host,
    what: `${hook.name} of ${dataset} ${howItEnded(step, hook)}`,
    why: whyFailed(step),
    state,
    next: `${byHand(hook, host)}${andThen === undefined ? "" : `, then: ${andThen}`}`,
  });

/**
 * One run after another: a run whose controller is gone may still be at it. What it has taken by then is not taken again:
 * `btrfs subvolume snapshot` would put a second one inside the first.
 */
function aroundScript({ snapshot, script, around: { dataset, before, after } }: Taking): string {
  const seconds = [before, after].map(atMost);
  const alone = sh`
umask 077; exec 8>>${`/run/devbackup-hooks-${dataset}.lock`}; umask 022
flock -w ${seconds.reduce((sum, each) => sum + each, 60)} 8 || { echo "the hooks of an earlier run have not come to their end" >&2; exit 1; }
[ ! -e ${snapshot} ] || exit 0`;
  const body = `${alone}
${TAKE}() {
${script}
}
guard
began=1
${before === null ? "" : `${hookLine(before)}\n${OR_END}`}
take ${TAKE}
${OR_END}`;
  return guarded(body, after === null ? null : hookLine(after));
}

const TAKE = "take_snapshot";
const OR_END = '[ "$code" = 0 ] || exit 1';
