import type { Label } from "./label.ts";
import { labelsResting } from "./lineage.ts";
import type { Manifest } from "./manifest.ts";
import type { Finding, VerifiedPlace } from "./verification.ts";

/** What all of a dataset was found to be. */
export interface Findings {
  readonly rows: Manifest;
  readonly findings: readonly Finding[];
}

export const isWrong = ({ state }: Finding): boolean => state === "damaged" || state === "missing";

/** Damaged or missing (6), not looked at (1), or neither. */
export function exitCodeOf({ findings }: Pick<Findings, "findings">): 0 | 1 | 6 {
  if (findings.some(isWrong)) return 6;
  return findings.some(({ state }) => state === "not-checked") ? 1 : 0;
}

/** Copies by what they were found to be; those that nobody asks for count nowhere. */
export const countsOf = (findings: readonly Finding[]) => {
  const count = (state: Finding["state"]) => findings.filter((each) => each.state === state).length;
  return {
    ok: count("ok"),
    damaged: count("damaged"),
    missing: count("missing"),
    notChecked: count("not-checked"),
  };
};

/** An artifact that is whole in neither place. */
export interface Lost {
  readonly label: Label;
  /** The labels that can't be made again without it. */
  readonly costs: readonly Label[];
  /** Its bytes are those that were registered: the other copies are no better. */
  readonly asRegistered: boolean;
}

export function lost({ rows, findings }: Findings): Lost[] {
  const at = (label: Label, place: VerifiedPlace) =>
    findings.find((each) => each.label === label && each.place === place);
  const isGone = (label: Label, place: VerifiedPlace) => {
    const found = at(label, place);
    return found === undefined || ["damaged", "missing", "not-wanted"].includes(found.state);
  };
  const stands = (label: Label) => at(label, "hydrated")?.state === "ok";
  return rows.flatMap(({ label }): Lost[] => {
    const asRegistered = at(label, "server")?.asRegistered === true;
    return asRegistered || (isGone(label, "server") && isGone(label, "bucket"))
      ? [{ label, costs: labelsResting(rows, label, stands), asRegistered }]
      : [];
  });
}
