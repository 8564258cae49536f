import { isGood, lastGood } from "../domain/proof.ts";
import type { View } from "../reconcilers/view.ts";
import { ageMs } from "./history.ts";
import type { DatasetStatus, Doubt } from "./status.ts";

/** What drills have proven, and how long a restore takes by the newest that was good. */
export function drillsOf({ facts, takenAt }: View): Pick<DatasetStatus, "drills" | "restore"> {
  const proofs = facts.drills.kind === "known" ? facts.drills.value.proofs : [];
  const good = lastGood(proofs);
  return {
    drills: proofs.map((proof) => {
      const at = proof.at.toISOString();
      return {
        ...{ at, ageMs: ageMs(at, takenAt), label: proof.label, durationMs: proof.durationMs },
        result: RESULT[proof.result],
        sizeBytes: proof.tree?.bytes ?? null,
        why:
          proof.result === "restored" ? NOT_COMPARED : isGood(proof) ? null : (proof.why[0] ?? proof.result),
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

/** That the newest drill was none that proves anything. */
export function drillInDoubt({ spec }: View, drills: DatasetStatus["drills"]): Doubt[] {
  const last = drills.at(-1);
  if (last === undefined || last.result !== "failed") return [];
  const text = `the drill of ${last.label} on ${last.at.slice(0, 10)} did not restore what was backed up: ${last.why}`;
  return [{ code: "drill-failed", host: spec.server, weight: "damage", text, next: "devbackup drill" }];
}
