import type { DatasetSpec, DesiredState } from "../../desired-state/desired-state.ts";
import type { Label } from "../../domain/label.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Host } from "../../transport/host.ts";
import {
  byHand,
  guarded,
  type Hook,
  hookLine,
  howItEnded,
  readFailed,
  shownArgv,
  whyFailed,
} from "./hook.ts";

/** What an apply behind which it is run came to: as it is in `DEVBACKUP_RESULT`, and in the manual. */
export const HOOK_RESULTS = ["done", "left-undone", "failed"] as const;
export type HookResult = (typeof HOOK_RESULTS)[number];

/** Null where none is declared. `result` is that of the apply as a whole. */
export const afterApplyOf = (
  { name, hooks: { afterApply, timeoutMs } }: DatasetSpec,
  label: Label,
  result: HookResult,
): Hook | null =>
  afterApply === null
    ? null
    : {
        name: "after_apply",
        argv: afterApply,
        timeoutMs,
        env: { DEVBACKUP_DATASET: name, DEVBACKUP_LABEL: label, DEVBACKUP_RESULT: result },
      };

/**
 * Runs it on the server. Resolves with what is to be told where it failed, or null; what was backed up is not touched by it.
 * @throws DevbackupError where the server can't be reached; rejects with `signal.reason` where it was interrupted
 */
export async function runAfterApplyHook(
  server: Host,
  { name }: DatasetSpec,
  hook: Hook,
  signal: AbortSignal,
): Promise<DevbackupError | null> {
  const script = guarded(`guard\n${hookLine(hook)}\n[ "$code" = 0 ]`, null);
  const { exitCode, stdout, stderr } = await server.run(script, { signal });
  if (exitCode === 0) return null;
  const failed = readFailed(stdout).get(hook.name);
  return new DevbackupError({
    code: "hook-failed",
    exitCode: 1,
    host: server.name,
    what: `${hook.name} of ${name} ${failed === undefined ? "was not run" : howItEnded(failed, hook)}`,
    why: failed === undefined ? stderr.trim() || `exit code ${exitCode}` : whyFailed(failed),
    state: "It runs behind the backup, which stands as it was told",
    next: byHand(hook, server.name),
  });
}

/** A plan's notes of what is run behind it: only where something of the dataset is done. */
export const afterApplyNotes = ({ datasets }: DesiredState, { mode, actions }: Plan): string[] =>
  mode === "restore"
    ? []
    : datasets.flatMap(({ name, server, hooks: { afterApply } }) =>
        afterApply === null || !actions.some(({ dataset }) => dataset === name)
          ? []
          : [`Behind it, ${server} runs after_apply of ${name}: ${shownArgv(afterApply)}`],
      );
