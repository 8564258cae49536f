import { setTimeout as sleep } from "node:timers/promises";
import type { Failure } from "./failure.ts";

/** How long to go on trying. Times in milliseconds. */
export interface Patience {
  /** The first one included. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
}

/** Rides out about two minutes of trouble for each part. */
export const DEFAULT_PATIENCE: Patience = { attempts: 8, firstDelayMs: 1_000, longestDelayMs: 60_000 };

/** For the requests of the controller itself, where somebody waits for a plan: some 6 seconds of trouble. */
export const REQUEST_PATIENCE: Patience = { attempts: 5, firstDelayMs: 500, longestDelayMs: 10_000 };

/** A store that asks for more than this is not waited for: the next run may ask it again. */
const LONGEST_RETRY_AFTER_MS = 5 * 60_000;

/** A connection that carries less than this, averaged over {@link STALLED_SECONDS}, is given up. */
export const STALLED_BYTES_PER_SECOND = 1_024;
export const STALLED_SECONDS = 60;

/** What one attempt came to. */
export type Attempt<Value> =
  | { readonly kind: "done"; readonly value: Value }
  | { readonly kind: "again"; readonly retryAfterMs: number | undefined; readonly error: Error };

/** What failed so may work in a while, and not before the store has asked for; `error` tells it where patience ends. */
export const again = (failure: Failure, error: Error): Attempt<never> => ({
  kind: "again",
  error,
  retryAfterMs: failure.kind === "refused" ? failure.retryAfterMs : undefined,
});

/**
 * Doubles with each attempt and keeps between a half and the whole of that, so that parts that failed together
 * do not come back together; never sooner than the store has asked for. `random` is in [0, 1).
 */
export function delayMs(attempt: number, patience: Patience, retryAfterMs: number, random: number): number {
  const whole = Math.min(patience.longestDelayMs, patience.firstDelayMs * 2 ** (attempt - 1));
  return Math.max(retryAfterMs, Math.round(whole * (0.5 + random / 2)));
}

/**
 * Calls `attempt` until it is done.
 * @throws the error of the last attempt where patience is at its end, or the store asks for more of it than
 *   there is; what `attempt` itself throws; and `signal.reason` on abort.
 */
export async function withRetries<Value>(
  attempt: () => Promise<Attempt<Value>>,
  patience: Patience,
  signal: AbortSignal,
  random: () => number = Math.random,
): Promise<Value> {
  for (let number = 1; ; number += 1) {
    signal.throwIfAborted();
    const outcome = await attempt();
    if (outcome.kind === "done") return outcome.value;
    const asked = outcome.retryAfterMs ?? 0;
    if (number >= patience.attempts || asked > LONGEST_RETRY_AFTER_MS) throw outcome.error;
    const wait = delayMs(number, patience, asked, random());
    // an AbortError would hide why; the check above throws the reason
    await sleep(wait, undefined, { signal }).catch(() => {});
  }
}
