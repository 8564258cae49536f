import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import { absent, type Fact, known, unknown } from "../../src/domain/fact.ts";
import { labelAt } from "../../src/domain/label.ts";
import type { Manifest } from "../../src/domain/manifest.ts";
import type { DatasetName, HostName } from "../../src/domain/names.ts";
import {
  type BucketFacts,
  type DatasetFacts,
  datasetProbes,
  type Observation,
} from "../../src/reconcilers/facts.ts";
import { scheduleProbe } from "../../src/reconcilers/schedule/schedule-facts.ts";
import type { Status } from "../../src/status/status.ts";
import { statusOf } from "../../src/status/status-of.ts";
import { DEV, label } from "../domain/history.ts";
import { type Case, lookAt, M1, remembered, settled } from "../reconcilers/world.ts";

export interface Given extends Partial<Case> {
  /** As `test/domain/history.ts` reads it: `2026-01 full 100, 2026-02 incr 60`. */
  readonly rows: string;
  /** Default: the first of June, 2026. */
  readonly now?: string;
  /** Bytes for every byte of `rows`. Default 1. */
  readonly times?: number;
  /** Why the workstation does not answer. */
  readonly away?: string;
  /** Whether there is another dataset, `photos`, of which nothing is there yet. */
  readonly photos?: boolean;
  /** When the schedule of `ls` runs next and ran last, in the words of its systemd; left out for no schedule. */
  readonly schedule?: { readonly next: string; readonly last: string };
  /** Whether a recovery recipient is declared; default true. */
  readonly recovery?: boolean;
  readonly spec?: Partial<DatasetSpec>;
  readonly endpoint?: string;
}

/** The dates of a manifest whose labels were made on the first of each month, three in the morning. */
const dated = (rows: Manifest, times: number): Manifest =>
  rows.map((row) => ({
    ...row,
    ts: `${row.label}-01T03:00:00.000Z`,
    sizeBytes: row.sizeBytes * times,
  }));

/** Facts and bucket of a settled world, its rows as {@link dated}. */
export function world({ rows: text, cloud = true, times = 1 }: Given) {
  const { facts, bucket } = settled(text, cloud);
  const { manifest, store } = facts;
  if (bucket.kind !== "known") throw new RangeError("the bucket was not looked at");
  if (manifest.kind !== "known" || manifest.value.reading.kind !== "valid" || store.kind !== "known")
    return { facts, bucket };
  const rows = dated(manifest.value.reading.rows, times);
  const sizeOf = (key: string, sizeBytes: number) =>
    rows.find((row) => row.objectKey === key)?.sizeBytes ?? sizeBytes;
  const objects = [...bucket.value.objects].map(
    ([key, object]) =>
      [
        key,
        { ...object, sizeBytes: sizeOf(key, object.sizeBytes), lastModified: new Date("2026-12-31") },
      ] as const,
  );
  return {
    facts: {
      ...facts,
      manifest: known({ ...manifest.value, sha256: M1, reading: { kind: "valid" as const, rows } }),
      store: known({ ...store.value, files: new Map(rows.map((row) => [row.localPath, row.sizeBytes])) }),
    },
    bucket: known({ ...bucket.value, objects: new Map(objects) }),
  };
}

/** What is registered there. */
export const rowsIn = ({ manifest }: DatasetFacts): Manifest =>
  manifest.kind === "known" && manifest.value.reading.kind === "valid" ? manifest.value.reading.rows : [];

export const etagOf = (bucket: Fact<BucketFacts>, key: string | null): string =>
  (bucket.kind === "known" && key !== null && bucket.value.objects.get(key)?.etag) || "none";

/** The store, its files as `change` makes them. */
export const store = (given: Given, change: (files: Map<string, number>) => void) => {
  const { facts } = world(given);
  if (facts.store.kind !== "known") throw new RangeError("no store");
  const files = new Map(facts.store.value.files);
  change(files);
  return known({ ...facts.store.value, files });
};
/** The objects of the bucket, each of the size that `change` gives it, or gone where it gives null. */
export const objects = (given: Given, change: (key: string, sizeBytes: number) => number | null) => {
  const { bucket } = world(given);
  if (bucket.kind !== "known") throw new RangeError("no bucket");
  const kept = [...bucket.value.objects].flatMap(([key, object]) => {
    const sizeBytes = change(key, object.sizeBytes);
    return sizeBytes === null ? [] : [[key, { ...object, sizeBytes }] as const];
  });
  return known({ ...bucket.value, objects: new Map(kept) });
};

export const NOW = "2026-06-01T12:00:00Z";

/** The status of a settled world with something changed about it. */
export function statusIn(given: Given): Status {
  const { now = NOW, away, spec: specified, endpoint, change, bucket, photos = false, ...rest } = given;
  const there = world(given);
  const looked = lookAt({
    ...rest,
    target: rest.target ?? now.slice(0, 7),
    labelled: false,
    change: { ...there.facts, ...change },
    bucket: bucket ?? there.bucket,
  });
  const takenAt = new Date(now);
  const [dev] = looked.desired.datasets.map((spec) => ({ ...spec, ...specified }));
  const facts = looked.observed.datasets.get(DEV);
  if (dev === undefined || facts === undefined) throw new RangeError("there is a dataset");
  const second = { ...dev, name: "photos" as DatasetName, cadence: "weekly" as const };
  const datasets = photos ? [dev, second] : [dev];
  const unseen = (): Partial<DatasetFacts> =>
    Object.fromEntries(
      Object.entries(datasetProbes(dev, null))
        .filter(([, probe]) => away !== undefined && probe.host === dev.workstation)
        .map(([name]) => [name, unknown(away ?? "")]),
    );
  const ofBoth = <Value>(value: Value, other: Value) =>
    new Map(datasets.map(({ name }) => [name, name === DEV ? value : other] as const));
  const { cloud } = looked.desired;
  return statusOf(
    {
      ...looked.desired,
      cloud: cloud && { ...cloud, endpoint: endpoint ?? cloud.endpoint },
      datasets,
      schedule:
        given.schedule === undefined
          ? null
          : { on: dev.server, calendar: "*-*-01 03:00:00", reach: new Map() },
      recoveryRecipients: given.recovery === false ? [] : looked.desired.recoveryRecipients,
    },
    {
      ...looked.observed,
      takenAt,
      systems: new Map(
        [...looked.observed.systems].map(([host, system]) => [
          host,
          host === dev.workstation && away !== undefined
            ? unknown(away)
            : system.kind === "known"
              ? known({ ...system.value, epochSeconds: takenAt.getTime() / 1000 })
              : system,
        ]),
      ),
      datasets: ofBoth({ ...facts, ...unseen() }, settled("", cloud !== null).facts),
      buckets: looked.observed.buckets && ofBoth(there.bucket, settled("").bucket),
      ...(bucket !== undefined && { buckets: ofBoth(bucket, bucket) }),
      memory: ofBoth(remembered(), remembered()),
      ...(given.schedule && { schedule: scheduleSeen(dev.server, given.schedule) }),
    },
    {
      ...looked.request,
      labels: new Map(
        datasets.map(({ name, cadence, timezone }) => [
          name,
          given.target === undefined ? labelAt(takenAt, cadence, timezone) : label(given.target),
        ]),
      ),
    },
    new Map(away === undefined ? [] : [[dev.workstation, away]]),
  );
}

const scheduleSeen = (
  host: HostName,
  { next, last }: NonNullable<Given["schedule"]>,
): NonNullable<Observation["schedule"]> => ({
  there: new Map([
    [
      host,
      scheduleProbe(host).parse(
        `machine x86_64\nsystem Linux\ntimer enabled active\nNextElapseUSecRealtime=${next}\nLastTriggerUSec=${last}\n`,
      ),
    ],
  ]),
  asked: absent,
});
