import { datasetKeys } from "../../src/domain/artifact.ts";
import { absent, type Fact, known } from "../../src/domain/fact.ts";
import { compareLabels, type Label } from "../../src/domain/label.ts";
import type { Manifest } from "../../src/domain/manifest.ts";
import type { ManifestCopy } from "../../src/domain/manifest-copy.ts";
import { knownSigner } from "../../src/domain/memory.ts";
import type { HostName } from "../../src/domain/names.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { doubtfulKey } from "../../src/reconcilers/cloud/cloud.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import type { DatasetFacts, Observation, RecoveredFacts, SeenObject } from "../../src/reconcilers/facts.ts";
import { escrowFingerprint } from "../../src/reconcilers/keys/escrow-files.ts";
import type { SignatureState } from "../../src/reconcilers/keys/signature.ts";
import { registered } from "../../src/reconcilers/manifest/store.ts";
import type { Request, RestoreRequest } from "../../src/reconcilers/request.ts";
import { folder, HOME, SRV } from "../reconcilers/world.ts";

import {
  type Escrow,
  type Keys,
  keysSha256Of,
  manifestSha256,
  type Signature,
  signatureSha256,
  targetOf,
  type World,
} from "./world.ts";

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
                objects: objectsOf(world, facts),
                unfinished: known(unfinishedOf(world)),
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
