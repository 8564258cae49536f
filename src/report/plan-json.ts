import type { Action, Plan } from "../plan/plan.ts";

/**
 * An action as others may see and store it. `input` is left out: it is between a reconciler and itself, and
 * may change without a new format version.
 */
export type PublicAction = Omit<Action, "input">;
export type PublicPlan = Omit<Plan, "actions"> & { readonly actions: readonly PublicAction[] };

/** The document of `devbackup plan --json`, `formatVersion` 1. */
export const planJson = (plan: Plan): PublicPlan => ({
  formatVersion: plan.formatVersion,
  createdAt: plan.createdAt,
  mode: plan.mode,
  labels: plan.labels,
  warnings: plan.warnings,
  notes: plan.notes,
  problems: plan.problems,
  actions: plan.actions.map(publicAction),
  summary: plan.summary,
});

/** Field by field, so that a new field of ours is not published by accident. */
export const publicAction = (action: Action): PublicAction => ({
  id: action.id,
  host: action.host,
  dataset: action.dataset,
  label: action.label,
  stage: action.stage,
  kind: action.kind,
  change: action.change,
  summary: action.summary,
  reason: action.reason,
  details: action.details,
  hazard: action.hazard,
  ...(action.approvedBy !== undefined && { approvedBy: action.approvedBy }),
  ...(action.exitCode !== undefined && { exitCode: action.exitCode }),
  needs: action.needs,
  assumes: action.assumes,
});
