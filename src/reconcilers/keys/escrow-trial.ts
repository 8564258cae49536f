import type { DatasetSpec, DesiredState } from "../../desired-state/desired-state.ts";
import type { Check } from "../../domain/check.ts";
import type { Fact } from "../../domain/fact.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import { type AgeRecipient, joinPath, type Sha256, type Signer } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import type { Bucket } from "../../transport/bucket/bucket.ts";
import { fingerprintOf, sha256Of } from "../../transport/hash.ts";
import type { Host } from "../../transport/host.ts";
import { cloudKey } from "../artifact/copies.ts";
import { damagedMark, prove } from "../artifact/prove-script.ts";
import type { BucketFacts, DatasetFacts } from "../facts.ts";
import { holds, registered } from "../manifest/store.ts";
import { escrowToKeep } from "./escrow.ts";
import { escrowFile } from "./escrow-files.ts";
import {
  type ArtifactPlace,
  noteTested,
  readBytes,
  readSigned,
  type Signed,
  whyUnopened,
} from "./escrow-proof.ts";

/** What one dataset's escrow is tried with. */
export interface EscrowTrial {
  readonly spec: DatasetSpec;
  readonly desired: DesiredState;
  readonly facts: DatasetFacts;
  /** Undefined where no cloud is declared. */
  readonly inBucket: Fact<BucketFacts> | undefined;
  readonly server: Host;
  readonly bucket: () => Promise<Pick<Bucket, "presignGet">>;
  /** The copies besides the server's, each by where it is: undefined or null where there is none. */
  readonly copies: readonly (readonly [where: string, read: () => Promise<Uint8Array | null | undefined>])[];
  /** With the recovery identities. @throws DevbackupError where none of them does */
  readonly open: (escrow: Uint8Array) => Promise<Opened>;
  readonly isSigned: (signed: Signed, signer: Signer) => Promise<boolean>;
  readonly now: Date;
}

/** Of what an escrow holds, what is tried. */
interface Opened {
  readonly madeAt: string;
  readonly recipient: AgeRecipient;
  readonly signer: Signer;
  /** A secret. */
  readonly backupIdentity: string;
}

/**
 * Opens every copy of the escrow, and with what is in it the newest artifact; where all of it holds, that is noted on the
 * server.
 */
export async function tryEscrow(trial: EscrowTrial): Promise<Check[]> {
  const { spec, facts, server } = trial;
  const there = escrowToKeep(trial) ?? null;
  const onServer = facts.escrow.kind === "known" && facts.escrow.value.sha256 !== null;
  const copies = await Promise.all([
    openCopy(
      trial,
      `on ${spec.server}`,
      async () => (onServer ? readBytes(server, escrowFile(spec)) : null),
      there,
    ),
    ...trial.copies.map(([where, read]) => openCopy(trial, where, read, there)),
  ]);
  const opened = copies.find(({ today, escrow }) => today && escrow !== null)?.escrow ?? null;
  const checks = copies.map(({ check }) => check);
  if (opened === null) return checks;
  checks.push(sameKeys(trial, opened), await opensArtifact(trial, opened), await signedBy(trial, opened));
  if (there !== null && checks.every(({ ok }) => ok)) await noteTested(server, spec, there, trial.now);
  return checks;
}

interface OpenedCopy {
  readonly check: Check;
  readonly escrow: Opened | null;
  /** It is the one that would be made now. */
  readonly today: boolean;
}

async function openCopy(
  { open }: EscrowTrial,
  where: string,
  read: EscrowTrial["copies"][number][1],
  there: Sha256 | null,
): Promise<OpenedCopy> {
  const what = `the escrow ${where}`;
  const not = (said: string): OpenedCopy => ({
    check: { what, ok: false, said },
    escrow: null,
    today: false,
  });
  try {
    const bytes = (await read()) ?? null;
    if (bytes === null) return not("there is none: devbackup keys escrow");
    const escrow = await open(bytes);
    const today = sha256Of(bytes) === there;
    const said = today
      ? `opens; made ${escrow.madeAt}`
      : `opens, but is not today's; made ${escrow.madeAt}: devbackup keys escrow`;
    return { check: { what, ok: today, said }, escrow, today };
  } catch (error) {
    if (!(error instanceof DevbackupError)) throw error;
    const { what: wrong, why } = error.trouble;
    return not(why === undefined ? wrong : `${wrong}: ${why}`);
  }
}

function sameKeys({ spec, facts: { key, signKey } }: EscrowTrial, { recipient, signer }: Opened): Check {
  const other = [
    ...(key.kind === "known" && key.value.derived === recipient ? [] : ["the age identity"]),
    ...(signKey.kind === "known" && signKey.value.derived === signer ? [] : ["the sign key"]),
  ];
  const what = "the keys in it";
  return other.length === 0
    ? { what, ok: true, said: `those of ${spec.server}` }
    : { what, ok: false, said: `not those of ${spec.server}: ${other.join(" and ")}` };
}

async function opensArtifact(trial: EscrowTrial, { backupIdentity }: Opened): Promise<Check> {
  const { spec, facts, server } = trial;
  const row = registered(facts.manifest).at(-1);
  if (row === undefined) return noneYet("the newest artifact", facts.manifest);
  const what = `the newest artifact, ${row.label}`;
  const place = await placeOf(trial, row);
  if (place === null) return { what, ok: false, said: "neither on the server nor in the bucket" };
  const why = await whyUnopened(server, place, backupIdentity);
  const from = place.kind === "server" ? `on ${spec.server}` : "in the bucket";
  if (why === null) return { what, ok: true, said: `opens with the identity in the escrow (${from})` };
  const damaged = await whetherDamaged(trial, place, row);
  return {
    what,
    ok: false,
    said: `does not open with the identity in the escrow (${from}): ${why}${damaged}`,
  };
}

async function placeOf(
  { spec, desired, facts, inBucket, bucket }: EscrowTrial,
  row: ManifestRow,
): Promise<ArtifactPlace | null> {
  if (holds(facts.store, row)) return { kind: "server", file: joinPath(spec.repository, row.localPath) };
  const key = desired.cloud === null ? null : cloudKey(desired.cloud, spec, row);
  return key !== null && inBucket?.kind === "known" && inBucket.value.objects.has(key)
    ? { kind: "bucket", url: await (await bucket()).presignGet(key, 600) }
    : null;
}

/** What does not open may be damaged: then the next apply has to know. */
async function whetherDamaged(
  { server, spec }: EscrowTrial,
  place: ArtifactPlace,
  row: ManifestRow,
): Promise<string> {
  if (place.kind === "bucket") return "";
  const proving = { path: place.file, sha256: row.sha256, damagedMark: damagedMark(spec, row) };
  try {
    await prove(server, proving, new AbortController().signal);
    return "";
  } catch (error) {
    if (!(error instanceof DevbackupError) || error.trouble.code !== "artifact-damaged") throw error;
    return `; it is damaged (${error.trouble.why}): devbackup apply fetches it where the bucket has it`;
  }
}

/** What could not be looked at is not what is not there. */
const noneYet = (what: string, manifest: Fact<unknown>): Check =>
  manifest.kind === "unknown"
    ? { what, ok: false, said: `the manifest could not be looked at: ${manifest.why}` }
    : { what, ok: true, said: "there is none yet" };

async function signedBy({ spec, facts, server, isSigned }: EscrowTrial, { signer }: Opened): Promise<Check> {
  const what = "the manifest";
  if (facts.manifest.kind !== "known") return noneYet(what, facts.manifest);
  if (facts.manifest.value.signature === "missing")
    return { what, ok: false, said: "not signed: devbackup plan" };
  const ok = await isSigned(await readSigned(server, spec), signer);
  return {
    what,
    ok,
    said: `${ok ? "" : "not "}signed by the signer in the escrow, ${fingerprintOf(signer)}`,
  };
}
