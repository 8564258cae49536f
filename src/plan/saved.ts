import { parseLabel } from "../domain/label.ts";
import type { Selection } from "./assemble.ts";
import { type Action, type Plan, type Problem, STAGES, type Stage, type Warning } from "./plan.ts";

/** What `plan --out` writes and `apply FILE` reads. */
export interface SavedPlan {
  readonly kind: "devbackup-plan";
  readonly formatVersion: 1;
  /** Of the desired state that it was made from: with another one it does not fit any more. */
  readonly desiredSha256: string;
  readonly labelled: boolean;
  readonly selection: Selection;
  /** What `--restore` and `--to` said; null for a backup. */
  readonly restore: { readonly label: string; readonly to: string | null } | null;
  /** Without the actions' inputs: what is run is worked out afresh. */
  readonly plan: Plan;
}

/**
 * Undefined where `text` is no saved plan of this format, in any part that is shown or gone by. Nothing in it is
 * trusted further than to say which actions were agreed to: one that was tampered with fits less, never more.
 */
export function parseSavedPlan(text: string): SavedPlan | undefined {
  try {
    const saved = JSON.parse(text) as SavedPlan;
    const { kind, formatVersion, desiredSha256, labelled, selection, restore, plan } = saved;
    const whole =
      kind === "devbackup-plan" &&
      formatVersion === 1 &&
      isText(desiredSha256) &&
      typeof labelled === "boolean" &&
      isTextOrNull(selection.host) &&
      (selection.stages === null || isListOf(selection.stages, isStage)) &&
      (restore === null || (isText(restore.label) && isTextOrNull(restore.to))) &&
      plan.formatVersion === 1 &&
      ["backup", "restore"].includes(plan.mode) &&
      isRecord(plan.labels) &&
      // they become part of paths
      Object.values(plan.labels).every((label) => isText(label) && parseLabel(label) !== undefined) &&
      isRecord(plan.summary) &&
      Object.values(plan.summary).every((count) => typeof count === "number") &&
      isListOf(plan.warnings, isWarning) &&
      isListOf(plan.notes, isText) &&
      isListOf(plan.problems, isProblem) &&
      isListOf(plan.actions, isAction);
    return whole ? saved : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What was agreed to, in a fresh plan's words: of a file nothing is taken but which actions, what they assume, and how grave
 * they were. An action that is not in the fresh plan keeps its own words, and no approval: it will be refused.
 */
export function retold(saved: Plan, { actions, warnings, notes }: Plan): Plan {
  const byId = new Map(actions.map((action) => [action.id, action]));
  return {
    ...saved,
    warnings,
    notes,
    actions: saved.actions.map(({ approvedBy: _, ...action }) => {
      const fresh = byId.get(action.id);
      const { summary, reason, details, host, change } = fresh ?? action;
      const approvedBy = fresh?.approvedBy;
      return { ...action, summary, reason, details, host, change, ...(approvedBy && { approvedBy }) };
    }),
  };
}

const isText = (value: unknown): boolean => typeof value === "string";
const isTextOrNull = (value: unknown): boolean => value === null || isText(value);
const isRecord = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isListOf = (value: unknown, is: (one: never) => boolean): boolean =>
  Array.isArray(value) && value.every((one) => is(one as never));
const isStage = (value: Stage): boolean => STAGES.includes(value);
const isExitCode = (value: unknown): boolean => value === undefined || value === 6;

const isWarning = ({ code, host, dataset, text, hides }: Warning): boolean =>
  isText(code) &&
  isTextOrNull(host) &&
  isTextOrNull(dataset) &&
  isText(text) &&
  (hides === undefined || isStage(hides));

const isProblem = (problem: Problem): boolean =>
  isWarning(problem) && isText(problem.next) && isExitCode(problem.exitCode);

const isAction = (action: Action): boolean => {
  const { id, host, dataset, label, stage, kind, change, hazard, exitCode } = action;
  const { summary, reason, details, needs, assumes } = action;
  return (
    [id, host, kind, summary, reason].every(isText) &&
    [dataset, label].every(isTextOrNull) &&
    isStage(stage) &&
    ["create", "update", "delete"].includes(change) &&
    ["none", "disruptive", "destructive"].includes(hazard) &&
    isExitCode(exitCode) &&
    isListOf(details, isText) &&
    isListOf(needs, isText) &&
    isRecord(assumes)
  );
};

export const renderSavedPlan = (saved: SavedPlan): string =>
  `${JSON.stringify({ ...saved, plan: { ...saved.plan, actions: saved.plan.actions.map(({ input: _, ...action }) => action) } }, null, 2)}\n`;
