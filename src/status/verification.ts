import { plural } from "../domain/units.ts";
import type { VerifiedPlace } from "../domain/verification.ts";
import type { View } from "../reconcilers/view.ts";
import { ageMs } from "./history.ts";
import type { LabelStatus, PlaceName, VerificationStatus } from "./status.ts";

/** What verifications have found so far; null where there was none. `labels`: as they stand now, damage among them. */
export function verificationOf(
  { facts: { verified }, takenAt }: View,
  labels: readonly LabelStatus[],
): VerificationStatus | null {
  const found = verified.kind === "known" ? [...verified.value.record.verified.values()].flat() : [];
  const times = found.map(({ at }) => at.getTime()).sort((a, b) => a - b);
  const last = times.at(-1);
  if (last === undefined) return null;
  const seen = (place: VerifiedPlace) =>
    new Set(found.filter((each) => each.place === place).map(({ label }) => label));
  const parts = PLACES.flatMap(({ place, shownAs, thing }) => {
    const there = labels.filter(({ places }) => ["whole", "damaged"].includes(places[shownAs]));
    const count = there.filter(({ label }) => seen(place).has(label)).length;
    return count === 0 ? [] : [`${count} of ${plural(there.length, thing)}`];
  });
  const isDamaged = labels.some(({ places }) => PLACES.some(({ shownAs }) => places[shownAs] === "damaged"));
  const at = new Date(last).toISOString();
  return { at, ageMs: ageMs(at, takenAt), result: isDamaged ? "damaged" : "whole", what: parts.join(", ") };
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
