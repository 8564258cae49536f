import { snapshotName } from "../domain/artifact.ts";
import type { Label } from "../domain/label.ts";
import { labelsResting } from "../domain/lineage.ts";
import { plural } from "../domain/units.ts";
import { damageOf, lastVerified, thingInWords, type VerifiedPlace } from "../domain/verification.ts";
import { isHydrated } from "../reconcilers/snapshot/complete.ts";
import { entryOf } from "../reconcilers/snapshot/subvolumes.ts";
import { type Thing, thingsOf } from "../reconcilers/verify/things.ts";
import { recordOf } from "../reconcilers/verify/verify-dataset.ts";
import type { View } from "../reconcilers/view.ts";
import { ageMs } from "./history.ts";
import type { Doubt, Gap, LabelStatus, PlaceName, VerificationStatus } from "./status.ts";

/**
 * What verifications have found so far of what stands there now; null where nobody could look. `labels`: as they stand now,
 * damage among them.
 */
export function verificationOf(view: View, labels: readonly LabelStatus[]): VerificationStatus | null {
  if (view.facts.verified.kind === "unknown") return null;
  const found = seenIn(view);
  const last = found
    .map(({ at }) => at.getTime())
    .sort((a, b) => a - b)
    .at(-1);
  if (last === undefined) return { result: "none" };
  const seen = (place: VerifiedPlace) =>
    new Set(found.filter(({ thing }) => thing.place === place).map(({ thing }) => thing.label));
  const parts = PLACES.flatMap(({ place, shownAs, thing }) => {
    const there = labels.filter(({ places }) => ["whole", "damaged"].includes(places[shownAs]));
    const count = there.filter(({ label }) => seen(place).has(label)).length;
    return count === 0 ? [] : [`${count} of ${plural(there.length, thing)}`];
  });
  const isDamaged = labels.some(({ places }) => PLACES.some(({ shownAs }) => places[shownAs] === "damaged"));
  const at = new Date(last).toISOString();
  return {
    at,
    ageMs: ageMs(at, view.takenAt),
    result: isDamaged ? "damaged" : "whole",
    what: parts.join(", "),
  };
}

/** With what verification found that no apply mends, and what that costs: by name and size alone it would be whole. */
export function withFound(
  view: View,
  history: readonly (LabelStatus | Gap)[],
): readonly (LabelStatus | Gap)[] {
  const found = seenIn(view).filter(({ why }) => why !== null);
  const { hydrated } = view.facts;
  const stands = (label: Label) => isHydrated(entryOf(hydrated, snapshotName(view.spec.name, label)));
  const lost = new Set(
    found
      .filter(({ thing }) => thing.place === "server")
      .flatMap(({ thing }) => labelsResting(view.course.rows, thing.label, stands)),
  );
  return history.map((entry) => {
    if (entry.kind === "gap") return entry;
    const here = PLACES.filter(({ place }) =>
      found.some(({ thing }) => thing.place === place && thing.label === entry.label),
    );
    const damaged = Object.fromEntries(here.map(({ shownAs }) => [shownAs, "damaged" as const]));
    const restorable = entry.restorable !== null && lost.has(entry.label) ? false : entry.restorable;
    return { ...entry, restorable, places: { ...entry.places, ...damaged } };
  });
}

/** The same, each with what shows what it costs. */
export function foundInDoubt(view: View): Doubt[] {
  const { spec, course } = view;
  const words = { dataset: spec.name, server: spec.server, rows: course.rows };
  return seenIn(view).flatMap(({ thing, at, why }): Doubt[] =>
    why === null
      ? []
      : [
          {
            code: "verify-damage",
            host: spec.server,
            weight: "damage",
            text: `${thingInWords(thing, words)} was found damaged on ${at.toISOString().slice(0, 10)}, and no apply mends that: ${why}`,
            next: `devbackup manifest chain ${thing.label}`,
          },
        ],
  );
}

/** When a thing that stands there was last looked at, and what is wrong with it; null for nothing. */
interface Seen {
  readonly thing: Thing;
  readonly at: Date;
  readonly why: string | null;
}

function seenIn(view: View): Seen[] {
  const record = recordOf(view);
  return thingsOf(view, { deep: false, cloud: false }).things.flatMap((thing): Seen[] => {
    const damage = damageOf(record, thing);
    if (damage !== null) return [{ thing, at: damage.at, why: damage.why }];
    const last = lastVerified(record, thing, thing.check);
    return last === null ? [] : [{ thing, at: last.at, why: null }];
  });
}

const PLACES: readonly {
  readonly place: VerifiedPlace;
  readonly shownAs: PlaceName;
  readonly thing: string;
}[] = [
  { place: "server", shownAs: "artifact", thing: "artifact" },
  { place: "bucket", shownAs: "cloud", thing: "object" },
  { place: "hydrated", shownAs: "server", thing: "hydrated snapshot" },
];
