import { snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import { chainOf } from "../../domain/lineage.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import type { Finding, Verifiable, VerifyCheck } from "../../domain/verification.ts";
import { archived } from "../../transport/bucket/archive.ts";
import { cloudKey } from "../artifact/copies.ts";
import type { SeenObject } from "../facts.ts";
import { wantedIn } from "../retention/wanted.ts";
import { isHydrated } from "../snapshot/complete.ts";
import { entryOf } from "../snapshot/subvolumes.ts";
import type { View } from "../view.ts";
import { markOf } from "./record.ts";

/** How closely everything is to be looked at. */
export interface Closeness {
  /** Artifacts are decrypted and parsed. */
  readonly deep: boolean;
  /** Objects are downloaded. */
  readonly cloud: boolean;
}

/** One thing that is to be looked at. */
export interface Thing extends Verifiable {
  readonly row: ManifestRow;
  readonly check: VerifyCheck;
  /** What is read of it; of a snapshot, what its artifacts come to. */
  readonly sizeBytes: number;
  /** Of an object, as it is listed; null for anything else. */
  readonly object: SeenObject | null;
  /** Of an increment on the server: the artifact that it builds on; null for anything else. */
  readonly parent: Verifiable | null;
  /** It was found damaged and is still the same: whatever was verified before that counts no more. */
  readonly isMarked?: boolean;
}

/** What there is to look at, and what is told without: it is not there, of another size, or nobody could look. */
export function thingsOf(view: View, closeness: Closeness): { things: Thing[]; findings: Finding[] } {
  const found = view.course.rows.flatMap((row) => [
    ofArtifact(view, row, closeness),
    ...ofObject(view, row, closeness),
    ofSnapshot(view, row),
  ]);
  return {
    things: found.filter((each) => "check" in each && "row" in each),
    findings: found.filter((each) => "state" in each),
  };
}

const told = (
  { place, label }: Pick<Finding, "place" | "label">,
  state: Finding["state"],
  why: string | null,
): Finding => ({ place, label, state, why, check: null, at: null });

const absence = (wanted: boolean) => (wanted ? ("missing" as const) : ("not-wanted" as const));

function ofArtifact(view: View, row: ManifestRow, { deep }: Closeness): Thing | Finding {
  const { label, sha256: identity, sizeBytes } = row;
  const { store } = view.facts;
  const isMarked = store.kind === "known" && store.value.damaged.has(row.localPath);
  const at = { place: "server", label } as const;
  if (store.kind === "unknown") return told(at, "not-checked", store.why);
  const size = store.kind === "known" ? store.value.files.get(row.localPath) : undefined;
  if (size === undefined) return told(at, absence(wantedIn(view, "server")(row)), null);
  if (size !== sizeBytes) return told(at, "damaged", `it has ${size} bytes, not ${sizeBytes}`);
  const below = view.course.rows.find((each) => each.label === row.parent);
  const parent = below === undefined ? null : { ...at, label: below.label, identity: below.sha256 };
  return { ...at, row, identity, sizeBytes, check: deep ? "deep" : "hash", object: null, parent, isMarked };
}

/** None without a cloud. */
function ofObject(view: View, row: ManifestRow, closeness: Closeness): (Thing | Finding)[] {
  const { cloud, spec } = view;
  const { label, sizeBytes } = row;
  const at = { place: "bucket", label } as const;
  if (cloud === null) return [];
  if (cloud.bucket.kind !== "known")
    return [told(at, "not-checked", cloud.bucket.kind === "unknown" ? cloud.bucket.why : null)];
  const object = cloud.bucket.value.objects.get(cloudKey(cloud.spec, spec, row));
  if (object === undefined) return [told(at, absence(wantedIn(view, "bucket")(row)), null)];
  if (object.sizeBytes !== sizeBytes)
    return [told(at, "damaged", `it has ${object.sizeBytes} bytes, not ${sizeBytes}`)];
  if (object.archive !== undefined) return [told(at, "not-checked", `it ${archived(object.archive)}`)];
  const check = closeness.cloud ? "download" : "note";
  const isMarked = markOf(view.facts.verified, row, object) !== undefined;
  return [{ ...at, row, identity: object.etag, sizeBytes, check, object, parent: null, isMarked }];
}

function ofSnapshot(view: View, row: ManifestRow): Thing | Finding {
  const { spec, facts, course } = view;
  const { label } = row;
  const at = { place: "hydrated", label } as const;
  const { hydrated, fingerprints } = facts;
  if (hydrated.kind === "unknown") return told(at, "not-checked", hydrated.why);
  const there = entryOf(hydrated, snapshotName(spec.name, label));
  if (there === undefined) return told(at, absence(row === course.rows.at(-1)), null);
  if (there === null || (there.damaged !== true && !isHydrated(there)))
    return told(at, "not-checked", "it was not received whole");
  const sizeBytes = (chainOf(course.rows, label) ?? []).reduce((sum, each) => sum + each.sizeBytes, 0);
  const known = fingerprints.kind === "known" && fingerprints.value.has(label);
  const check = known ? "fingerprint" : "files";
  const isMarked = there.damaged === true;
  return { ...at, row, identity: there.uuid, sizeBytes, check, object: null, parent: null, isMarked };
}

/** What the snapshots that stand on the server were received from, by label. */
export const receivedOf = ({ spec, facts, course }: View): ReadonlyMap<Label, string> =>
  new Map(
    course.rows.flatMap(({ label }) => {
      const uuid = entryOf(facts.hydrated, snapshotName(spec.name, label))?.receivedUuid;
      return uuid == null ? [] : [[label, uuid] as const];
    }),
  );
