import { type DrillProof, isGood, lastGood, standingFailure, untilNow } from "../domain/proof.ts";
import type { View } from "../reconcilers/view.ts";
import { ageMs } from "./history.ts";
import type { DatasetStatus, Doubt } from "./status.ts";

/** What drills have proven, and how long a restore takes by the newest that was good. */
export function drillsOf(view: View): Pick<DatasetStatus, "drills" | "restore"> {
  const { takenAt } = view;
  const proofs = proofsOf(view);
  if (proofs === null) return { drills: null, restore: { estimateMs: null, because: "not known" } };
  const good = lastGood(proofs);
  return {
    drills: proofs.map((proof) => {
      const at = proof.at.toISOString();
      return {
        at,
        ageMs: ageMs(at, takenAt),
        label: proof.label,
        durationMs: proof.durationMs,
        result: RESULT[proof.result],
        sizeBytes: proof.tree?.bytes ?? null,
        why: proof.result === "restored" ? NOT_COMPARED : isGood(proof) ? null : whyNot(proof),
      };
    }),
    restore:
      good === undefined
        ? { estimateMs: null, because: "no drill yet" }
        : { estimateMs: good.durationMs, because: `as the drill of ${good.label} took` },
  };
}

const RESULT = { same: "proven", restored: "restored", differs: "failed", failed: "failed" } as const;
const NOT_COMPARED = "there was no fingerprint to compare it with";

const whyNot = ({ why, result }: DrillProof): string => why[0] ?? result;

/** Null where nobody could look. */
const proofsOf = ({ facts: { drills }, takenAt }: View): readonly DrillProof[] | null =>
  drills.kind === "known" ? untilNow(drills.value.proofs, takenAt) : null;

/** That a drill failed, and no other has shown since that it is well again. */
export function drillInDoubt(view: View): Doubt[] {
  const failed = standingFailure(proofsOf(view) ?? []);
  if (failed === undefined) return [];
  const text = `the drill of ${failed.label} on ${failed.at.toISOString().slice(0, 10)} did not restore what was backed up: ${whyNot(failed)}`;
  return [{ code: "drill-failed", host: view.spec.server, weight: "damage", text, next: "devbackup drill" }];
}
