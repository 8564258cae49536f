import { createHmac, randomBytes } from "node:crypto";
import { appendFile, mkdir, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DevbackupError, type Trouble } from "../../domain/trouble.ts";
import { fingerprint } from "../hash.ts";
import type { ResolvedSsh } from "./config.ts";
import { type KnownHost, keyType } from "./known-hosts.ts";

/** A host key that no known-hosts file has, as it was offered: what a person may compare and take in. */
export interface NewHostKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`… */
  readonly type: string;
  /** As `ssh-keygen -l` shows it. */
  readonly fingerprint: string;
  readonly blob: Buffer;
  /** What it is kept under: `host`, `[host]:port` or the HostKeyAlias. */
  readonly lookupName: string;
  /** Where OpenSSH would keep it: the user's own file. Undefined where the configuration names none. */
  readonly file: string | undefined;
  /** Whether OpenSSH would hide the name (HashKnownHosts of ssh_config(5)). */
  readonly hashed: boolean;
  /** The types of the keys by which the host is known already, none of which it showed. */
  readonly others: readonly string[];
}

/** The trouble `host-key-unknown`, with the key itself. */
export class HostKeyUnknown extends DevbackupError {
  readonly key: NewHostKey;

  constructor(trouble: Trouble, ssh: ResolvedSsh, known: KnownHost, offered: Buffer) {
    super(trouble);
    this.key = {
      type: keyType(offered),
      fingerprint: fingerprint(offered),
      blob: offered,
      lookupName: known.lookupName,
      ...ssh.learned,
      others: [...new Set(known.keys.filter(({ kind }) => kind === "key").map(({ type }) => type))],
    };
  }
}

/**
 * Adds the key to the user's known-hosts file as ssh would: one line at its end, the name hashed where that is
 * configured. Makes file and folder where they are missing.
 * @throws DevbackupError `known-hosts-unwritten`, also where the file is another user's
 */
export async function rememberHostKey(key: NewHostKey): Promise<void> {
  const { file } = key;
  if (file === undefined) throw unwritten(key, "OpenSSH is configured to keep none (UserKnownHostsFile)");
  try {
    const there = await stat(file).catch(() => undefined);
    if (there !== undefined && (!there.isFile() || there.uid !== process.getuid?.()))
      throw new Error("it is no file of yours");
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const before = there === undefined ? "" : await readFile(file, "latin1");
    const name = key.hashed ? hashedName(key.lookupName) : key.lookupName;
    const line = `${name} ${key.type} ${key.blob.toString("base64")}\n`;
    // by hand, people leave the last line open
    await appendFile(file, before === "" || before.endsWith("\n") ? line : `\n${line}`, { mode: 0o600 });
  } catch (error) {
    throw unwritten(key, error instanceof Error ? error.message : String(error));
  }
}

/** `|1|SALT|HASH`: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT; the hash is HMAC-SHA1 (OpenSSH, hostfile.c). */
function hashedName(name: string): string {
  const salt = randomBytes(20);
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`;
}

const unwritten = (key: NewHostKey, why: string): DevbackupError =>
  new DevbackupError({
    code: "known-hosts-unwritten",
    exitCode: 1,
    what: `the host key could not be added to ${key.file ?? "a known-hosts file"}`,
    why,
    state: "Nothing was written",
    next: `add it by hand: ${key.lookupName} ${key.type} ${key.blob.toString("base64")}`,
  });
