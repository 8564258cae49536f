import { access, constants } from "node:fs/promises";
import { execa } from "execa";
import type { ServerHostKeyAlgorithm } from "ssh2";
import type { ResolvedSsh } from "./config.ts";

/** One line of a known-hosts file that speaks of the host. */
export interface KnownKey {
  readonly kind: "key" | "revoked" | "authority";
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`… */
  readonly type: string;
  readonly blob: Buffer;
  readonly file: string;
  readonly line: number;
}

/** What the user's known-hosts files say about one host. */
export interface KnownHost {
  /** The name that the files are searched for: `host`, `[host]:port` or the HostKeyAlias. */
  readonly lookupName: string;
  readonly keys: readonly KnownKey[];
  readonly files: readonly string[];
}

export type Verdict =
  | { readonly kind: "known" }
  /** No key of this type is known; `others` are of other types. */
  | {
      readonly kind: "unknown";
      readonly others: readonly KnownKey[];
      readonly authority: KnownKey | undefined;
    }
  | { readonly kind: "changed"; readonly known: KnownKey }
  | { readonly kind: "revoked"; readonly by: KnownKey };

/**
 * Everything the known-hosts files say about the host, by `ssh-keygen -F` (ssh-keygen(1)), which knows hashed
 * names, patterns and negations. A file that is missing or cannot be read says nothing.
 */
export async function lookUpHost(ssh: ResolvedSsh, env: NodeJS.ProcessEnv): Promise<KnownHost> {
  const name = (ssh.hostKeyAlias ?? ssh.hostname).toLowerCase();
  const withPort = ssh.hostKeyAlias === undefined && ssh.port !== 22;
  const lookupName = withPort ? `[${name}]:${ssh.port}` : name;
  const about = async (wanted: string): Promise<KnownKey[]> =>
    (await Promise.all(ssh.knownHostsFiles.map((file) => search(file, wanted, env)))).flat();
  const keys = await about(lookupName);
  // OpenSSH falls back to the bare name where nothing is known under name and port
  const found =
    withPort && !keys.some(({ kind }) => kind === "key") ? [...keys, ...(await about(name))] : keys;
  return { lookupName, keys: found, files: ssh.knownHostsFiles };
}

/** Fails closed: only a key that is known, byte for byte, and not revoked is `known`. */
export function judge(host: KnownHost, offered: Buffer): Verdict {
  const same = (key: KnownKey): boolean => key.blob.equals(offered);
  const revoked = host.keys.find((key) => key.kind === "revoked" && same(key));
  if (revoked) return { kind: "revoked", by: revoked };
  const plain = host.keys.filter(({ kind }) => kind === "key");
  if (plain.some(same)) return { kind: "known" };
  const type = keyType(offered);
  const changed = plain.find((key) => key.type === type);
  if (changed) return { kind: "changed", known: changed };
  const authority = host.keys.find(({ kind }) => kind === "authority");
  return { kind: "unknown", others: plain, authority };
}

/** What ssh2 can verify; of RSA only with SHA-2, as OpenSSH since 8.8. */
const HOST_KEY_ALGORITHMS: readonly ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];

/**
 * The host key algorithms to offer, most wanted first: those whose key is known, then the rest, as OpenSSH
 * does; else a host would be asked for a key that nobody has seen although another is known.
 */
export function hostKeyAlgorithms(host: KnownHost): readonly ServerHostKeyAlgorithm[] {
  const types = new Set(host.keys.filter(({ kind }) => kind === "key").map(({ type }) => type));
  const isKnown = (algorithm: string): boolean =>
    types.has(algorithm.startsWith("rsa-sha2-") ? "ssh-rsa" : algorithm);
  const { known = [], unknown = [] } = Object.groupBy(HOST_KEY_ALGORITHMS, (algorithm) =>
    isKnown(algorithm) ? "known" : "unknown",
  );
  return [...known, ...unknown];
}

/** The type that a public key's own first string names (RFC 4253, section 6.6). */
export const keyType = (blob: Buffer): string =>
  blob.length < 4 ? "" : blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("latin1");

async function search(file: string, name: string, env: NodeJS.ProcessEnv): Promise<KnownKey[]> {
  try {
    await access(file, constants.R_OK);
  } catch {
    return [];
  }
  const found = await execa("ssh-keygen", ["-F", name, "-f", file], { env, extendEnv: false, reject: false });
  return found.exitCode === 0 ? readFound(found.stdout, file) : [];
}

/** Pairs of lines: `# Host NAME found: line N [REVOKED|CA]`, and the line itself. */
export function readFound(stdout: string, file: string): KnownKey[] {
  const keys: KnownKey[] = [];
  let line = 0;
  for (const text of stdout.split("\n")) {
    const header = /^# Host .* found: line ([0-9]+)/.exec(text);
    if (header) {
      line = Number(header[1]);
      continue;
    }
    const words = text.trim().split(/\s+/);
    const marker = words[0]?.startsWith("@") ? words.shift() : undefined;
    const [, type, base64] = words;
    if (type === undefined || base64 === undefined) continue;
    const kind = marker === undefined ? "key" : marker === "@cert-authority" ? "authority" : "revoked";
    keys.push({ kind, type, blob: Buffer.from(base64, "base64"), file, line });
  }
  return keys;
}
