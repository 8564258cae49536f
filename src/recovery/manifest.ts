import { DevbackupError } from "../domain/trouble.ts";
import { type AgeIdentity, openWithIdentities, recipientOf } from "./age-file.ts";

/** 200,000 rows. Ask the bucket for no more than this. */
export const MOST_MANIFEST_BYTES = 64 * 1024 * 1024;

/**
 * The bucket's manifest in the clear, byte for byte as it was signed: check the signature, then read it.
 * `identities` are the recovery identities and the escrowed backup identity: it is encrypted to all of them.
 * @throws DevbackupError exit code 6, `cloud-manifest-damaged`
 */
export async function openManifest(
  identities: readonly AgeIdentity[],
  bytes: Uint8Array,
): Promise<Uint8Array> {
  if (bytes.length > MOST_MANIFEST_BYTES)
    throw damaged(`it has ${bytes.length} bytes, more than any manifest`);
  const opening = await openWithIdentities(identities, bytes);
  if (opening.kind === "opened") return opening.plaintext;
  if (opening.kind === "damaged") throw damaged(`it was cut off or changed: ${opening.why}`);
  const tried = await Promise.all(identities.map(recipientOf));
  throw damaged(`it is not encrypted to any of ${tried.join(", ")}, or its beginning is damaged`);
}

const damaged = (why: string): DevbackupError =>
  new DevbackupError({
    code: "cloud-manifest-damaged",
    exitCode: 6,
    what: "the manifest in the bucket cannot be opened",
    why,
    state: "Nothing was changed",
    next: "put a good manifest and its signature back into the bucket; or make it again from the artifacts: devbackup manifest rebuild --identity FILE",
  });
