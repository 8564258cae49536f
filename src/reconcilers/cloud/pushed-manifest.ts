import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { Fact } from "../../domain/fact.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { escrowPushedNote } from "../keys/escrow-files.ts";
import { signatureFile } from "../keys/signature.ts";
import { stateEnvFile } from "../manifest/store.ts";
import type { Probe } from "../probe.ts";
import { expectSuccess, type Failure } from "../run-script.ts";
import { type Pushed, pushedProbe } from "./pushed.ts";

export const pushedNote = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "manifests/pushed");
export const signatureNote = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "manifests/pushed-signature");

export const pushedManifestProbe = (spec: DatasetSpec): Probe<Pushed> =>
  pushedProbe(spec.server, pushedNote(spec));
/** Noted with the hash of the newest of its signatures. */
export const pushedSignatureProbe = (spec: DatasetSpec): Probe<Pushed> =>
  pushedProbe(spec.server, signatureNote(spec));

/** The signature of the manifest that is in the bucket; `….begun` of the one that was last on its way there. */
export const sentSignature = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "manifests/pushed.sig");

export const keepSignature = (dataset: DatasetSpec, as: string): string => sh`
umask 077
cp -- ${signatureFile(dataset)} ${`${as}.new`}; sync ${`${as}.new`}; mv -T -- ${`${as}.new`} ${as}; sync ${`${dataset.repository}/manifests`}`;

/**
 * Notes, around the write of a manifest that was put back from the bucket, that what the bucket has is this
 * dataset's own: replacing it is no hazard. The next apply sends manifest and escrow anew.
 */
export async function adopting(
  host: Host,
  dataset: DatasetSpec,
  manifestSha256: string,
  write: (last: string) => Promise<void>,
): Promise<void> {
  const failure: Failure = {
    code: "register-failed",
    what: `the manifest of ${dataset.name} could not be put back`,
  };
  const notes = sh`
umask 077
# it tells that all of this was done
rm -f -- ${stateEnvFile(dataset)}
for n in ${[pushedNote(dataset), escrowPushedNote(dataset)]}; do
  if [ ! -s "$n" ]; then echo ${`${manifestSha256} 0 -`} >"$n.new"; sync "$n.new"; mv -T -- "$n.new" "$n"; sync "$(dirname -- "$n")"; fi
done`;
  await expectSuccess(host, notes, failure);
  await write(keepSignature(dataset, sentSignature(dataset)));
}

/** Whether {@link adopting} was begun, and nothing was sent to the bucket since. */
export const isAdopted = (pushed: Fact<Pushed>): boolean =>
  pushed.kind === "known" && pushed.value.etag === "-";
