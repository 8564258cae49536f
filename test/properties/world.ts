import type { DatasetSpec, DesiredState } from "../../src/desired-state/desired-state.ts";
import { artifactPath, objectKey, snapshotName } from "../../src/domain/artifact.ts";
import { type Label, labelAt } from "../../src/domain/label.ts";
import { type Manifest, type ManifestRow, renderManifest } from "../../src/domain/manifest.ts";
import type { NewestSeen } from "../../src/domain/memory.ts";
import type { AgeRecipient, Sha256, Signer } from "../../src/domain/names.ts";
import { NEVER_VERIFIED, type VerificationRecord } from "../../src/domain/verification.ts";
import type { Pushed } from "../../src/reconcilers/cloud/pushed.ts";
import type { Subvolume } from "../../src/reconcilers/snapshot/subvolumes.ts";
import type { ObjectMark } from "../../src/reconcilers/verify/record.ts";
import { sha256Of } from "../../src/transport/hash.ts";

/** What an artifact really holds; its file's hash tells it from every other. */
export interface Content {
  readonly label: Label;
  readonly parent: Label | null;
  /** What `btrfs send` names the snapshot and its parent by. */
  readonly uuid: string;
  readonly parentUuid: string | null;
  readonly recipient: AgeRecipient;
}

export interface File {
  readonly sha256: Sha256;
  readonly sizeBytes: number;
}

export interface Keys {
  readonly recipient: AgeRecipient;
  readonly signer: Signer;
}
export interface Escrow extends Keys {
  readonly sha256: Sha256;
  readonly keysSha256: Sha256;
}
export interface Signature {
  readonly by: Signer;
  /** Of the manifest that it is a signature of. */
  readonly of: Sha256;
}
export interface Stored extends File {
  readonly etag: string;
  readonly at: Date;
  readonly holds: Manifest | readonly Signature[] | Escrow | null;
}

/** Both machines, the bucket and the controller as they really are. A look at it gives the facts. */
export interface World {
  readonly desired: DesiredState;
  readonly spec: DatasetSpec;
  now: Date;
  /** Counts whatever gets a name of its own: UUIDs, keys, hashes. */
  serial: number;
  /** By the file's hash. */
  readonly contents: Map<string, Content>;
  ws: {
    tools: Set<string>;
    folders: Map<string, string>;
    recipient: AgeRecipient | null;
    source: {
      kind: "absent" | "subvolume";
      uuid: string | null;
      parentUuid: string | null;
      written: boolean;
    };
    snapshots: Map<string, Subvolume | null>;
  };
  ls: {
    tools: Set<string>;
    folders: Map<string, string>;
    identity: AgeRecipient | null;
    published: AgeRecipient | null;
    signKey: Signer | null;
    signPublished: Signer | null;
    manifest: Manifest | null;
    signature: Signature | null;
    /** The key is younger than the manifest. */
    unsigned: boolean;
    stateEnv: string | null;
    files: Map<string, File>;
    waiting: ManifestRow[];
    damaged: Map<string, string>;
    /** By the artifact's file name: what verification found in the bucket. */
    damagedObjects: Map<string, ObjectMark>;
    /** Of verifications, which come to nothing here but that they were done. */
    record: VerificationRecord;
    hydrated: Map<string, Subvolume | null>;
    fingerprints: Set<Label>;
    copy: { uuid: string; parentUuid: string | null; written: boolean } | null;
    copyNoted: { uuid: string; label: Label } | null;
    escrow: Escrow | null;
    pushed: { manifest: Pushed | null; signature: Pushed | null; escrow: Pushed | null };
    sentSignature: Signature | null;
  };
  bucket: Map<string, Stored>;
  unfinished: { key: string; uploadId: string }[];
  memory: { signer: Signer | null; newest: NewestSeen | null; escrow: Escrow | null };
}

export const WS_TOOLS = ["btrfs", "zstd", "age", "openssl"];
export const TOOLS = [...WS_TOOLS, "curl", "flock", "ssh-keygen"];

/** Two machines on which nothing of ours has been yet, but for the dataset. */
export function newWorld(all: DesiredState, spec: DatasetSpec, now: Date): World {
  const desired = { ...all, datasets: [spec], verify: { share: 0.1 } };
  return {
    desired,
    spec,
    now,
    serial: 0,
    contents: new Map(),
    ws: {
      ...emptyWorkstation(),
      source: { kind: "subvolume", uuid: "source", parentUuid: null, written: true },
    },
    ls: emptyServer(),
    bucket: new Map(),
    unfinished: [],
    memory: { signer: null, newest: null, escrow: null },
  };
}

export const emptyWorkstation = (): World["ws"] => ({
  tools: new Set(),
  folders: new Map(),
  recipient: null,
  source: { kind: "absent", uuid: null, parentUuid: null, written: false },
  snapshots: new Map(),
});

export const emptyServer = (): World["ls"] => ({
  tools: new Set(),
  folders: new Map(),
  identity: null,
  published: null,
  signKey: null,
  signPublished: null,
  manifest: null,
  signature: null,
  unsigned: false,
  stateEnv: null,
  files: new Map(),
  waiting: [],
  damaged: new Map(),
  damagedObjects: new Map(),
  record: NEVER_VERIFIED,
  hydrated: new Map(),
  fingerprints: new Set(),
  copy: null,
  copyNoted: null,
  escrow: null,
  pushed: { manifest: null, signature: null, escrow: null },
  sentSignature: null,
});

export const next = (world: World): number => ++world.serial;
export const newUuid = (world: World): string => `uuid-${next(world)}`;
export const newSha256 = (world: World): Sha256 => sha256Of(`serial ${next(world)}`);
export const newRecipient = (world: World): AgeRecipient => `age1${next(world)}` as AgeRecipient;
export const newSigner = (world: World): Signer => `ssh-ed25519 ${next(world)}` as Signer;

export const manifestSha256 = (rows: Manifest): Sha256 => sha256Of(renderManifest(rows));
export const keysSha256Of = ({ ls }: World): Sha256 | null =>
  ls.identity === null || ls.signKey === null || ls.signPublished === null
    ? null
    : sha256Of(`${ls.identity} ${ls.signKey} ${ls.signPublished}`);

/** The period that the clocks say. */
export function targetOf({ spec: { cadence, timezone }, now }: World): Label {
  // ICU takes longer than all else about a plan
  const key = `${cadence} ${timezone} ${now.getTime()}`;
  const label = TARGETS.get(key) ?? labelAt(now, cadence, timezone);
  TARGETS.set(key, label);
  return label;
}

const TARGETS = new Map<string, Label>();

export const signatureSha256 = ({ by, of }: Signature): Sha256 => sha256Of(`${by} ${of}`);

/** Everywhere that what `row` stands for can be had from, whole. */
export function copiesLeft(world: World, row: ManifestRow): string[] {
  const { spec, desired, ws, ls, bucket } = world;
  const content = world.contents.get(row.sha256);
  const name = snapshotName(spec.name, row.label);
  const ref = { dataset: spec.name, label: row.label, parent: row.parent };
  const of = (snapshot: Subvolume | null | undefined): boolean =>
    snapshot?.readOnly === true &&
    snapshot.damaged !== true &&
    (snapshot.receivedUuid ?? snapshot.uuid) === content?.uuid;
  return [
    ...(ls.files.get(artifactPath(ref))?.sha256 === row.sha256 ? ["the server's artifact"] : []),
    ...(bucket.get(objectKey(desired.cloud?.prefix ?? "", ref))?.sha256 === row.sha256 ? ["the bucket"] : []),
    ...(of(ls.hydrated.get(name)) ? ["hydrated"] : []),
    ...(of(ws.snapshots.get(name)) ? ["the workstation"] : []),
  ];
}
