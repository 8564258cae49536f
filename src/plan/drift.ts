import type { Action, Plan, Warning } from "./plan.ts";

const GRAVITY = ["none", "disruptive", "destructive"] as const;

/**
 * Why `now` is not the action that was planned any more, or null where it is. What was not known when it was
 * planned (null) may be anything; what was known must be the same, and the hazard no greater.
 */
export function driftOf(planned: Action, now: Action): string | null {
  for (const [name, was] of Object.entries(planned.assumes)) {
    const is = now.assumes[name] ?? null;
    if (was !== null && is !== was) return `${name} was ${was}, and is ${is ?? "gone"}`;
  }
  if (GRAVITY.indexOf(now.hazard) > GRAVITY.indexOf(planned.hazard))
    return `it has become ${now.hazard}: ${now.reason}`;
  return null;
}

/**
 * The first planned action that no longer fits what a fresh plan finds, and why; null where all do. Of a `saved`
 * plan that is also one that nobody needs any more; one that was made a moment ago has that skipped.
 */
export function firstDrift(
  planned: Plan,
  fresh: Plan,
  { saved }: { readonly saved: boolean },
): { action: Action; why: string } | null {
  const byId = new Map(fresh.actions.map((action) => [action.id, action]));
  for (const action of planned.actions) {
    const now = byId.get(action.id);
    if (now === undefined && (!saved || hiddenIn(fresh, action) !== undefined)) continue;
    const why = now === undefined ? "there is nothing left to do about it" : driftOf(action, now);
    if (why !== null) return { action, why };
  }
  return null;
}

/** Why `plan` can't say whether `action` is still needed, where it can't. */
export const hiddenIn = (plan: Plan, { stage, dataset }: Action): Warning | undefined =>
  plan.warnings.find((warning) => warning.hides === stage && warning.dataset === dataset);
