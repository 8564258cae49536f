import { Decrypter, identityToRecipient } from "age-encryption";
import { type AgeRecipient, type Brand, parseAgeRecipient } from "../domain/names.ts";

/** An age identity, `AGE-SECRET-KEY-1…` (X25519), whose checksum is right. A secret. */
export type AgeIdentity = Brand<string, "AgeIdentity">;

/** What came of opening an age file. */
export type Opening =
  | { readonly kind: "opened"; readonly plaintext: Uint8Array }
  /** None of the identities is among its recipients; or damage made it look so. */
  | { readonly kind: "not-ours" }
  | { readonly kind: "damaged"; readonly why: string };

/** 600 recipients' worth; each one costs a multiplication on the curve, and hostile bytes may hold millions. */
const MOST_HEADER_BYTES = 64 * 1024;
/** Of a reason that may quote the bytes. */
const MOST_WHY_CHARACTERS = 200;

/** Undefined where `text` is no X25519 identity, or mistyped. */
export async function parseAgeIdentity(text: string): Promise<AgeIdentity | undefined> {
  const recipient = await identityToRecipient(text).catch(() => undefined);
  // of a post-quantum identity it is an `age1pq1…`, which the age of the distributions cannot encrypt to
  if (recipient === undefined || parseAgeRecipient(recipient) === undefined) return undefined;
  return text as AgeIdentity;
}

/** The public half. */
export const recipientOf = async (identity: AgeIdentity): Promise<AgeRecipient> =>
  (await identityToRecipient(identity)) as AgeRecipient;

/**
 * Opens a binary age file (age-encryption.org/v1) whole, in memory: bound the size of `bytes` before. Hostile
 * bytes come back as `damaged`, never as an error, and nothing of a file that ends early is given out.
 */
export function openWithIdentities(identities: readonly AgeIdentity[], bytes: Uint8Array): Promise<Opening> {
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  return open(decrypter, bytes);
}

/** The same for a file that a passphrase protects. A work factor above 20 (1 GiB of memory) is refused. */
export function openWithPassphrase(passphrase: string, bytes: Uint8Array): Promise<Opening> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  return open(decrypter, bytes);
}

async function open(decrypter: Decrypter, bytes: Uint8Array): Promise<Opening> {
  if (!Buffer.from(bytes.subarray(0, MOST_HEADER_BYTES)).includes("\n--- "))
    return { kind: "damaged", why: "it does not begin as an age file does" };
  let notOurs = false;
  // stands last: it is asked only where no identity before it has found its stanza
  decrypter.addIdentity({
    unwrapFileKey: () => {
      notOurs = true;
      return null;
    },
  });
  try {
    return { kind: "opened", plaintext: await decrypter.decrypt(bytes) };
  } catch (error) {
    if (notOurs) return { kind: "not-ours" };
    const why = error instanceof Error ? error.message : String(error);
    return { kind: "damaged", why: why.slice(0, MOST_WHY_CHARACTERS) };
  }
}
