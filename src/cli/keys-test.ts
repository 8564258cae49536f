import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { datasetKeys } from "../domain/artifact.ts";
import type { Fact } from "../domain/fact.ts";
import type { ManifestRow } from "../domain/manifest.ts";
import { joinPath, type Sha256 } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { cloudKey } from "../reconcilers/artifact/copies.ts";
import { damagedMark, prove } from "../reconcilers/artifact/prove-script.ts";
import type { DatasetFacts, Observation } from "../reconcilers/facts.ts";
import { whyMake } from "../reconcilers/keys/escrow.ts";
import { escrowFile } from "../reconcilers/keys/escrow-files.ts";
import {
  type ArtifactPlace,
  noteTested,
  readBytes,
  readSigned,
  whyUnopened,
} from "../reconcilers/keys/escrow-proof.ts";
import { holds, registered } from "../reconcilers/manifest/store.ts";
import type { AgeIdentity } from "../recovery/age-file.ts";
import { MOST_ESCROW_BYTES, type OpenedEscrow, openEscrow } from "../recovery/escrow.ts";
import { verifySignature } from "../recovery/signature.ts";
import { type Check, checksText } from "../report/checks-text.ts";
import { fingerprintOf, sha256Of } from "../transport/hash.ts";
import type { Host } from "../transport/host.ts";
import { type IdentityFlags, identitiesOf } from "./identity.ts";
import { load } from "./load.ts";
import { readRequest, serversAlone } from "./request.ts";
import { openSession, type Session } from "./session.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

interface KeysTestFlags extends CommonFlags, IdentityFlags {
  readonly dataset?: string;
}

/** What one dataset is tested with. */
interface Trial {
  readonly spec: DatasetSpec;
  readonly desired: DesiredState;
  readonly facts: DatasetFacts;
  readonly observed: Observation;
  readonly identities: readonly AgeIdentity[];
  readonly session: Session;
}

/**
 * `devbackup keys test --identity FILE`: opens every copy of the escrow, and with what is in it the newest artifact.
 * Notes the proof on the server. Exit code 6 where anything does not open.
 */
export async function keysTestCommand(flags: KeysTestFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { desired, request } = readRequest(
    loaded.desired,
    flags.dataset === undefined ? {} : { dataset: flags.dataset },
    new Date(),
  );
  const identities = await identitiesOf(flags, terminal);
  const session = openSession(desired, serversAlone(desired, request), [], terminal.warn);
  try {
    const observed = await session.look();
    const results = [];
    for (const spec of desired.datasets) {
      const facts = observed.datasets.get(spec.name);
      if (facts === undefined) throw new RangeError(`${spec.name} was not observed`);
      const checks = await tryAll({ spec, desired, facts, observed, identities, session });
      results.push({ dataset: spec.name, passed: checks.every(({ ok }) => ok), checks });
    }
    if (terminal.json) await terminal.document({ formatVersion: 1, datasets: results });
    for (const { dataset, passed, checks } of results)
      (passed ? terminal.say : terminal.answer)(checksText(dataset, checks, terminal));
    return results.every(({ passed }) => passed) ? 0 : 6;
  } finally {
    await session.close();
  }
}

async function tryAll(trial: Trial): Promise<Check[]> {
  const { spec, desired, facts, session } = trial;
  const fact = facts.escrow;
  const there =
    fact.kind === "known" && whyMake(fact.value, desired.recoveryRecipients) === null
      ? fact.value.sha256
      : null;
  const copies = await openCopies(trial, there);
  const opened = copies.find(({ today, escrow }) => today && escrow !== null)?.escrow ?? null;
  const checks = copies.map(({ check }) => check);
  if (opened === null) return checks;
  checks.push(sameKeys(trial, opened), await opensArtifact(trial, opened), await signedBy(trial, opened));
  if (there === null || !checks.every(({ ok }) => ok)) return checks;
  await noteTested(await session.host(spec.server), spec, there, new Date());
  return checks;
}

interface OpenedCopy {
  readonly check: Check;
  readonly escrow: OpenedEscrow | null;
  /** It is the one that would be made now. */
  readonly today: boolean;
}

async function openCopies(trial: Trial, there: Sha256 | null): Promise<OpenedCopy[]> {
  const { spec, desired, facts, session } = trial;
  const { cloud } = desired;
  const onServer = facts.escrow.kind === "known" && facts.escrow.value.sha256 !== null;
  const copies: [string, () => Promise<Uint8Array | null | undefined>][] = [
    [
      spec.server,
      async () => (onServer ? readBytes(await session.host(spec.server), escrowFile(spec)) : null),
    ],
    ["this machine", () => session.escrowHere(spec.name)],
  ];
  if (cloud !== null)
    copies.push([
      "the bucket",
      async () =>
        (await session.bucket()).get(datasetKeys(cloud.prefix, spec.name).escrow, MOST_ESCROW_BYTES),
    ]);
  return Promise.all(copies.map(([where, read]) => openCopy(trial, where, read, there)));
}

async function openCopy(
  { spec, identities }: Trial,
  where: string,
  read: () => Promise<Uint8Array | null | undefined>,
  there: Sha256 | null,
): Promise<OpenedCopy> {
  const what = `the escrow ${where === "the bucket" ? "in" : "on"} ${where}`;
  try {
    const bytes = (await read()) ?? null;
    if (bytes === null)
      return {
        check: { what, ok: false, said: "there is none: devbackup keys escrow" },
        escrow: null,
        today: false,
      };
    const escrow = await openEscrow(identities, bytes, spec.name);
    const today = sha256Of(bytes) === there;
    const said = today
      ? `opens; made ${escrow.madeAt}`
      : `opens, but is not today's; made ${escrow.madeAt}: devbackup keys escrow`;
    return { check: { what, ok: today, said }, escrow, today };
  } catch (error) {
    if (!(error instanceof DevbackupError)) throw error;
    const { what: wrong, why } = error.trouble;
    const said = why === undefined ? wrong : `${wrong}: ${why}`;
    return { check: { what, ok: false, said }, escrow: null, today: false };
  }
}

function sameKeys({ spec, facts }: Trial, { recipient, signer }: OpenedEscrow): Check {
  const [key, sign] = [facts.key, facts.signKey];
  const what = `the keys in it`;
  const other = [
    ...(key.kind === "known" && key.value.derived === recipient ? [] : ["the age identity"]),
    ...(sign.kind === "known" && sign.value.derived === signer ? [] : ["the sign key"]),
  ];
  return other.length === 0
    ? { what, ok: true, said: `those of ${spec.server}` }
    : { what, ok: false, said: `not those of ${spec.server}: ${other.join(" and ")}` };
}

async function opensArtifact(trial: Trial, { backupIdentity }: OpenedEscrow): Promise<Check> {
  const { spec, desired, facts, observed, session } = trial;
  const row = registered(facts.manifest).at(-1);
  if (row === undefined) return noneYet("the newest artifact", facts.manifest);
  const what = `the newest artifact, ${row.label}`;
  const key = desired.cloud === null ? null : cloudKey(desired.cloud, spec, row);
  const bucket = observed.buckets?.get(spec.name);
  const inBucket = key !== null && bucket?.kind === "known" && bucket.value.objects.has(key);
  const place = holds(facts.store, row)
    ? { kind: "server" as const, file: joinPath(spec.repository, row.localPath) }
    : inBucket
      ? { kind: "bucket" as const, url: await (await session.bucket()).presignGet(key, 600) }
      : null;
  if (place === null) return { what, ok: false, said: "neither on the server nor in the bucket" };
  const host = await session.host(spec.server);
  const why = await whyUnopened(host, place, backupIdentity);
  const from = place.kind === "server" ? `on ${spec.server}` : "in the bucket";
  return why === null
    ? { what, ok: true, said: `opens with the identity in the escrow (${from})` }
    : {
        what,
        ok: false,
        said: `does not open with the identity in the escrow (${from}): ${why}${await whetherDamaged(host, place, spec, row)}`,
      };
}

/** What does not open may be damaged: then the next apply has to know. */
async function whetherDamaged(
  host: Host,
  place: ArtifactPlace,
  spec: DatasetSpec,
  row: ManifestRow,
): Promise<string> {
  if (place.kind === "bucket") return "";
  const proving = { path: place.file, sha256: row.sha256, damagedMark: damagedMark(spec, row) };
  try {
    await prove(host, proving, new AbortController().signal);
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

async function signedBy({ spec, facts, session }: Trial, { signer }: OpenedEscrow): Promise<Check> {
  const what = "the manifest";
  if (facts.manifest.kind !== "known") return noneYet(what, facts.manifest);
  if (facts.manifest.value.signature === "missing")
    return { what, ok: false, said: "not signed: devbackup plan" };
  const signed = await readSigned(await session.host(spec.server), spec);
  const verdict = await verifySignature({ ...signed, signer });
  return verdict === "good"
    ? { what, ok: true, said: `signed by the signer in the escrow, ${fingerprintOf(signer)}` }
    : { what, ok: false, said: `not signed by the signer in the escrow, ${fingerprintOf(signer)}` };
}
