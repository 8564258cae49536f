import { createHash } from "node:crypto";
import type { Sha256, Signer } from "../domain/names.ts";

export const sha256Of = (bytes: string | Uint8Array): Sha256 =>
  createHash("sha256").update(bytes).digest("hex") as Sha256;

/** Of a public key as it goes over the wire, as `ssh-keygen -l` shows it: `SHA256:…`. */
export const fingerprint = (blob: Uint8Array): string =>
  `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;

/** The same of a signer. */
export const fingerprintOf = (signer: Signer): string =>
  fingerprint(Buffer.from(signer.slice("ssh-ed25519 ".length), "base64"));
