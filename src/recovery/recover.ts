import type { CloudSpec, DatasetSpec } from "../desired-state/desired-state.ts";
import { datasetKeys } from "../domain/artifact.ts";
import { compareLabels, type Label } from "../domain/label.ts";
import { type Manifest, parseManifest } from "../domain/manifest.ts";
import type { NewestSeen } from "../domain/memory.ts";
import { parseSigner, type Signer } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import { fingerprintOf } from "../transport/hash.ts";
import type { AgeIdentity } from "./age-file.ts";
import { MOST_ESCROW_BYTES, type OpenedEscrow, openEscrow } from "./escrow.ts";
import { MOST_MANIFEST_BYTES, openManifest } from "./manifest.ts";
import { MOST_SIGNATURE_BYTES, verifySignature } from "./signature.ts";

export interface RecoverInput {
  readonly spec: DatasetSpec;
  /** Null where no cloud is declared. */
  readonly cloud: { readonly spec: CloudSpec; readonly bucket: Pick<Bucket, "get"> } | null;
  readonly identities: readonly AgeIdentity[];
  /** The controller's own copy; null where there is none. */
  readonly escrowHere: Uint8Array | null;
  /** Where that copy lies, or would. */
  readonly escrowPlace: string;
  /** Declared, or seen by this controller before; null where nobody knows it. */
  readonly knownSigner: Signer | null;
  /** The newest row that this controller has seen; null before the first. */
  readonly newestSeen: NewestSeen | null;
  /** An older manifest will do where the label that is wanted was asked for by name. Null: the keys alone. */
  readonly wanted: Label | "latest" | null;
}

/** A dataset's keys and manifest as they come back without its server. */
export interface Recovered {
  readonly escrow: OpenedEscrow;
  /** `the bucket` or `this machine`. */
  readonly escrowFrom: string;
  readonly signer: Signer;
  readonly fingerprint: string;
  /** The bucket's, opened, its signature good; null where it has none, or the keys alone were wanted. */
  readonly manifest: Manifest | null;
}

/**
 * Opens the escrow and the bucket's manifest with a recovery identity. A writer in the bucket can keep this from
 * succeeding, but not feed it anything: what comes back is signed by a signer that is known, or that the user is
 * asked about.
 * @throws DevbackupError exit code 6 for whatever is damaged, missing or not authentic
 */
export async function recover(input: RecoverInput): Promise<Recovered> {
  const { knownSigner } = input;
  const { escrow, from } = await findEscrow(input);
  const signer = parseSigner(escrow.signer);
  if (signer === undefined) throw new RangeError("an opened escrow has a signer");
  if (knownSigner !== null && signer !== knownSigner) throw otherSigner(input, from, signer, knownSigner);
  // one that is damaged or forged must not keep it from being made again
  const manifest = input.wanted === null ? null : await bucketManifest(input, escrow, signer);
  return { escrow, escrowFrom: from, signer, fingerprint: fingerprintOf(signer), manifest };
}

/** This machine's copy goes first: nobody else could write it. */
async function findEscrow(input: RecoverInput): Promise<{ escrow: OpenedEscrow; from: string }> {
  const { spec, cloud, escrowHere } = input;
  let refused: unknown;
  if (escrowHere !== null)
    try {
      return await openFrom("this machine", escrowHere, input);
    } catch (error) {
      refused = error;
    }
  const key = cloud === null ? null : datasetKeys(cloud.spec.prefix, spec.name).escrow;
  const bytes = key === null ? undefined : await cloud?.bucket.get(key, MOST_ESCROW_BYTES);
  if (bytes !== undefined) return openFrom("the bucket", bytes, input);
  if (refused !== undefined) throw refused;
  throw new DevbackupError({
    code: "no-escrow",
    exitCode: 6,
    what: `there is no escrow of ${spec.name}, on this machine or in the bucket`,
    state: UNCHANGED,
    next: anotherCopy(input),
  });
}

/** @throws DevbackupError that says which copy it is about, and where to put a better one */
async function openFrom(from: string, bytes: Uint8Array, input: RecoverInput) {
  try {
    return { escrow: await openEscrow(input.identities, bytes, input.spec.name), from };
  } catch (error) {
    if (!(error instanceof DevbackupError)) throw error;
    const { trouble } = error;
    throw new DevbackupError({
      ...trouble,
      why: [`the copy ${from === "the bucket" ? "in" : "on"} ${from}`, trouble.why]
        .filter(Boolean)
        .join(": "),
      state: UNCHANGED,
      next:
        trouble.code === "escrow-not-ours"
          ? `Name the identity whose recipient stands in encryption.recovery_recipients; or: ${anotherCopy(input)}`
          : anotherCopy(input),
    });
  }
}

async function bucketManifest(
  { spec, cloud, identities, newestSeen, wanted }: RecoverInput,
  escrow: OpenedEscrow,
  signer: Signer,
): Promise<Manifest | null> {
  if (cloud === null) return null;
  const keys = datasetKeys(cloud.spec.prefix, spec.name);
  const [bytes, signature] = await Promise.all([
    cloud.bucket.get(keys.manifest, MOST_MANIFEST_BYTES),
    cloud.bucket.get(keys.signature, MOST_SIGNATURE_BYTES),
  ]);
  if (bytes === undefined) return null;
  const text = await openManifest([...identities, escrow.backupIdentity], bytes);
  const verdict = await verifySignature({
    manifest: text,
    signature: Buffer.from(signature ?? []).toString("latin1"),
    signer,
  });
  if (verdict !== "good") throw notAuthentic(spec, verdict, signer);
  const reading = parseManifest(Buffer.from(text).toString("utf8"), spec.name);
  if (reading.kind === "damaged") throw unreadable(spec, reading);
  const newest = reading.rows.at(-1)?.label;
  const older = newestSeen !== null && (newest === undefined || compareLabels(newest, newestSeen.label) < 0);
  if (older && wanted === "latest") throw rolledBack(spec, newest, newestSeen);
  return reading.rows;
}

const UNCHANGED = "Nothing was changed, and nothing was received; it is safe to run again";

const anotherCopy = ({ escrowPlace }: RecoverInput): string =>
  `put another copy of the escrow at ${escrowPlace} (one of devbackup keys escrow --out, or of a server's REPOSITORY/keys/escrow.age): it is tried first`;

const otherSigner = (input: RecoverInput, from: string, signer: Signer, known: Signer): DevbackupError =>
  new DevbackupError({
    code: "signer-changed",
    exitCode: 6,
    what: `the escrow of ${input.spec.name} from ${from} names another signer than the one that is known here`,
    why: `${fingerprintOf(signer)}, expected ${fingerprintOf(known)}: it may be forged`,
    state: UNCHANGED,
    next: `${anotherCopy(input)}; only if you changed the signer yourself, declare it: encryption.signers.${input.spec.name}`,
  });

const notAuthentic = (spec: DatasetSpec, verdict: "wrong" | "missing", signer: Signer): DevbackupError =>
  new DevbackupError({
    code: "manifest-not-authentic",
    exitCode: 6,
    what: `the manifest of ${spec.name} in the bucket is not one that its server signed`,
    why:
      verdict === "missing"
        ? "its signature is missing"
        : `its signature is not one by ${fingerprintOf(signer)} of what stands there`,
    state: UNCHANGED,
    next: goodManifest(spec),
  });

const unreadable = (
  spec: DatasetSpec,
  { line, why }: { readonly line: number; readonly why: string },
): DevbackupError =>
  new DevbackupError({
    code: "manifest-damaged",
    exitCode: 6,
    what: `the manifest of ${spec.name} in the bucket cannot be read, though its server signed it`,
    why: `line ${line}: ${why}`,
    state: UNCHANGED,
    next: goodManifest(spec),
  });

const goodManifest = (spec: DatasetSpec): string =>
  `put a good manifest and its signature back into the bucket; or make it again from the artifacts: devbackup manifest rebuild --dataset ${spec.name} --identity FILE`;

const rolledBack = (spec: DatasetSpec, newest: Label | undefined, seen: NewestSeen): DevbackupError =>
  new DevbackupError({
    code: "manifest-rolled-back",
    exitCode: 6,
    what: `the manifest of ${spec.name} in the bucket is older than one that this machine has seen`,
    why: `it ends at ${newest ?? "nothing"}; ${seen.label} was registered at ${seen.ts}`,
    state: UNCHANGED,
    next:
      newest === undefined
        ? "put the newer manifest and its signature back into the bucket"
        : `put the newer one and its signature back into the bucket; or take what the older one has, by name: devbackup plan --restore ${newest} --identity FILE`,
  });
