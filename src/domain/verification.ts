import { artifactFile, snapshotName } from "./artifact.ts";
import { type Label, parseLabel } from "./label.ts";
import { type Manifest, type ManifestRow, refOf } from "./manifest.ts";
import type { DatasetName, HostName } from "./names.ts";
import { printable } from "./printable.ts";
import { FURTHEST_AHEAD_MS } from "./units.ts";

/** Where something lies that can be verified: an artifact, its object, the snapshot that was received from it. */
export type VerifiedPlace = "server" | "bucket" | "hydrated";

/**
 * How closely it was looked at. On the server: read to its end and hashed, or besides decrypted and parsed. In the
 * bucket: by size and SHA-256 note as the store tells them, or downloaded and hashed. Hydrated: every file read, or
 * besides compared with the fingerprint of the backup.
 */
export type VerifyCheck = "hash" | "deep" | "note" | "download" | "files" | "fingerprint";

/** By the place: what is enough to say so, from the least to the most. */
const CHECKS: Readonly<Record<VerifiedPlace, readonly VerifyCheck[]>> = {
  server: ["hash", "deep"],
  bucket: ["note", "download"],
  hydrated: ["files", "fingerprint"],
};

/** One thing that can be verified. */
export interface Verifiable {
  readonly place: VerifiedPlace;
  readonly label: Label;
  /** Which one it is: the artifact's SHA-256, the object's ETag, the snapshot's UUID. Another one has not been verified. */
  readonly identity: string;
}

/** That something was found to be as it should be. */
export interface Verified extends Verifiable {
  readonly at: Date;
  readonly check: VerifyCheck;
  /** Of a stream that was parsed: the UUID that it gives its snapshot. Null otherwise. */
  readonly streamUuid: string | null;
}

/** That something was found to be other than it should be and is made of what was registered, so that no apply mends it. */
export interface Damage extends Verifiable {
  readonly at: Date;
  readonly check: VerifyCheck;
  readonly why: string;
}

/** What became of one thing in one run. */
export interface Finding {
  readonly place: VerifiedPlace;
  readonly label: Label;
  /** `not-wanted`: it is not there, and nothing asks for it. `not-checked`: nobody could look. */
  readonly state: "ok" | "damaged" | "missing" | "not-checked" | "not-wanted";
  /** How closely it was looked at; null where it was not. */
  readonly check: VerifyCheck | null;
  /** When it was last found as it should be, in this run or in the one that it goes on with; null otherwise. */
  readonly at: Date | null;
  /** What is wrong with it, or why nobody could look; null where it is as it should be. */
  readonly why: string | null;
  /**
   * Of what is damaged: it was made of the very bytes that were registered, so that it has no mark and no apply mends it. Left
   * out where a whole copy does.
   */
  readonly asRegistered?: true;
}

/** What the server remembers of verifications. Damage that an apply mends is not in it: that leaves marks of its own. */
export interface VerificationRecord {
  /** By place and label. */
  readonly verified: ReadonlyMap<string, readonly Verified[]>;
  /** By place and label; it stands until a look as close finds that very thing well, or another is there. */
  readonly damage: ReadonlyMap<string, Damage>;
  /** When the run began that has not come to its end; null where the last one did. */
  readonly begunAt: Date | null;
  /** The newest label when a share of the whole was last verified, and when that was; null for never. */
  readonly share: { readonly label: Label; readonly at: Date } | null;
}

export const NEVER_VERIFIED: VerificationRecord = {
  verified: new Map(),
  damage: new Map(),
  begunAt: null,
  share: null,
};

/** Without what was verified ahead of `now`: it would have its turn again only when that has come. */
export const asOf = (record: VerificationRecord, now: Date): VerificationRecord => ({
  ...record,
  verified: new Map(
    [...record.verified].map(([key, checks]) => [
      key,
      checks.filter(({ at }) => at.getTime() <= now.getTime() + FURTHEST_AHEAD_MS),
    ]),
  ),
});

/** A run that was cut off longer ago than this is not gone on with: what it had seen is too old to build on. */
const RESUMABLE_MS = 7 * 24 * 3600 * 1000;

/** When the run began that this one goes on with; null where it begins anew. */
export const resumedFrom = ({ begunAt }: VerificationRecord, now: Date): Date | null =>
  begunAt !== null && begunAt <= now && now.getTime() - begunAt.getTime() < RESUMABLE_MS ? begunAt : null;

/** When this very thing was last verified at least as closely as `check`; null for never. */
export function lastVerified(
  { verified }: VerificationRecord,
  thing: Verifiable,
  check: VerifyCheck,
): Verified | null {
  const checks = CHECKS[thing.place];
  return (verified.get(keyOf(thing)) ?? [])
    .filter((each) => each.identity === thing.identity && checks.indexOf(each.check) >= checks.indexOf(check))
    .reduce<Verified | null>((last, each) => (last === null || each.at > last.at ? each : last), null);
}

/** What is known to be wrong with this very thing; null for nothing. */
export function damageOf({ damage }: VerificationRecord, thing: Verifiable): Damage | null {
  const found = damage.get(keyOf(thing));
  return found?.identity === thing.identity ? found : null;
}

/** What can have its turn. */
export interface InTurn extends Verifiable {
  readonly check: VerifyCheck;
  /** Of its artifact. */
  readonly row: Pick<ManifestRow, "ts">;
}

/**
 * Least recently verified first. What never was counts as seen when it was registered, and waits behind all that stood there
 * then: were it the first, each new label would take the turn of the older ones. What is dated ahead of `now` is the
 * first. Where that is the same, as they were given.
 */
export function leastRecentFirst<Thing extends InTurn>(
  record: VerificationRecord,
  things: readonly Thing[],
  now: Date,
): Thing[] {
  const time = (thing: Thing) => {
    const at = lastVerified(record, thing, thing.check)?.at.getTime() ?? Date.parse(thing.row.ts);
    return at <= now.getTime() + FURTHEST_AHEAD_MS ? at : 0;
  };
  const timed = things.map((thing) => ({ thing, at: time(thing) }));
  return timed.sort((a, b) => a.at - b.at).map(({ thing }) => thing);
}

/**
 * What one run has to verify so that 1 / `share` of them have seen everything that stood there before the first and stands
 * there still, unless the whole becomes less meanwhile: of things in the order of {@link leastRecentFirst}, as many as make up
 * that share of all bytes, and one at least.
 */
export function shareOf<Thing extends { readonly sizeBytes: number }>(
  inOrder: readonly Thing[],
  share: number,
): Thing[] {
  const goalBytes = share * inOrder.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const chosen: Thing[] = [];
  let bytes = 0;
  for (const thing of inOrder) {
    if (chosen.length > 0 && bytes >= goalBytes) break;
    chosen.push(thing);
    bytes += thing.sizeBytes;
  }
  return chosen;
}

/** With that it was verified; what was known of another thing under its name goes. */
export function withVerified(record: VerificationRecord, now: Verified): VerificationRecord {
  const kept = (record.verified.get(keyOf(now)) ?? []).filter(
    ({ check, identity }) => check !== now.check && identity === now.identity,
  );
  const verified = new Map(record.verified).set(keyOf(now), [...kept, now]);
  const damage = new Map(record.damage);
  const known = damageOf(record, now);
  const checks = CHECKS[now.place];
  if (known === null || checks.indexOf(now.check) >= checks.indexOf(known.check)) damage.delete(keyOf(now));
  return { ...record, verified, damage };
}

/** With that it was found to be other than it should be, and that no apply mends it. */
export const withDamage = (record: VerificationRecord, found: Damage): VerificationRecord => ({
  ...withoutVerified(record, found),
  damage: new Map(record.damage).set(keyOf(found), found),
});

/** Without what is known of `thing`: it has been found damaged, or gone. */
export function withoutVerified(record: VerificationRecord, thing: Verifiable): VerificationRecord {
  const verified = new Map(record.verified);
  verified.delete(keyOf(thing));
  return { ...record, verified };
}

/** Without what is known of anything but `things`: it is gone. */
export const onlyOf = (record: VerificationRecord, things: readonly Verifiable[]): VerificationRecord => {
  const keys = new Set(things.map(keyOf));
  const kept = <Value>(of: ReadonlyMap<string, Value>) => new Map([...of].filter(([key]) => keys.has(key)));
  return { ...record, verified: kept(record.verified), damage: kept(record.damage) };
};

const keyOf = ({ place, label }: Verifiable): string => `${place} ${label}`;

const COLUMNS = "ts\tplace\tlabel\tcheck\tidentity\tstream_uuid\tdamage";

/**
 * `logs/verified.tsv`: a line for each thing and kind of check. What is damaged alone has the last column: a version that does not
 * know it takes such a line for nothing.
 */
export function renderRecord({ verified, damage, begunAt, share }: VerificationRecord): string {
  const lines = [
    COLUMNS,
    ...(begunAt === null ? [] : [[begunAt.toISOString(), "run", "-", "-", "-", "-"].join("\t")]),
    ...(share === null ? [] : [[share.at.toISOString(), "share", share.label, "-", "-", "-"].join("\t")]),
    ...[...verified.values()]
      .flat()
      .map(({ at, place, label, check, identity, streamUuid }) =>
        [at.toISOString(), place, label, check, identity, streamUuid ?? "-"].join("\t"),
      ),
    ...[...damage.values()].map(({ at, place, label, check, identity, why }) =>
      [at.toISOString(), place, label, check, identity, "-", printable(why)].join("\t"),
    ),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** Leniently: of a line that can't be read nothing is known, and what it spoke of is verified once more. */
export function parseRecord(text: string): VerificationRecord {
  const verified = new Map<string, Verified[]>();
  const damage = new Map<string, Damage>();
  let [begunAt, share]: [Date | null, VerificationRecord["share"]] = [null, null];
  for (const line of text.split("\n")) {
    const [ts = "", place = "", labelText = "", check = "", identity = "", uuid, why, ...more] =
      line.split("\t");
    const at = new Date(ts);
    if (uuid === undefined || more.length > 0 || Number.isNaN(at.getTime())) continue;
    const label = parseLabel(labelText);
    if (place === "run") begunAt = at;
    else if (label === undefined) continue;
    else if (place === "share") share = { label, at };
    else if (isPlace(place) && isCheck(place, check) && identity !== "") {
      const thing = { at, place, label, check, identity };
      if (why !== undefined) {
        damage.set(keyOf(thing), { ...thing, why });
        continue;
      }
      const found = { ...thing, streamUuid: uuid === "-" ? null : uuid };
      verified.set(keyOf(found), [...(verified.get(keyOf(found)) ?? []), found]);
    }
  }
  return { verified, damage, begunAt, share };
}

const isPlace = (text: string): text is VerifiedPlace => Object.hasOwn(CHECKS, text);
const isCheck = (place: VerifiedPlace, text: string): text is VerifyCheck =>
  CHECKS[place].some((check) => check === text);

/** `dev@2026-02.incr.from_2026-01.send.zst.age on ls`, `… in the bucket`, `the snapshot dev@2026-02 on ls`. */
export function thingInWords(
  { place, label }: Pick<Finding, "place" | "label">,
  of: { readonly dataset: DatasetName; readonly server: HostName; readonly rows: Manifest },
): string {
  const { dataset, server, rows } = of;
  const row = rows.find((each) => each.label === label);
  const file = row === undefined ? snapshotName(dataset, label) : artifactFile(refOf(dataset, row));
  return {
    server: `${file} on ${server}`,
    bucket: `${file} in the bucket`,
    hydrated: `the snapshot ${snapshotName(dataset, label)} on ${server}`,
  }[place];
}
