import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { datasetKeys } from "../../domain/artifact.ts";
import type { AbsolutePath, AgeRecipient } from "../../domain/names.ts";
import type { BucketObject } from "../../transport/bucket/object.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, propose } from "../answer.ts";
import { publishedFile } from "../keys/key-files.ts";
import { signatureFunctions } from "../keys/signature.ts";
import { manifestId, registerId } from "../manifest/register.ts";
import { replacementOf } from "../manifest/replacement.ts";
import { isAuthentic } from "../manifest/sign.ts";
import { manifestFile, tmpFile } from "../manifest/store.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess, type Failure } from "../run-script.ts";
import type { View } from "../view.ts";
import { unknownToManifest, uploadId } from "./cloud.ts";
import { push } from "./push.ts";
import { isNoted, type Pushed, replacing, unreadNote, whyPush } from "./pushed.ts";
import { keepSignature, pushedNote, sentSignature, signatureNote } from "./pushed-manifest.ts";

interface Input {
  readonly dataset: DatasetSpec;
  readonly keys: { readonly manifest: string; readonly signature: string };
  /** Of the manifest; null while rows are still to be written. */
  readonly sha256: string | null;
  /** Of the signature, which another key makes another of the same manifest; null while it is still to be made. */
  readonly signatureSha256: string | null;
  /** Whether the manifest in the bucket is the one that was last noted, and not one whose sending was cut off. */
  readonly asNoted: boolean;
  readonly recipient: AbsolutePath;
  readonly recoveryRecipients: readonly AgeRecipient[];
}

/** The manifest in the bucket, encrypted to the server's key and to every recovery recipient, and its signature. */
export const cloudManifest: Reconciler<Input> = {
  kind: "upload-manifest",
  diff: (view) => {
    const { spec, cloud, facts, course, desired } = view;
    if (cloud?.bucket.kind !== "known") return {};
    const unread = unreadNote(spec, "the manifest", [facts.pushedManifest, facts.pushedSignature]);
    if (unread.length > 0) return { warnings: unread };
    const labels = [...course.rows, ...course.pending].map(({ label }) => label);
    const { objects } = cloud.bucket.value;
    const keys = datasetKeys(cloud.spec.prefix, spec.name);
    const present = objects.get(keys.manifest);
    const noted = facts.pushedManifest.kind === "known" ? facts.pushedManifest.value : null;
    const reason = whyPushEither(view, noted, present, objects.get(keys.signature));
    if (labels.length === 0 || reason === null) return {};
    // what is put back from the bucket is this repository's own again
    const replaced = replacementOf(view)?.kind === "ready";
    const anothers = present !== undefined && !replaced && whyAnothers(view, noted, present);
    return {
      actions: [
        propose("upload-manifest", spec, {
          id: actionId("upload-manifest", spec.name),
          host: spec.server,
          stage: "cloud",
          change: present === undefined ? "create" : "update",
          ...replacing(Boolean(anothers)),
          summary: `send the manifest of ${spec.name} and its signature to the bucket`,
          reason: anothers
            ? `${anothers}, and may be all that tells of artifacts there; it is replaced`
            : reason,
          details: [keys.signature, keys.manifest],
          // last, so that the bucket's manifest names no object that is not there
          needs: [
            manifestId(spec),
            ...labels.flatMap((label) => [registerId(spec, label), uploadId(spec, label)]),
          ],
          input: {
            dataset: spec,
            keys,
            sha256:
              course.pending.length > 0 || facts.manifest.kind !== "known"
                ? null
                : facts.manifest.value.sha256,
            signatureSha256: facts.manifest.kind === "known" ? facts.manifest.value.signatureSha256 : null,
            asNoted: present === undefined || isNoted(noted, present),
            recipient: publishedFile(spec),
            recoveryRecipients: desired.recoveryRecipients,
          },
        }),
      ],
    };
  },
  run: async (action, tools) => {
    const { dataset, keys, sha256, signatureSha256, asNoted, recipient, recoveryRecipients } = action.input;
    if (sha256 === null || signatureSha256 === null) throw new RangeError(`${action.id} has nothing to send`);
    const host = tools.host(action.host);
    const failure: Failure = {
      code: "manifest-push-failed",
      what: "the manifest could not be sent to the bucket",
    };
    const encrypted = tmpFile(dataset, "snapshots_v2.tsv.age");
    const blocks = tmpFile(dataset, "snapshots_v2.tsv.sig");
    await expectSuccess(
      host,
      `${signatureFunctions(dataset)}${sh`
umask 077
m=${manifestFile(dataset)}
[ "$(sha256sum <"$m" | cut -c1-64)" = ${sha256} ] || { echo "the manifest has changed since it was read" >&2; exit 1; }
signed_by_us "$m" || { echo "the manifest is not signed as it stands" >&2; exit 1; }
age -R ${recipient} ${recoveryRecipients.flatMap((each) => ["-r", each])} -o ${encrypted} "$m"
# whoever reads between the two finds a signature that fits: of the new one, and of the one that stands there until then
was=${sentSignature(dataset)}
[ ${asNoted ? "yes" : "no"} = yes ] || [ ! -e "$was.begun" ] || was=$was.begun
{ cat -- "$sig"; if [ -e "$was" ] && ! cmp -s "$was" "$sig"; then cat -- "$was"; fi; } >${blocks}`}`,
      failure,
    );
    await push(
      {
        host,
        failure,
        sha256: signatureSha256,
        file: blocks,
        key: keys.signature,
        note: signatureNote(dataset),
      },
      tools,
    );
    await expectSuccess(host, keepSignature(dataset, `${sentSignature(dataset)}.begun`), failure);
    const settle = `${keepSignature(dataset, sentSignature(dataset))}${sh`
rm -f -- ${`${sentSignature(dataset)}.begun`} ${encrypted} ${blocks}; sync "$(dirname -- ${encrypted})"`}`;
    await push(
      { host, failure, sha256, settle, file: encrypted, key: keys.manifest, note: pushedNote(dataset) },
      tools,
    );
    return null;
  },
};

/**
 * Why the manifest in the bucket is not this repository's to replace unasked; null where it is. A server that was set
 * back to an older state has an older note, and does not know the artifacts that were sent since.
 */
function whyAnothers(view: View, noted: Pushed | null, present: BucketObject): string | null {
  if (noted === null) return "the one there was not sent from this repository";
  return !isNoted(noted, present) && unknownToManifest(view).length > 0
    ? "the one there was sent after this repository's last, with artifacts that the manifest here does not know"
    : null;
}

/** Null where the bucket has what stands on the server. */
function whyPushEither(
  view: View,
  noted: Pushed | null,
  manifest: BucketObject | undefined,
  signature: BucketObject | undefined,
): string | null {
  const { facts, course } = view;
  if (course.pending.length > 0) return "it gets new rows";
  // one that was put back is the bucket's
  if (facts.manifest.kind !== "known" || facts.manifest.value.reading.kind === "damaged") return null;
  const { sha256, signatureSha256 } = facts.manifest.value;
  const why = whyPush(sha256, noted, manifest);
  if (why !== null) return why;
  const sent = facts.pushedSignature.kind === "known" ? facts.pushedSignature.value : null;
  const ofSignature =
    signatureSha256 === null || !isAuthentic(view)
      ? "it is made anew"
      : whyPush(signatureSha256, sent, signature);
  return ofSignature === null ? null : `its signature: ${ofSignature}`;
}
