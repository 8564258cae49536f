import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { datasetKeys } from "../domain/artifact.ts";
import { knownSigner } from "../domain/memory.ts";
import type { DatasetFacts, Observation } from "../reconcilers/facts.ts";
import { escrowToKeep } from "../reconcilers/keys/escrow.ts";
import { escrowFile } from "../reconcilers/keys/escrow-files.ts";
import { fingerprintThere, signerThere } from "../reconcilers/keys/signature.ts";

/** What is told of one dataset's keys: nothing secret. The document of `devbackup keys show --json`. */
export interface KeysShown {
  readonly dataset: string;
  readonly server: string;
  /** Whom artifacts are encrypted to; null where there is no identity yet. */
  readonly recipient: string | null;
  readonly signer: string | null;
  /** As `ssh-keygen -l` shows it. */
  readonly fingerprint: string | null;
  /** Whether somebody vouches for the signer: the desired state, or what this machine has seen before. */
  readonly known: "declared" | "remembered" | "not-yet" | "another";
  readonly recoveryRecipients: readonly string[];
  readonly escrow: {
    readonly copies: readonly {
      readonly where: string;
      readonly at: string;
      readonly state: "today's" | "another" | "none" | "unknown";
      /** RFC 3339; null where nobody noted it. */
      readonly since: string | null;
    }[];
    /** Of the escrow that stands; null where that was never tested. */
    readonly testedAt: string | null;
  };
}

/** The public halves of a dataset's keys, and where the copies of their escrow are. */
export function keysOf(desired: DesiredState, spec: DatasetSpec, observed: Observation): KeysShown {
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
    fingerprint: facts.signKey.kind === "known" ? fingerprintThere(facts.signKey.value) : null,
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
  facts: DatasetFacts,
  observed: Observation,
): KeysShown["escrow"] {
  const { escrow } = facts;
  if (escrow.kind !== "known") return { copies: [], testedAt: null };
  const { sha256, madeAt, tested } = escrow.value;
  const today = escrowToKeep({ facts, desired }) ?? null;
  const memory = observed.memory.get(spec.name);
  const here = memory?.kind === "known" ? memory.value : null;
  const bucket = observed.buckets?.get(spec.name);
  const key = desired.cloud === null ? null : datasetKeys(desired.cloud.prefix, spec.name).escrow;
  const object = key !== null && bucket?.kind === "known" ? bucket.value.objects.get(key) : undefined;
  const pushed = facts.pushedEscrow;
  const sent = pushed.kind === "known" && pushed.value.etag === object?.etag ? pushed.value.sha256 : null;
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
