import type { DevbackupError } from "../domain/trouble.ts";
import type { Host } from "./host.ts";
import { sh } from "./quote.ts";

/** What every script of a run stands behind on the host where its lock is. */
export interface Fence {
  /** Runs first, in the script's own shell; ends it with {@link FENCED_OFF} where it may not run. */
  readonly preface: string;
  /** Throws where this run may do nothing more, as far as is known here. */
  readonly assertHeld: () => void;
  /** What a script that was ended by the preface is told as. */
  readonly fencedOff: () => DevbackupError;
}

/** Of the preface; no script of ours ends with it otherwise. */
const FENCED_OFF = 76;

/**
 * Held shared by every fenced script and what it starts, on descriptor 7. Whoever takes the lock waits until nobody
 * has it: what was begun under the lock before has ended by then, and what comes later reads another holder's name.
 */
export const WORK_LOCK = "work.lock";
export const HOLDER_FILE = "apply.lock";

/**
 * For a script that may go on for hours, once nothing that it still does can come between what another run does:
 * it has a lock of its own, or the only way to a file. That other run need not wait for it then.
 */
export const LET_GO = "exec 7>&-";

/** A line of sh that lets the rest of a script run only while the first line of the holder's file in `folder` is `holder`. */
export const fencePreface = (folder: string, holder: string): string => sh`
exec 7>>${`${folder}/${WORK_LOCK}`} && flock -s 7 && IFS= read -r held <${`${folder}/${HOLDER_FILE}`} && [ "$held" = ${holder} ] ||
  { echo "the lock is no longer this run's: nothing was begun" >&2; exit ${FENCED_OFF}; }
unset held
`;

/**
 * `host` with all that is run there behind the fence. A controller that was stopped, and goes on after its lock was
 * given away, finds that out in the very script that would have changed something.
 */
export const fenced = (host: Host, { preface, assertHeld, fencedOff }: Fence): Host => ({
  ...host,
  preface,
  run: async (script, options = {}) => {
    if (options.regardless === true) return host.run(script, options);
    assertHeld();
    const result = await host.run(`${preface}${script}`, options);
    if (result.exitCode === FENCED_OFF && preface !== "") throw fencedOff();
    return result;
  },
});
