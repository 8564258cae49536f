import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { type ArtifactRef, labelOfSnapshot, parseArtifactFile, snapshotName } from "../domain/artifact.ts";
import type { Fact } from "../domain/fact.ts";
import { compareLabels, type Label, labelAfter, parseLabel, periodsBetween } from "../domain/label.ts";
import { parentIn } from "../domain/lineage.ts";
import type { ManifestRow } from "../domain/manifest.ts";
import { fileName } from "../domain/names.ts";
import type { PendingLabel } from "../domain/pending.ts";
import { type CopyPlace, preferredCopy } from "../domain/restore-chain.ts";
import type { Action } from "../plan/plan.ts";
import { copiesOf } from "../reconcilers/artifact/copies.ts";
import { wantedIn } from "../reconcilers/retention/wanted.ts";
import { isHydrated, isSnapshot } from "../reconcilers/snapshot/complete.ts";
import type { Subvolume, SubvolumeFolder } from "../reconcilers/snapshot/subvolumes.ts";
import type { View } from "../reconcilers/view.ts";
import type { Gap, LabelStatus, PlaceName, Standing } from "./status.ts";

/** What the history of a dataset is read from. */
export interface Looked {
  readonly view: View;
  readonly rows: readonly ManifestRow[];
  readonly pending: readonly PendingLabel[];
  /** Of the plan. */
  readonly actions: readonly Action[];
}

/** Every label that has a row, is pending, or of which anything is there, oldest first, and the gaps between them. */
export function historyOf(looked: Looked): (LabelStatus | Gap)[] {
  const { view, rows, pending } = looked;
  const rowOf = new Map(rows.map((row) => [row.label, row]));
  const pendingOf = new Map(pending.map((each) => [each.label, each]));
  const stray = strayArtifacts(looked);
  const labels = new Set([...rowOf.keys(), ...pendingOf.keys(), ...stray.keys(), ...snapshotLabels(view)]);
  const restorable = restorableLabels(looked);
  const places = placesOf(looked, stray);
  const entries = [...labels].sort(compareLabels).map((label): LabelStatus => {
    const row = rowOf.get(label);
    const decision = pendingOf.get(label)?.decision;
    const ref = row ?? stray.get(label) ?? (decision && { parent: parentIn(decision) });
    return {
      kind: "label",
      label,
      type:
        ref === undefined || decision?.kind === "open" ? null : ref.parent === null ? "anchor" : "increment",
      parent: ref?.parent ?? null,
      sizeBytes: row?.sizeBytes ?? null,
      sha256: row?.sha256 ?? null,
      at: row?.ts ?? null,
      ageMs: row === undefined ? null : ageMs(row.ts, view.takenAt),
      places: places(label, row, pendingOf.get(label)),
      restorable: row === undefined ? null : (restorable.get(label) ?? null),
    };
  });
  return entries.flatMap((entry, at) => {
    const gap = gapBetween(entries[at - 1]?.label, entry.label, view.spec);
    return gap === null ? [entry] : [gap, entry];
  });
}

/** Never negative, whatever the clocks say. */
export const ageMs = (ts: string, now: Date): number => Math.max(0, now.getTime() - Date.parse(ts));

/** Of those that the dataset's cadence has: where it was another one before, nothing was missed at the change. */
function gapBetween(before: Label | undefined, label: Label, { cadence }: DatasetSpec): Gap | null {
  if (before === undefined || [before, label].some((each) => parseLabel(each, cadence) === undefined))
    return null;
  const count = periodsBetween(before, label) - 1;
  return count < 1 ? null : { kind: "gap", from: labelAfter(before, 1), to: labelAfter(label, -1), count };
}

function snapshotLabels({ spec, facts }: Looked["view"]): Label[] {
  return [facts.snapshots, facts.hydrated]
    .flatMap((folder: Fact<SubvolumeFolder>) =>
      folder.kind === "known" ? [...folder.value.entries.keys()] : [],
    )
    .map((name) => labelOfSnapshot(spec.name, name))
    .filter((label) => label !== undefined);
}

/**
 * By label: what lies among the artifacts, on the server or in the bucket, and has no row and none in waiting. Whether it
 * is whole nobody can say.
 */
function strayArtifacts({ view: { spec, facts, cloud }, rows, pending }: Looked): Map<Label, ArtifactRef> {
  const expected = new Set(
    [...rows, ...pending.filter(({ made }) => made !== null)].map(({ label }) => label),
  );
  const files = facts.store.kind === "known" ? [...facts.store.value.files.keys()] : [];
  const objects = cloud?.bucket.kind === "known" ? [...cloud.bucket.value.objects.keys()] : [];
  return new Map(
    [...files, ...objects]
      .map((path) => parseArtifactFile(spec.name, fileName(path)))
      .filter((ref) => ref !== undefined)
      .filter(({ label }) => !expected.has(label))
      .map((ref) => [ref.label, ref]),
  );
}

/** In one pass: every parent stands above its increment. Null where nobody can tell. */
function restorableLabels({ view, rows }: Looked): Map<Label, boolean | null> {
  const { hydrated } = view.facts;
  const found = new Map<Label, boolean | null>();
  for (const row of rows) {
    const stands =
      hydrated.kind === "known" &&
      isHydrated(hydrated.value.entries.get(snapshotName(view.spec.name, row.label)));
    const source = preferredCopy(copiesOf(row, view));
    const parent = row.parent === null ? true : (found.get(row.parent) ?? null);
    const nowhere = source === "nowhere" || parent === false;
    const unsure = source === "unknown" || parent === null || hydrated.kind === "unknown";
    found.set(
      row.label,
      stands ? true : nowhere ? (hydrated.kind === "unknown" ? null : false) : unsure ? null : true,
    );
  }
  return found;
}

type Places = Readonly<Record<PlaceName, Standing>>;

function placesOf({ view, rows, pending, actions }: Looked, stray: ReadonlyMap<Label, unknown>) {
  const { spec, facts, cloud } = view;
  const newest = rows.at(-1)?.label;
  const has = (kind: string, label: Label) =>
    actions.some((action) => action.kind === kind && action.label === label);
  const isPending = new Set(pending.map(({ label }) => label));
  const wanted = { server: wantedIn(view, "server"), bucket: wantedIn(view, "bucket") };
  const found = (row: ManifestRow, place: CopyPlace, standing: Standing): Standing =>
    standing === "missing" && !wanted[place](row) ? "not-wanted" : standing;
  // they are sent in their order: where a later one is, an earlier one has been
  const newestSent = rows.findLast((row) =>
    ["whole", "archived"].includes(copiesOf(row, view).bucket),
  )?.label;

  const snapshot = (
    folder: Fact<SubvolumeFolder>,
    label: Label,
    isComplete: (entry: Subvolume | null | undefined) => boolean,
    kind: string,
  ): Standing => {
    if (folder.kind === "unknown") return "unknown";
    const entry =
      folder.kind === "known" ? folder.value.entries.get(snapshotName(spec.name, label)) : undefined;
    if (isComplete(entry)) return "whole";
    if (entry?.damaged === true) return "damaged";
    if (isPending.has(label) || has(kind, label)) return entry === null ? "damaged" : "due";
    if (entry !== undefined) return "damaged";
    return label === newest ? "missing" : "not-wanted";
  };
  const artifact = (label: Label, row: ManifestRow | undefined, made: boolean): Standing => {
    if (row !== undefined) return found(row, "server", copiesOf(row, view).server);
    if (facts.store.kind === "unknown" || stray.has(label)) return "unknown";
    return made ? "whole" : isPending.has(label) ? "due" : "not-wanted";
  };
  const manifest = (label: Label, row: ManifestRow | undefined): Standing => {
    if (facts.manifest.kind === "unknown") return "unknown";
    if (row === undefined) return isPending.has(label) && !stray.has(label) ? "due" : "missing";
    return facts.manifest.kind === "absent" ? "missing" : SIGNED[facts.manifest.value.signature];
  };
  const inCloud = (label: Label, row: ManifestRow | undefined): Standing => {
    if (cloud === null) return "not-wanted";
    if (cloud.bucket.kind === "unknown" || stray.has(label)) return "unknown";
    if (row === undefined) return isPending.has(label) ? "due" : "not-wanted";
    const { bucket } = copiesOf(row, view);
    if (bucket === "undeclared") return "not-wanted";
    // a doubt names it; so it does where nobody knows what was found damaged
    if (bucket === "archived" || (bucket === "whole" && facts.verified.kind === "unknown")) return "unknown";
    const wasSent = newestSent !== undefined && compareLabels(label, newestSent) < 0;
    const standing = found(row, "bucket", bucket);
    return standing === "missing" && !wasSent ? "due" : standing;
  };
  return (label: Label, row: ManifestRow | undefined, due: PendingLabel | undefined): Places => ({
    workstation: snapshot(facts.snapshots, label, isSnapshot, "snapshot"),
    artifact: artifact(label, row, (due?.made ?? null) !== null),
    manifest: manifest(label, row),
    server: snapshot(facts.hydrated, label, isHydrated, "hydrate"),
    cloud: inCloud(label, row),
  });
}

/** Of a row, by its manifest's signature: one that is yet to be signed, or whose next write is begun, is no damage. */
const SIGNED = {
  good: "whole",
  ahead: "whole",
  unsigned: "whole",
  missing: "damaged",
  wrong: "damaged",
  unknown: "unknown",
} as const;
