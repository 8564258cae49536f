import type { DatasetSpec, DesiredState } from "../../src/desired-state/desired-state.ts";
import { artifactPath, datasetKeys, objectKey, snapshotName } from "../../src/domain/artifact.ts";
import { absent, type Fact, known } from "../../src/domain/fact.ts";
import { compareLabels, type Label, labelAt } from "../../src/domain/label.ts";
import { type Manifest, type ManifestRow, renderManifest } from "../../src/domain/manifest.ts";
import type { ManifestCopy } from "../../src/domain/manifest-copy.ts";
import { knownSigner, type NewestSeen } from "../../src/domain/memory.ts";
import type { AgeRecipient, HostName, Sha256, Signer } from "../../src/domain/names.ts";
import { NEVER_VERIFIED, type VerificationRecord } from "../../src/domain/verification.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { doubtfulKey } from "../../src/reconcilers/cloud/cloud.ts";
import type { Pushed } from "../../src/reconcilers/cloud/pushed.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import type { DatasetFacts, Observation, RecoveredFacts, SeenObject } from "../../src/reconcilers/facts.ts";
import { escrowFingerprint } from "../../src/reconcilers/keys/escrow-files.ts";
import type { SignatureState } from "../../src/reconcilers/keys/signature.ts";
import { registered } from "../../src/reconcilers/manifest/store.ts";
import type { Request, RestoreRequest } from "../../src/reconcilers/request.ts";
import type { Subvolume } from "../../src/reconcilers/snapshot/subvolumes.ts";
import type { ObjectMark } from "../../src/reconcilers/verify/record.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import { folder, HOME, SRV } from "../reconcilers/world.ts";

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

interface Keys {
  readonly recipient: AgeRecipient;
  readonly signer: Signer;
}
interface Escrow extends Keys {
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

const WS_TOOLS = ["btrfs", "zstd", "age", "openssl"];
const TOOLS = [...WS_TOOLS, "curl", "flock", "ssh-keygen"];

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

/** What is asked of a plan. */
export interface Asked {
  /** Null for a backup. */
  readonly restore: Label | "latest" | null;
}

/** The recovery identity does not open what the restore needs; the run ends with that. */
export class Refused extends Error {}

export const planOf = (world: World, asked: Asked): Plan =>
  planFrom(world.desired, look(world, asked), requestOf(world, asked));

export function requestOf(world: World, { restore }: Asked): Request {
  const request: RestoreRequest | null = restore === null ? null : { label: restore, to: null };
  return {
    labels: new Map(restore === null ? [[world.spec.name, targetOf(world)]] : []),
    labelled: false,
    restore: request,
    selection: { host: null, stages: null },
  };
}

/** What the probes tell of it. @throws Refused */
export function look(world: World, { restore }: Asked): Observation {
  const { spec, desired, now, ws, ls } = world;
  const facts = factsOf(world);
  const system = (tools: Set<string>) =>
    known({ epochSeconds: now.getTime() / 1000, distribution: ["debian"], tools });
  const recovered = restore !== null && hasLost(world) ? known(recover(world, restore)) : absent;
  return {
    takenAt: now,
    systems: new Map([
      [spec.workstation as HostName, system(ws.tools)],
      [spec.server as HostName, system(ls.tools)],
    ]),
    datasets: new Map([[spec.name, facts]]),
    buckets:
      desired.cloud === null
        ? null
        : new Map([
            [
              spec.name,
              known({
                ...copyOf(world),
                ...{ objects: objectsOf(world, facts), unfinished: known(unfinishedOf(world)) },
              }),
            ],
          ]),
    recovered: new Map([[spec.name, recovered]]),
    memory: new Map([
      [
        spec.name,
        known({
          signer: world.memory.signer,
          newest: world.memory.newest,
          escrowSha256: world.memory.escrow?.sha256 ?? null,
          folder: `/root/.local/state/devbackup/${spec.name}`,
        }),
      ],
    ]),
  };
}

function factsOf(world: World): DatasetFacts {
  const { spec, desired, ws, ls, now } = world;
  const absentOr = <Value>(value: Value | null): Fact<Value> => (value === null ? absent : known(value));
  const withAge = <Value>(value: Value | null): Value | null => (ls.tools.has("age") ? value : null);
  const repository = ls.folders.has(spec.repository);
  const { escrow } = ls;
  return {
    source: known({
      place: HOME,
      ...ws.source,
      empty: false,
      ownerExists: true,
      mountPoint: false,
      holes: [],
      swapFiles: [],
      copyBeside: false,
      originalBeside: false,
    }),
    snapshots: ws.folders.has(spec.snapshots) ? folder(HOME, [...ws.snapshots]) : absent,
    workstationLayout: known({ place: HOME, present: ws.folders }),
    recipient: absentOr(ws.recipient),
    serverLayout: known({ place: SRV, present: ls.folders }),
    key: known({
      rights: ls.identity === null ? null : "400 0",
      derived: withAge(ls.identity),
      published: ls.published,
    }),
    manifest:
      ls.manifest === null
        ? absent
        : known({
            sha256: manifestSha256(ls.manifest),
            reading: { kind: "valid", rows: ls.manifest },
            signature: signatureState(world),
            signatureSha256: ls.signature === null ? null : signatureSha256(ls.signature),
          }),
    stateEnv: absentOr(ls.stateEnv),
    store: repository
      ? known({
          files: new Map([...ls.files].map(([path, { sizeBytes }]) => [path, sizeBytes])),
          made: ls.waiting.filter((row) => ls.files.get(row.localPath)?.sizeBytes === row.sizeBytes),
          begunUploads: new Map(),
          fetched: new Map(),
          damaged: new Map(ls.damaged),
        })
      : absent,
    hydrated: repository ? folder(SRV, [...ls.hydrated]) : absent,
    workingCopy: known({
      place: SRV,
      kind: ls.copy === null ? "absent" : "subvolume",
      uuid: ls.copy?.uuid ?? null,
      parentUuid: ls.copy?.parentUuid ?? null,
      noted: ls.copyNoted,
      written: ls.copy?.written ?? false,
      formerBeside: false,
      ownerId: "1000",
    }),
    workingCopyBase: absent,
    target: absent,
    extracted: absent,
    fingerprints: known(ls.fingerprints),
    drills: known({ proofs: [], left: false }),
    pushedManifest: absentOr(ls.pushed.manifest),
    pushedSignature: absentOr(ls.pushed.signature),
    pushedEscrow: absentOr(ls.pushed.escrow),
    journal: absent,
    verified: known({ record: ls.record, damagedObjects: new Map(ls.damagedObjects) }),
    lacking: known(new Map()),
    workstationHooks: known(new Map()),
    serverHooks: known(new Map()),
    signKey: known({
      rights: ls.signKey === null ? null : "400 0",
      derived: ls.tools.has("ssh-keygen") ? ls.signKey : null,
      published: ls.signPublished,
    }),
    escrow: known({
      keysSha256: keysSha256Of(world),
      sha256: escrow?.sha256 ?? null,
      rights: escrow === null ? null : "440 0",
      madeAt: escrow === null ? null : now,
      noted:
        escrow === null
          ? null
          : {
              sha256: escrow.sha256,
              fingerprint: escrowFingerprint(escrow.keysSha256, desired.recoveryRecipients),
            },
      tested: escrow === null ? null : { at: now, sha256: escrow.sha256 },
    }),
  };
}

export const signatureSha256 = ({ by, of }: Signature): Sha256 => sha256Of(`${by} ${of}`);

function signatureState({ ls }: World): SignatureState {
  const by = ls.signKey ?? ls.signPublished;
  if (ls.signature === null) return ls.unsigned ? "unsigned" : "missing";
  if (by === null || !ls.tools.has("ssh-keygen")) return "unknown";
  return ls.signature.by === by && ls.manifest !== null && ls.signature.of === manifestSha256(ls.manifest)
    ? "good"
    : "wrong";
}

/** As the listing tells them, the doubtful ones looked at more closely. */
function objectsOf({ bucket, desired, spec }: World, { manifest }: DatasetFacts): Map<string, SeenObject> {
  const objects = new Map<string, SeenObject>(
    [...bucket].map(([key, { sizeBytes, etag, at }]) => [key, { key, sizeBytes, etag, lastModified: at }]),
  );
  const { cloud } = desired;
  if (cloud === null) return objects;
  for (const row of registered(manifest)) {
    const key = doubtfulKey(cloud, spec, row, { objects, unfinished: known([]) });
    const object = key === undefined ? undefined : objects.get(key);
    if (key !== undefined && object !== undefined)
      objects.set(key, { ...object, sha256: bucket.get(key)?.sha256 ?? "" });
  }
  return objects;
}

const unfinishedOf = ({ unfinished }: World) =>
  unfinished.map((upload) => ({ ...upload, initiated: undefined }));

/** The bucket's manifest, looked into as `observe/manifest-copy.ts` promises it. */
function copyOf({ desired, spec, bucket, ls }: World): { manifest?: ManifestCopy } {
  const keys = datasetKeys(desired.cloud?.prefix ?? "", spec.name);
  const rows = (bucket.get(keys.manifest)?.holds ?? null) as Manifest | null;
  const opens = ls.tools.has("age") && ls.identity !== null;
  const signs = ls.tools.has("ssh-keygen") && ls.signKey !== null;
  if (ls.manifest !== null || !opens || !signs || rows === null) return {};
  const sha256 = manifestSha256(rows);
  const blocks = (bucket.get(keys.signature)?.holds ?? []) as readonly Signature[];
  return {
    manifest: blocks.some(({ by, of }) => by === ls.signKey && of === sha256)
      ? { kind: "signed", rows, sha256 }
      : { kind: "refused", why: "its signature is not the server's" },
  };
}

const hasLost = ({ ls }: World): boolean =>
  ls.manifest === null || ls.identity === null || ls.signKey === null;

/** What the recovery identity brings to light, as `recovery/recover.ts` promises it. */
export function recover(world: World, wanted: Label | "latest"): RecoveredFacts & Keys {
  const { desired, spec, bucket, memory } = world;
  const keys = datasetKeys(desired.cloud?.prefix ?? "", spec.name);
  const inBucket = bucket.get(keys.escrow)?.holds as Escrow | null | undefined;
  const escrow = memory.escrow ?? inBucket ?? null;
  if (escrow === null) throw new Refused("there is no escrow");
  const signer = knownSigner(
    desired.signers,
    spec.name,
    known({ ...memory, escrowSha256: null, folder: "" }),
  );
  if (signer !== null && signer !== escrow.signer) throw new Refused("the escrow names another signer");
  const manifest = (bucket.get(keys.manifest)?.holds ?? null) as Manifest | null;
  if (manifest !== null) {
    const blocks = (bucket.get(keys.signature)?.holds ?? []) as readonly Signature[];
    const sha256 = manifestSha256(manifest);
    if (!blocks.some(({ by, of }) => by === escrow.signer && of === sha256))
      throw new Refused("the bucket's manifest is not authentic");
    const newest = manifest.at(-1)?.label;
    const older =
      memory.newest !== null && (newest === undefined || compareLabels(newest, memory.newest.label) < 0);
    if (older && wanted === "latest") throw new Refused("the bucket's manifest is an older one");
  }
  return {
    escrowFrom: memory.escrow === null ? "the bucket" : "this machine",
    recipient: escrow.recipient,
    signer: escrow.signer,
    fingerprint: `SHA256:${escrow.signer}`,
    manifest,
  };
}

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

export { TOOLS, WS_TOOLS };
