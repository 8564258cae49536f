import type { CloudSpec, DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import type { Fact } from "../domain/fact.ts";
import type { Manifest } from "../domain/manifest.ts";
import type { ManifestCopy } from "../domain/manifest-copy.ts";
import type { Memory } from "../domain/memory.ts";
import type { AgeRecipient, DatasetName, HostName, Signer } from "../domain/names.ts";
import type { BucketObject, UnfinishedUpload } from "../transport/bucket/object.ts";
import { pushedManifestProbe, pushedSignatureProbe } from "./cloud/pushed-manifest.ts";
import { serverHooksProbe, workstationHooksProbe } from "./hooks/programs.ts";
import { escrowProbe, pushedEscrowProbe } from "./keys/escrow-files.ts";
import { keyProbe, recipientProbe } from "./keys/key-files.ts";
import { signKeyProbe } from "./keys/signature.ts";
import { hydratedFolder, serverLayoutProbe, workstationLayoutProbe } from "./machine/folders.ts";
import { journalProbe } from "./machine/journal.ts";
import type { LookedAtRestriction } from "./machine/restriction.ts";
import type { SystemFacts } from "./machine/system.ts";
import { manifestProbe, stateEnvProbe, storeProbe } from "./manifest/store.ts";
import type { Probe } from "./probe.ts";
import { drillsProbe } from "./proof/drills.ts";
import { fingerprintsProbe } from "./proof/fingerprint-files.ts";
import { extractedProbe, targetProbe } from "./receive/extract-target.ts";
import { lackingProbe } from "./receive/lacking.ts";
import { marksOnServer, marksOnWorkstation } from "./receive/receive-script.ts";
import { baseFolder, workingCopyProbe } from "./receive/working-copy-facts.ts";
import type { RestoreTarget } from "./request.ts";
import type { LookedAtSchedule } from "./schedule/wanted.ts";
import type { ScriptsFacts } from "./scripts/scripts-facts.ts";
import { sourceProbe } from "./snapshot/source.ts";
import { subvolumeFolderProbe } from "./snapshot/subvolumes.ts";
import { verifiedProbe } from "./verify/record.ts";

/** Everything that is asked about one dataset, on whichever host. */
export const datasetProbes = (spec: DatasetSpec, target: RestoreTarget | null) =>
  ({
    source: sourceProbe(spec),
    snapshots: subvolumeFolderProbe(spec.workstation, spec.snapshots, spec.name, marksOnWorkstation(spec)),
    workstationLayout: workstationLayoutProbe(spec),
    recipient: recipientProbe(spec),
    serverLayout: serverLayoutProbe(spec),
    key: keyProbe(spec),
    manifest: manifestProbe(spec),
    stateEnv: stateEnvProbe(spec),
    store: storeProbe(spec),
    hydrated: subvolumeFolderProbe(
      spec.server,
      hydratedFolder(spec.repository),
      spec.name,
      marksOnServer(spec),
    ),
    workingCopy: workingCopyProbe(spec),
    workingCopyBase: subvolumeFolderProbe(
      spec.server,
      baseFolder(spec.workingCopy ?? spec.repository),
      spec.name,
      null,
    ),
    target: targetProbe(spec, target),
    extracted: extractedProbe(spec),
    lacking: lackingProbe(spec, target),
    pushedManifest: pushedManifestProbe(spec),
    pushedSignature: pushedSignatureProbe(spec),
    signKey: signKeyProbe(spec),
    workstationHooks: workstationHooksProbe(spec),
    serverHooks: serverHooksProbe(spec),
    escrow: escrowProbe(spec),
    pushedEscrow: pushedEscrowProbe(spec),
    verified: verifiedProbe(spec),
    fingerprints: fingerprintsProbe(spec),
    drills: drillsProbe(spec),
    journal: journalProbe(spec),
  }) satisfies Record<string, Probe<unknown>>;

/** What nothing is decided on, and only who shows it asks for. */
export const SHOWN_ALONE: ReadonlySet<string> = new Set(["journal"] satisfies (keyof Probes)[]);

type Probes = ReturnType<typeof datasetProbes>;
type Answered<P> = P extends Probe<infer Value> ? Fact<Value> : never;

/** The answers, each known, absent or unknown. */
export type DatasetFacts = { readonly [Name in keyof Probes]: Answered<Probes[Name]> };

/** An object of the listing, looked at more closely where it is older than the artifact that has its name. */
export interface SeenObject extends BucketObject {
  /** Its SHA-256 note, "" for none; undefined where there was no reason to ask for it. */
  readonly sha256?: string;
}

/** What the bucket holds below one dataset's prefix. */
export interface BucketFacts {
  readonly objects: ReadonlyMap<string, SeenObject>;
  readonly unfinished: Fact<readonly UnfinishedUpload[]>;
  /** For how many days the bucket locks what comes new; left out where that is not declared. */
  readonly lockDays?: Fact<number>;
  /** Left out where the server has a manifest that it can read, or lacks the keys: then nobody looked into it. */
  readonly manifest?: ManifestCopy;
}

/** What was opened with a recovery identity where the server has lost its keys or its manifest. No secrets. */
export interface RecoveredFacts {
  /** Where the escrow was found: `the bucket`, `this machine`. */
  readonly escrowFrom: string;
  readonly recipient: AgeRecipient;
  readonly signer: Signer;
  /** Of the signer, `SHA256:…`. */
  readonly fingerprint: string;
  /** The bucket's, its signature good; null where there is none. */
  readonly manifest: Manifest | null;
}

/** Where the off-site copies go, and what is there; null where no cloud is declared, or it was not looked at. */
export const cloudOf = (
  { cloud }: DesiredState,
  { name }: DatasetSpec,
  { buckets }: Pick<Observation, "buckets">,
): { readonly spec: CloudSpec; readonly bucket: Fact<BucketFacts> } | null => {
  const bucket = buckets?.get(name);
  return cloud === null || bucket === undefined ? null : { spec: cloud, bucket };
};

/** Everything that was found out at one time, on every host and in the bucket. */
export interface Observation {
  readonly takenAt: Date;
  readonly systems: ReadonlyMap<HostName, Fact<SystemFacts>>;
  readonly datasets: ReadonlyMap<DatasetName, DatasetFacts>;
  /** Null where no cloud is declared. */
  readonly buckets: ReadonlyMap<DatasetName, Fact<BucketFacts>> | null;
  /** Absent for a dataset of which nothing had to be recovered, or could be. */
  readonly recovered: ReadonlyMap<DatasetName, Fact<RecoveredFacts>>;
  /** Of servers; what is not in it was not looked at. */
  readonly restrictions?: ReadonlyMap<HostName, LookedAtRestriction>;
  /** Left out where it was not looked at: a restore asks for none, nor does who asks for one dataset. */
  readonly schedule?: LookedAtSchedule;
  /** Of every host that was looked at; left out where a schedule is. */
  readonly scripts?: ReadonlyMap<HostName, Fact<ScriptsFacts>>;
  /** What the controller has seen before; unknown where it cannot be read. */
  readonly memory: ReadonlyMap<DatasetName, Fact<Memory>>;
}
