import fc from "fast-check";
import type { RetentionSpec } from "../../src/desired-state/desired-state.ts";
import { datasetKeys, snapshotName } from "../../src/domain/artifact.ts";
import { type Cadence, labelAt } from "../../src/domain/label.ts";
import { fileName } from "../../src/domain/names.ts";
import type { KeepRule } from "../../src/domain/retention.ts";
import { subvolume } from "../reconcilers/world.ts";
import { emptyServer, emptyWorkstation, newSha256, newUuid, next, type World } from "./world.ts";

/** One thing that happens to a world; a sequence of them is a case. */
export type Happening =
  | {
      readonly kind: "backup";
      /** Periods since the last happening: 0 is the same period once more, 2 one that was skipped. */
      readonly periods: number;
      /** Of the artifact that it makes, in each of the two forms. */
      readonly anchorBytes: number;
      readonly incrementBytes: number;
      readonly approve: boolean;
      /** Cut off after so many actions; null for never. */
      readonly steps: number | null;
    }
  | {
      readonly kind: "restore";
      /** Counted from the newest label; -1 for `latest`. */
      readonly back: number;
      readonly approve: boolean;
      readonly steps: number | null;
    }
  /** `back` counts from the newest of its kind. */
  | { readonly kind: "mishap"; readonly what: Mishap; readonly back: number };

export type Mishap = keyof typeof MISHAPS;

/** In words, as a failing case prints it. */
export function inWords(happening: Happening): string {
  if (happening.kind === "mishap")
    return `${happening.what}${happening.back === 0 ? "" : ` (${happening.back} before the newest)`}`;
  const how = `${happening.approve ? "everything approved" : "nothing approved"}${
    happening.steps === null ? "" : `, cut off after ${happening.steps} actions`
  }`;
  if (happening.kind === "restore")
    return `restore ${happening.back < 0 ? "latest" : `the label ${happening.back} before the newest`}, ${how}`;
  return `${happening.periods} periods later, a backup (an anchor of ${happening.anchorBytes} bytes or an increment of ${happening.incrementBytes}), ${how}`;
}

/** What goes wrong, or is done by others. Each may find nothing that it could be done to. */
const MISHAPS = {
  "somebody writes into the dataset": ({ ws }) => {
    ws.source.written = true;
  },
  "somebody writes into the working copy": ({ ls }) => {
    if (ls.copy !== null) ls.copy.written = true;
  },
  "a snapshot is lost on the workstation": ({ ws }, back) => drop(ws.snapshots, back),
  "a hydrated snapshot is lost": ({ ls }, back) => drop(ls.hydrated, back),
  "a hydrated snapshot is made writable": ({ ls }, back) => {
    const name = nth(ls.hydrated, back);
    const there = name === undefined ? null : ls.hydrated.get(name);
    // `property set ro false` clears the UUID
    if (name !== undefined && there != null)
      ls.hydrated.set(name, { ...there, readOnly: false, receivedUuid: null });
  },
  "a hydrated snapshot is found damaged": ({ ls }, back) => {
    const name = nth(ls.hydrated, back);
    const there = name === undefined ? null : ls.hydrated.get(name);
    if (name !== undefined && there != null) ls.hydrated.set(name, { ...there, damaged: true });
  },
  "a receive is cut off on the server": ({ ls }, back) => {
    const name = nth(ls.hydrated, back);
    const there = name === undefined ? null : ls.hydrated.get(name);
    if (name !== undefined && there != null)
      ls.hydrated.set(name, { ...there, readOnly: false, receivedUuid: null, receiving: true });
  },
  "an artifact is lost on the server": ({ ls }, back) => drop(ls.files, back),
  "an artifact is cut short on the server": (world, back) => {
    const path = nth(world.ls.files, back);
    if (path !== undefined) world.ls.files.set(path, { sha256: newSha256(world), sizeBytes: 1 });
  },
  "an artifact rots on the server, its size unchanged": (world, back) => {
    const path = nth(world.ls.files, back);
    const there = path === undefined ? undefined : world.ls.files.get(path);
    if (path !== undefined && there !== undefined)
      world.ls.files.set(path, { ...there, sha256: newSha256(world) });
  },
  "the manifest is lost on the server": ({ ls }) => {
    ls.manifest = null;
    ls.signature = null;
    ls.stateEnv = null;
  },
  "state.env is lost": ({ ls }) => {
    ls.stateEnv = null;
  },
  "the manifest's signature is lost": ({ ls }) => {
    ls.signature = null;
  },
  "the age identity is lost": ({ ls }) => {
    ls.identity = null;
  },
  "the sign key is lost": ({ ls }) => {
    ls.signKey = null;
  },
  "all keys are lost": ({ ls }) => {
    ls.identity = ls.published = ls.signKey = ls.signPublished = null;
  },
  "the workstation's recipient is lost": ({ ws }) => {
    ws.recipient = null;
  },
  "the escrow is lost on the server": ({ ls }) => {
    ls.escrow = null;
  },
  "the notes of what was sent are lost": ({ ls }) => {
    ls.pushed = { manifest: null, signature: null, escrow: null };
  },
  "the working copy is lost": ({ ls }) => {
    ls.copy = null;
  },
  "a stranger's folder stands at the working copy": (world) => {
    world.ls.copy = { uuid: `stranger-${next(world)}`, parentUuid: null, written: true };
  },
  "a stranger's file lies among the artifacts": (world) => {
    if (world.ls.folders.size > 0)
      world.ls.files.set("artifacts/incr/notes.txt", { sha256: newSha256(world), sizeBytes: 3 });
  },
  "the server is wiped": (world) => {
    world.ls = emptyServer();
  },
  "the workstation is wiped": (world) => {
    world.ws = emptyWorkstation();
  },
  "the controller forgets all that it has seen": (world) => {
    world.memory = { signer: null, newest: null, escrow: null };
  },
  "an artifact is lost in the bucket": ({ bucket }, back) => drop(artifactsIn(bucket), back, bucket),
  "an object rots in the bucket, and is found damaged": (world, back) => {
    const key = nth(artifactsIn(world.bucket), back);
    const there = key === undefined ? undefined : world.bucket.get(key);
    if (key === undefined || there === undefined) return;
    const found = newSha256(world);
    world.bucket.set(key, { ...there, sha256: found });
    const mark = { etag: there.etag, lastModified: there.at.toISOString(), by: "sha256", found } as const;
    world.ls.damagedObjects.set(fileName(key), mark);
  },
  "a stranger replaces an artifact in the bucket": (world, back) => {
    const key = nth(artifactsIn(world.bucket), back);
    if (key !== undefined) putStrangers(world, key);
  },
  "the manifest is lost in the bucket": ({ bucket, spec }) => {
    bucket.delete(datasetKeys("", spec.name).manifest);
  },
  "the signature is lost in the bucket": ({ bucket, spec }) => {
    bucket.delete(datasetKeys("", spec.name).signature);
  },
  "the escrow is lost in the bucket": ({ bucket, spec }) => {
    bucket.delete(datasetKeys("", spec.name).escrow);
  },
  "the bucket is emptied": ({ bucket }) => bucket.clear(),
  "a stranger begins an upload": (world) => {
    const { artifacts } = datasetKeys("", world.spec.name);
    world.unfinished.push({ key: `${artifacts}incr/x`, uploadId: `upload-${next(world)}` });
  },
  "somebody takes the next snapshot's name": (world) => {
    const { name, cadence, timezone } = world.spec;
    const taken = snapshotName(name, labelAt(later(world, 1), cadence, timezone));
    if (world.ws.folders.size > 0)
      world.ws.snapshots.set(taken, subvolume(newUuid(world), { readOnly: false }));
  },
} satisfies Record<string, (world: World, back: number) => unknown>;

export const befall = (world: World, { what, back }: Happening & { kind: "mishap" }): void =>
  void (MISHAPS[what] as (world: World, back: number) => unknown)(world, back);

export const STRANGERS = "stranger";

function putStrangers(world: World, key: string): void {
  const serial = next(world);
  const object = { sha256: newSha256(world), sizeBytes: 2, etag: `${STRANGERS}-${serial}`, at: world.now };
  world.bucket.set(key, { ...object, holds: null });
}

const artifactsIn = <Value>(bucket: Map<string, Value>): Map<string, Value> =>
  new Map([...bucket].filter(([key]) => key.includes("/artifacts/")));

/** The key `back` before the greatest: names grow with their labels. */
const nth = (map: ReadonlyMap<string, unknown>, back: number): string | undefined =>
  [...map.keys()].sort((a, b) => (labelIn(a) < labelIn(b) ? -1 : 1)).at(-1 - back);
const labelIn = (name: string): string => name.slice(name.lastIndexOf("@"));

function drop(map: Map<string, unknown>, back: number, from = map): void {
  const key = nth(map, back);
  if (key !== undefined) from.delete(key);
}

const steps = fc.option(fc.nat({ max: 14 }), { freq: 3, nil: null });
const back = fc.nat({ max: 3 });

export const backupArbitrary: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constant("backup" as const),
  periods: fc.nat({ max: 3 }),
  anchorBytes: fc.integer({ min: 50, max: 150 }),
  incrementBytes: fc.integer({ min: 1, max: 90 }),
  approve: fc.boolean(),
  steps,
});

export const restoreArbitrary: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constant("restore" as const),
  back: fc.integer({ min: -1, max: 3 }),
  approve: fc.boolean(),
  steps,
});

export const mishapArbitrary: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constant("mishap" as const),
  what: fc.constantFrom(...(Object.keys(MISHAPS) as Mishap[])),
  back,
});

/** Backups come as often as all the rest. */
export const historyArbitrary = (longest: number): fc.Arbitrary<readonly Happening[]> =>
  fc.array(
    fc.oneof(
      { arbitrary: backupArbitrary, weight: 4 },
      { arbitrary: mishapArbitrary, weight: 3 },
      { arbitrary: restoreArbitrary, weight: 1 },
    ),
    { minLength: 1, maxLength: longest },
  );

const keepArbitrary = fc.constantFrom<KeepRule>(
  { kind: "all" },
  { kind: "last", count: 1 },
  { kind: "last", count: 3 },
);
const keepArtifactsArbitrary = fc.oneof(
  keepArbitrary,
  fc.constantFrom<KeepRule>({ kind: "chains", count: 1 }, { kind: "chains", count: 2 }),
);

export const retentionArbitrary: fc.Arbitrary<RetentionSpec> = fc.record({
  workstationSnapshots: keepArbitrary,
  serverSnapshots: keepArbitrary,
  serverArtifacts: keepArtifactsArbitrary,
  cloudArtifacts: keepArtifactsArbitrary,
  auto: fc.boolean(),
});

export const cadenceArbitrary = fc.constantFrom<Cadence>("monthly", "weekly", "daily");

/** So many periods later, in the middle of the day. */
export function later({ spec, now }: Pick<World, "spec" | "now">, periods: number): Date {
  const date = new Date(now);
  if (spec.cadence === "monthly") date.setUTCMonth(date.getUTCMonth() + periods);
  else date.setUTCDate(date.getUTCDate() + periods * (spec.cadence === "weekly" ? 7 : 1));
  return date;
}
