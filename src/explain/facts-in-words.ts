import type { Fact } from "../domain/fact.ts";
import { formatBytes, plural } from "../domain/units.ts";
import type { Place } from "../reconcilers/machine/place.ts";
import type { SubvolumeFolder } from "../reconcilers/snapshot/subvolumes.ts";

const MOST_NAMES = 5;

export const STANDING = {
  absent: "not there",
  subvolume: "a subvolume",
  directory: "a plain directory",
  empty: "an empty folder",
  other: "something else",
} as const;

export const inWords = <Value>(fact: Fact<Value>, words: (value: Value) => string): string => {
  if (fact.kind === "unknown") return `could not be looked at: ${fact.why}`;
  return fact.kind === "absent" ? "not there" : words(fact.value);
};

/** The last few, where there are many. */
export const names = (all: readonly string[]): string => {
  if (all.length === 0) return "none";
  const shown = all.slice(-MOST_NAMES).join(", ");
  return all.length > MOST_NAMES ? `${all.length - MOST_NAMES} earlier, ${shown}` : shown;
};

export const subvolumes = ({ entries }: SubvolumeFolder): string => names([...entries.keys()].sort());

export const room = ({ fsType, freeBytes }: Place): string => `${fsType}, ${formatBytes(freeBytes)} free`;

export const folders = (present: ReadonlyMap<string, unknown>): string =>
  present.size === 0 ? "none of them is there" : `${plural(present.size, "folder")} of ours there`;

export const pair = ({
  rights,
  derived,
  published,
}: {
  readonly rights: string | null;
  readonly derived: unknown;
  readonly published: unknown;
}): string => {
  if (rights === null) return published === null ? "not there" : "gone, its public half is there";
  return `there, mode and owner ${rights}${derived === null ? ", not readable as one" : ""}${published === null ? ", without its public half" : ""}`;
};

export const sent = ({
  sha256,
  sizeBytes,
}: {
  readonly sha256: string;
  readonly sizeBytes: number;
}): string => `${sha256.slice(0, 12)}…, ${formatBytes(sizeBytes)}`;

export const hooks = (found: ReadonlyMap<string, string>): string =>
  [...found].map(([hook, state]) => `${hook}: ${state}`).join(", ") || "all as they should be";
