import { escrowHere, escrowPath, type MemoryPlace, recall } from "../controller/memory.ts";
import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import type { Label } from "../domain/label.ts";
import { knownSigner } from "../domain/memory.ts";
import type { DatasetName, HostName } from "../domain/names.ts";
import type { Reopen } from "../observe/manifest-copy.ts";
import type { RecoveredFacts } from "../reconcilers/facts.ts";
import { decryptThere } from "../reconcilers/keys/escrow-proof.ts";
import type { AgeIdentity } from "../recovery/age-file.ts";
import type { Recovered } from "../recovery/recover.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import type { Host } from "../transport/host.ts";

interface Opener {
  readonly desired: DesiredState;
  readonly identities: readonly AgeIdentity[];
  /** Null: the keys alone. */
  readonly wanted: Label | "latest" | null;
  readonly host: (name: HostName) => Promise<Host>;
  readonly bucket: () => Promise<Bucket>;
  readonly placeOf: (spec: DatasetSpec) => MemoryPlace;
}

/** What opens escrow and bucket where the server has lost its own. */
export interface Recovering {
  /** With the recovery identities; once in a run, escrow and bucket are not asked again with every look. */
  readonly recovered: (spec: DatasetSpec) => Promise<Recovered>;
  /** The bucket's manifest, by the server itself. */
  readonly reopen: Reopen;
}

export function recovering({ desired, identities, wanted, host, bucket, placeOf }: Opener): Recovering {
  const opening = new Map<DatasetName, Promise<Recovered>>();
  const open = async (spec: DatasetSpec): Promise<Recovered> => {
    const place = placeOf(spec);
    const [{ recover }, seen] = await Promise.all([import("../recovery/recover.ts"), recall(place)]);
    return recover({
      spec,
      cloud: desired.cloud === null ? null : { spec: desired.cloud, bucket: await bucket() },
      identities,
      escrowHere: await escrowHere(place),
      escrowPlace: escrowPath(place),
      knownSigner: knownSigner(desired.signers, spec.name, seen),
      newestSeen: seen.kind === "known" ? seen.value.newest : null,
      wanted,
    });
  };
  return {
    recovered: (spec) => {
      const promise = opening.get(spec.name) ?? open(spec);
      opening.set(spec.name, promise);
      return promise;
    },
    reopen: async (spec, signer) => {
      if (desired.cloud === null) throw new RangeError("no cloud is declared");
      const [{ openCopy }, seen] = await Promise.all([
        import("../recovery/manifest-copy.ts"),
        recall(placeOf(spec)),
      ]);
      return openCopy({
        spec,
        cloud: { spec: desired.cloud, bucket: await bucket() },
        signer: knownSigner(desired.signers, spec.name, seen) ?? signer,
        decrypt: async (bytes) => decryptThere(await host(spec.server), spec, bytes),
      });
    },
  };
}

/** What a plan goes by; no secrets. */
export const factsOf = ({
  escrow,
  escrowFrom,
  signer,
  fingerprint,
  manifest,
}: Recovered): RecoveredFacts => ({
  escrowFrom,
  recipient: escrow.recipient,
  signer,
  fingerprint,
  manifest,
});
