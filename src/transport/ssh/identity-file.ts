import { readFile, stat } from "node:fs/promises";
import type { ParsedKey } from "ssh2";

/** The module, handed in: it is heavy and only loaded where a host is reached over SSH. */
export type Ssh2 = typeof import("ssh2");

/** An identity file that exists. */
export interface Identity {
  readonly path: string;
  /** Undefined where the file does not tell. */
  readonly publicBlob: Buffer | undefined;
  /** Undefined where it cannot be used as it stands; then `problem` says why. */
  readonly key: ParsedKey | undefined;
  readonly problem: string | undefined;
}

/** The problem of a key that only an agent can use: nothing here asks for its passphrase. */
export const LOCKED = "it has a passphrase";

/** Undefined where there is no such file: OpenSSH lists its default names whether they exist or not. */
export async function readIdentity(path: string, ssh2: Ssh2): Promise<Identity | undefined> {
  let text: Buffer;
  try {
    const { mode } = await stat(path);
    text = await readFile(path);
    // OpenSSH, which carries the bulk pipes, refuses such a file
    if ((mode & 0o077) !== 0 && process.getuid?.() !== undefined && !isPublic(text)) {
      return unusable(path, await publicPart(path, text, ssh2), `others can read it; chmod 600 ${path}`);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === "ENOENT" ? undefined : unusable(path, undefined, `it cannot be read (${code})`);
  }
  // a public key as identity file means: the agent's key of that name (ssh_config(5), IdentityFile)
  if (isPublic(text)) return unusable(path, await publicPart(path, text, ssh2), "the agent does not hold it");
  const key = firstOf(ssh2.utils.parseKey(text));
  if (key && !(key instanceof Error))
    return { path, publicBlob: key.getPublicSSH(), key, problem: undefined };
  const encrypted = key instanceof Error && /ncrypted/.test(key.message);
  const problem = encrypted ? LOCKED : "not a private key of a known format";
  return unusable(path, await publicPart(path, text, ssh2), problem);
}

const unusable = (path: string, publicBlob: Buffer | undefined, problem: string): Identity => ({
  path,
  publicBlob,
  key: undefined,
  problem,
});

const isPublic = (text: Buffer): boolean => /^(ssh|ecdsa|sk)-[^ ]+ AAAA/.test(text.toString("latin1"));

/** The public key beside an encrypted private one, so that the agent's copy is recognised. */
async function publicPart(path: string, text: Buffer, ssh2: Ssh2): Promise<Buffer | undefined> {
  try {
    const key = firstOf(ssh2.utils.parseKey(isPublic(text) ? text : await readFile(`${path}.pub`)));
    if (key && !(key instanceof Error)) return key.getPublicSSH();
  } catch {
    // no .pub file: the private one may still tell
  }
  return publicInside(text);
}

/** An `openssh-key-v1` file holds the public key in the clear (OpenSSH, PROTOCOL.key). */
function publicInside(text: Buffer): Buffer | undefined {
  const base64 = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]+)/.exec(text.toString("latin1"))?.[1];
  const body = Buffer.from(base64 ?? "", "base64");
  let at = "openssh-key-v1\0".length;
  const next = (): Buffer => {
    const length = body.readUInt32BE(at);
    at += 4 + length;
    return body.subarray(at - length, at);
  };
  try {
    next(); // cipher
    next(); // key derivation
    next(); // its options
    at += 4; // number of keys
    return next();
  } catch {
    return undefined;
  }
}

/** parseKey gives a list for files that can hold several keys. */
const firstOf = <Key>(key: Key | readonly Key[]): Key | undefined =>
  (Array.isArray(key) ? key[0] : key) as Key | undefined;
