import type { CloudSpec, DatasetSpec } from "../desired-state/desired-state.ts";
import { datasetKeys } from "../domain/artifact.ts";
import { parseManifest } from "../domain/manifest.ts";
import type { ManifestCopy } from "../domain/manifest-copy.ts";
import type { Signer } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import { fingerprintOf, sha256Of } from "../transport/hash.ts";
import { MOST_MANIFEST_BYTES } from "./manifest.ts";
import { MOST_SIGNATURE_BYTES, verifySignature } from "./signature.ts";

export interface CopyInput {
  readonly spec: DatasetSpec;
  readonly cloud: { readonly spec: CloudSpec; readonly bucket: Pick<Bucket, "get"> };
  /** Whose signature it must have. */
  readonly signer: Signer;
  /** With the server's identity, on the server, which that does not leave: the plaintext, or why there is none. */
  readonly decrypt: (bytes: Uint8Array) => Promise<{ readonly text: string } | { readonly why: string }>;
}

/**
 * The bucket's manifest, opened by the server itself and checked here. A writer in the bucket can keep it from being
 * of use, but not change what it says; whether it is the newest is for others to tell.
 * @throws DevbackupError where the store does not answer
 */
export async function openCopy({ spec, cloud, signer, decrypt }: CopyInput): Promise<ManifestCopy> {
  const keys = datasetKeys(cloud.spec.prefix, spec.name);
  try {
    const [bytes, signature] = await Promise.all([
      cloud.bucket.get(keys.manifest, MOST_MANIFEST_BYTES),
      cloud.bucket.get(keys.signature, MOST_SIGNATURE_BYTES),
    ]);
    if (bytes === undefined) return refused("there is none");
    const opened = await decrypt(bytes);
    if ("why" in opened) return refused(`the server's identity does not open it: ${opened.why}`);
    const manifest = Buffer.from(opened.text);
    const verdict = await verifySignature({
      manifest,
      signature: Buffer.from(signature ?? []).toString("latin1"),
      signer,
    });
    if (verdict === "missing") return refused("its signature is missing");
    if (verdict === "wrong")
      return refused(`its signature is not one by ${fingerprintOf(signer)} of what stands there`);
    const reading = parseManifest(opened.text, spec.name);
    return reading.kind === "damaged"
      ? refused(`line ${reading.line}: ${reading.why}`)
      : { kind: "signed", rows: reading.rows, sha256: sha256Of(manifest) };
  } catch (error) {
    // more than any manifest or signature has
    if (error instanceof DevbackupError && error.trouble.exitCode === 6)
      return refused(error.trouble.why ?? error.trouble.what);
    throw error;
  }
}

const refused = (why: string): ManifestCopy => ({ kind: "refused", why });
