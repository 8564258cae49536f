import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import { known } from "../../src/domain/fact.ts";
import type { Manifest } from "../../src/domain/manifest.ts";
import type { HostName } from "../../src/domain/names.ts";
import type { Observation } from "../../src/reconcilers/facts.ts";
import type { Status } from "../../src/status/status.ts";
import { statusOf } from "../../src/status/status-of.ts";
import { type Case, desired, lookAt, M1, settled } from "../reconcilers/world.ts";

export interface Given extends Partial<Case> {
  /** As `test/domain/history.ts` reads it: `2026-01 full 100, 2026-02 incr 60`. */
  readonly rows: string;
  /** Default: the first of June, 2026. */
  readonly now?: string;
  /** Bytes for every byte of `rows`. Default 1. */
  readonly times?: number;
  readonly away?: string;
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

export const NOW = "2026-06-01T12:00:00Z";

/** The status of a settled world with something changed about it. */
export function statusIn(given: Given): Status {
  const { now = NOW, away, spec: specified, endpoint, change, bucket, ...rest } = given;
  const there = world(given);
  const target = rest.target ?? now.slice(0, 7);
  const looked = lookAt({
    ...rest,
    target,
    labelled: false,
    change: { ...there.facts, ...change },
    bucket: bucket ?? there.bucket,
  });
  const takenAt = new Date(now);
  const systems: Observation["systems"] = new Map(
    [...looked.observed.systems].map(([host, system]) => [
      host,
      system.kind === "known" ? known({ ...system.value, epochSeconds: takenAt.getTime() / 1000 }) : system,
    ]),
  );
  const state = {
    ...looked.desired,
    ...(endpoint !== undefined && { cloud: { ...(desired().cloud ?? assertCloud()), endpoint } }),
    datasets: looked.desired.datasets.map((spec) => ({ ...spec, ...specified })),
  };
  return statusOf(
    state,
    { ...looked.observed, takenAt, systems },
    looked.request,
    new Map(away === undefined ? [] : [["ws" as HostName, away]]),
  );
}

function assertCloud(): never {
  throw new RangeError("a cloud is declared");
}
