import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { datasetKeys } from "../domain/artifact.ts";
import { knownSigner } from "../domain/memory.ts";
import type { DatasetFacts, Observation } from "../reconcilers/facts.ts";
import { whyMake } from "../reconcilers/keys/escrow.ts";
import { escrowFile } from "../reconcilers/keys/escrow-files.ts";
import { signerThere } from "../reconcilers/keys/signature.ts";
import { type KeysShown, keysText } from "../report/keys-text.ts";
import { fingerprintOf } from "../transport/hash.ts";
import { load } from "./load.ts";
import { readRequest, serversAlone } from "./request.ts";
import { openSession } from "./session.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

interface KeysShowFlags extends CommonFlags {
  readonly dataset?: string;
}

/** `devbackup keys show`: the public halves of the server's keys, and the state of their escrow. */
export async function keysShowCommand(flags: KeysShowFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { desired, request } = readRequest(loaded.desired, flags, new Date());
  const session = openSession(desired, serversAlone(desired, request), [], terminal.warn);
  try {
    const observed = await session.look();
    const datasets = desired.datasets.map((spec) => shown(desired, spec, observed));
    if (terminal.json) await terminal.document({ formatVersion: 1, datasets });
    else terminal.answer(keysText(datasets, terminal));
    return 0;
  } finally {
    await session.close();
  }
}

function shown(desired: DesiredState, spec: DatasetSpec, observed: Observation): KeysShown {
  const facts = observed.datasets.get(spec.name);
  if (facts === undefined) throw new RangeError(`${spec.name} was not observed`);
  const memory = observed.memory.get(spec.name);
  const signer = facts.signKey.kind === "known" ? signerThere(facts.signKey.value) : null;
  const known = knownSigner(desired.signers, spec.name, memory);
  return {
    dataset: spec.name,
    server: spec.server,
    recipient: facts.key.kind === "known" ? facts.key.value.derived : null,
    signer,
    fingerprint: signer === null ? null : fingerprintOf(signer),
    known:
      known === null
        ? "not-yet"
        : known !== signer
          ? "another"
          : desired.signers.has(spec.name)
            ? "declared"
            : "remembered",
    recoveryRecipients: desired.recoveryRecipients,
    escrow: escrowShown(desired, spec, facts, observed),
  };
}

function escrowShown(
  desired: DesiredState,
  spec: DatasetSpec,
  { escrow }: DatasetFacts,
  observed: Observation,
): KeysShown["escrow"] {
  if (escrow.kind !== "known") return { copies: [], testedAt: null };
  const { sha256, madeAt, tested } = escrow.value;
  const today = whyMake(escrow.value, desired.recoveryRecipients) === null ? sha256 : null;
  const memory = observed.memory.get(spec.name);
  const here = memory?.kind === "known" ? memory.value : null;
  const bucket = observed.buckets?.get(spec.name);
  const key = desired.cloud === null ? null : datasetKeys(desired.cloud.prefix, spec.name).escrow;
  const object = key !== null && bucket?.kind === "known" ? bucket.value.objects.get(key) : undefined;
  const pushed = observed.datasets.get(spec.name)?.pushedEscrow;
  const sent = pushed?.kind === "known" && pushed.value.etag === object?.etag ? pushed.value.sha256 : null;
  const state = (there: boolean, is: string | null): "today's" | "another" | "none" =>
    !there ? "none" : today !== null && is === today ? "today's" : "another";
  return {
    copies: [
      {
        where: spec.server,
        at: escrowFile(spec),
        state: state(sha256 !== null, sha256),
        since: madeAt?.toISOString() ?? null,
      },
      {
        where: "this machine",
        at: here === null ? "" : `${here.folder}/escrow.age`,
        state: state(here?.escrowSha256 != null, here?.escrowSha256 ?? null),
        since: null,
      },
      ...(key === null
        ? []
        : [
            {
              where: "the bucket",
              at: key,
              state: bucket?.kind === "known" ? state(object !== undefined, sent) : ("unknown" as const),
              since: object?.lastModified.toISOString() ?? null,
            },
          ]),
    ],
    testedAt: tested !== null && tested.sha256 === today ? tested.at.toISOString() : null,
  };
}
