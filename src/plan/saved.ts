import { parseLabel } from "../domain/label.ts";
import type { Selection } from "./assemble.ts";
import type { Plan } from "./plan.ts";

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
 * Undefined where `text` is no saved plan of this format. Nothing in it is trusted further than to say which
 * actions were agreed to: one that was tampered with fits less, never more.
 */
export function parseSavedPlan(text: string): SavedPlan | undefined {
  try {
    const saved = JSON.parse(text) as SavedPlan;
    const { kind, formatVersion, desiredSha256, selection, restore, plan } = saved;
    const whole =
      kind === "devbackup-plan" &&
      formatVersion === 1 &&
      typeof desiredSha256 === "string" &&
      (selection.host === null || typeof selection.host === "string") &&
      (selection.stages === null || Array.isArray(selection.stages)) &&
      (restore === null ||
        (typeof restore.label === "string" && ["string", "object"].includes(typeof restore.to))) &&
      plan.formatVersion === 1 &&
      isRecord(plan.labels) &&
      // they become part of paths
      Object.values(plan.labels).every((label) => parseLabel(label) !== undefined) &&
      isRecord(plan.summary) &&
      Array.isArray(plan.warnings) &&
      Array.isArray(plan.problems) &&
      plan.actions.every(
        ({ id, assumes, needs }) => typeof id === "string" && isRecord(assumes) && Array.isArray(needs),
      );
    return whole ? saved : undefined;
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): boolean => typeof value === "object" && value !== null;

export const renderSavedPlan = (saved: SavedPlan): string =>
  `${JSON.stringify({ ...saved, plan: { ...saved.plan, actions: saved.plan.actions.map(({ input: _, ...action }) => action) } }, null, 2)}\n`;
