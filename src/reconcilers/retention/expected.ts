import { labelOfSnapshot, snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import { chainOf } from "../../domain/lineage.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import type { Copies } from "../../domain/restore-chain.ts";
import {
  type ArtifactRules,
  artifactFates,
  type Fate,
  isWanted,
  type Registered,
  snapshotFates,
} from "../../domain/retention.ts";
import { DAY_MS } from "../../domain/units.ts";
import { cloudKey, copiesOf } from "../artifact/copies.ts";
import { damagedRows, labelsToReceive } from "../receive/to-receive.ts";
import { labelOfCopy } from "../receive/working-copy.ts";
import { isHydrated, isSnapshot, sameLineage } from "../snapshot/complete.ts";
import { entryOf, type Subvolume } from "../snapshot/subvolumes.ts";
import type { View } from "../view.ts";
import { isMaking, isOpen, registeredThen, rulesOf } from "./wanted.ts";

/** A dataset as it will stand when the run has done everything else: retention is decided on that, and looks again then. */
export interface Expected {
  readonly all: readonly Registered[];
  readonly rules: ArtifactRules;
  readonly copies: (label: Label) => Copies;
  /** By label, what there is now of snapshots that are ours; null for one that is still to come. Null: not known. */
  readonly onWorkstation: ReadonlyMap<Label, Subvolume> | null;
  readonly onServer: ReadonlyMap<Label, Subvolume | null> | null;
  /** On the server, found damaged, and not to be received again: no copy that anything counts on. */
  readonly damaged: ReadonlyMap<Label, Subvolume>;
  /** The label that the working copy will be a copy of, where that is known. */
  readonly workingCopyAt: Label | null;
}

export function expectedOf(view: View): Expected {
  const { facts, course } = view;
  const all = registeredThen(view);
  const rules = rulesOf(view);
  const making = isMaking(view);
  const toReceive = making ? labelsToReceive(view) : [];
  const rows = new Map(course.rows.map((row) => [row.label, row]));
  const copies = new Map(
    all.map(({ label }) => {
      const row = rows.get(label);
      return [label, row === undefined ? copiesOfNew(view) : copiesThen(view, rules, row, toReceive)];
    }),
  );
  const hydrated = facts.hydrated.kind === "unknown" ? null : hydratedThen(view, all, toReceive);
  const newest = all.at(-1)?.label;
  const isReplaced = making && newest !== undefined && hydrated?.has(newest) === true;
  return {
    all,
    rules,
    copies: (label) => copies.get(label) ?? { server: "unknown", bucket: "unknown" },
    onWorkstation: facts.snapshots.kind === "unknown" ? null : oursOnWorkstation(view, all),
    onServer: facts.workingCopy.kind === "unknown" ? null : hydrated,
    damaged: damagedThen(view, toReceive),
    workingCopyAt:
      isReplaced || facts.workingCopy.kind !== "known" ? null : labelOfCopy(view, facts.workingCopy.value),
  };
}

/** What becomes of what stands in each place. */
export function fatesOf(view: View, expected: Expected) {
  const { retention } = view.spec;
  const { all, rules, copies, onWorkstation, onServer, damaged, workingCopyAt } = expected;
  const open = isOpen(view);
  const artifacts = (place: "server" | "bucket", locked: (label: Label) => string | null): Fate[] =>
    open ? [] : artifactFates(place, { rules, all, copies, locked });
  return {
    workstationSnapshots:
      onWorkstation === null
        ? []
        : snapshotFates({
            rule: retention.workstationSnapshots,
            all,
            standing: new Set(onWorkstation.keys()),
            held: (label) => (onServer?.get(label) !== undefined ? null : whyNotAgain(expected, label)),
          }),
    serverSnapshots:
      onServer === null || open
        ? []
        : snapshotFates({
            rule: retention.serverSnapshots,
            all,
            standing: new Set([...onServer.keys(), ...damaged.keys()]),
            held: (label) =>
              label === workingCopyAt ? "the working copy stands on it" : whyNotAgain(expected, label),
          }),
    serverArtifacts: artifacts("server", () => null),
    cloudArtifacts: artifacts("bucket", (label) => lockOf(view, label)),
  };
}

/** What `--only retention` would free of artifacts on the server, as things stand: nothing in a restore. */
export function letGoBytes(view: View): number {
  if (view.restore !== null) return 0;
  const now: View = { ...view, stages: ["retention"] };
  const gone = new Set(
    fatesOf(now, expectedOf(now)).serverArtifacts.flatMap(({ kept, label }) => (kept ? [] : [label])),
  );
  return view.course.rows.reduce((bytes, row) => bytes + (gone.has(row.label) ? row.sizeBytes : 0), 0);
}

/** Why its snapshot could not be made again, by what will stand of its artifacts; null where it could. */
function whyNotAgain({ all, copies }: Expected, label: Label): string | null {
  const chain = chainOf(all, label);
  if (chain === undefined) return "what it builds on is not registered";
  const missing = chain.find((link) => !Object.values(copies(link.label)).includes("whole"));
  return missing === undefined
    ? null
    : `it can't be made again: the artifact of ${missing.label} is whole nowhere`;
}

/** A registered artifact, once it was fetched or sent. */
function copiesThen(view: View, rules: ArtifactRules, row: ManifestRow, toReceive: readonly Label[]): Copies {
  const seen = copiesOf(row, view);
  // whether it was found damaged is not known
  const unsure = view.facts.verified.kind === "unknown" && seen.bucket === "whole";
  const found: Copies = unsure ? { ...seen, bucket: "unknown" } : seen;
  if (!isMaking(view)) return found;
  const fetched =
    found.server !== "unknown" &&
    found.bucket === "whole" &&
    (isWanted(rules, row.label, "server") || toReceive.includes(row.label));
  const sent =
    found.server === "whole" &&
    (found.bucket === "missing" || found.bucket === "damaged") &&
    isWanted(rules, row.label, "bucket");
  return { server: fetched ? "whole" : found.server, bucket: sent ? "whole" : found.bucket };
}

/** One that is made in this run. */
const copiesOfNew = ({ cloud }: View): Copies => ({
  server: "whole",
  bucket: cloud === null ? "undeclared" : cloud.bucket.kind === "known" ? "whole" : "unknown",
});

/** Read-only, whole, a snapshot of something, under a registered label's name, and no other than the server's. */
function oursOnWorkstation({ spec, facts }: View, all: readonly Registered[]): ReadonlyMap<Label, Subvolume> {
  const registered = new Set(all.map(({ label }) => label));
  const ours = new Map<Label, Subvolume>();
  for (const [name, entry] of facts.snapshots.kind === "known" ? facts.snapshots.value.entries : []) {
    const label = labelOfSnapshot(spec.name, name);
    if (label === undefined || !registered.has(label) || !isSnapshot(entry)) continue;
    const there = entryOf(facts.hydrated, name);
    const isCopy = entry.parentUuid !== null || entry.receivedUuid !== null;
    if (isCopy && (!isHydrated(there) || sameLineage(entry, there))) ours.set(label, entry);
  }
  return ours;
}

function hydratedThen(
  { spec, facts }: View,
  all: readonly Registered[],
  toReceive: readonly Label[],
): ReadonlyMap<Label, Subvolume | null> {
  const then = new Map<Label, Subvolume | null>();
  const newest = all.at(-1)?.label;
  // by the time when they are received, all of them have their rows: it is the newest's chain alone that is missed
  const chain = new Set((newest === undefined ? [] : (chainOf(all, newest) ?? [])).map(({ label }) => label));
  for (const { label } of all) {
    const entry = entryOf(facts.hydrated, snapshotName(spec.name, label));
    if (isHydrated(entry)) then.set(label, entry);
    else if (toReceive.includes(label) && chain.has(label)) then.set(label, null);
  }
  return then;
}

const damagedThen = (view: View, toReceive: readonly Label[]): ReadonlyMap<Label, Subvolume> =>
  new Map(
    damagedRows(view).flatMap(({ label }): [Label, Subvolume][] => {
      const entry = entryOf(view.facts.hydrated, snapshotName(view.spec.name, label));
      return entry?.readOnly === true && !toReceive.includes(label) ? [[label, entry]] : [];
    }),
  );

/** Until when the bucket refuses to delete the object of a label, as far as the desired state or the store tells. */
function lockOf({ spec, cloud, course, takenAt }: View, label: Label): string | null {
  const row = course.rows.find((each) => each.label === label);
  if (cloud?.bucket.kind !== "known" || row === undefined) return null;
  const { objects, lockDays } = cloud.bucket.value;
  const days = Math.max(lockDays?.kind === "known" ? lockDays.value : 0, cloud.spec.lockDays ?? 0);
  const until = (objects.get(cloudKey(cloud.spec, spec, row))?.lastModified.getTime() ?? 0) + days * DAY_MS;
  return until <= takenAt.getTime()
    ? null
    : `the object of ${label} is locked until ${new Date(until).toISOString().slice(0, 10)} (cloud.lock_days)`;
}
