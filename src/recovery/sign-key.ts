import { parseSigner, type Signer } from "../domain/names.ts";

/**
 * The public half of an unprotected OpenSSH ed25519 private key. Undefined where
 * `keyFile` is none, or its two halves are not each other's: a signature made with one is checked with the other.
 */
export async function publicHalf(keyFile: string): Promise<Signer | undefined> {
  const { default: ssh2 } = await import("ssh2");
  const parsed = ssh2.utils.parseKey(keyFile);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error || !key.isPrivateKey()) return undefined;
  const signature = key.sign("devbackup");
  if (signature instanceof Error || key.verify("devbackup", signature) !== true) return undefined;
  return parseSigner(`${key.type} ${key.getPublicSSH().toString("base64")}`);
}
