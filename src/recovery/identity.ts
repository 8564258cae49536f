import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { armor } from "age-encryption";
import type { Code } from "../domain/code.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { type AgeIdentity, openWithPassphrase, parseAgeIdentity } from "./age-file.ts";

/** What a recovery identity file holds. */
export interface RecoveryIdentity {
  /** At least one. */
  readonly identities: readonly AgeIdentity[];
  /** What the user should mend; the identity is used all the same. */
  readonly warnings: readonly string[];
}

/** A file of one identity has less than 1 KiB; whatever is longer is another kind of file. */
const MOST_BYTES = 64 * 1024;
/** What age-encryption takes: 1 GiB of memory. */
const MOST_WORK_FACTOR = 20;
const ARMOR = "-----BEGIN AGE ENCRYPTED FILE-----";
const UNCHANGED = "Nothing was contacted or changed";

/**
 * Reads a recovery identity: an age file that a passphrase protects (binary or armored; `devbackup keys
 * new-recovery` and `age -p` make it), or a plain file of `AGE-SECRET-KEY-1…` lines and `#` comments. The
 * passphrase is asked for at most once, and only where the file needs one. `file` may be a pipe.
 * @throws DevbackupError exit code 1: `identity-missing`, `identity-unreadable`, `identity-unsupported`,
 *   `identity-damaged`, `no-identity`, `wrong-passphrase`; none of them quotes what is in the file.
 */
export async function openIdentity(
  file: string,
  askPassphrase: () => Promise<string>,
): Promise<RecoveryIdentity> {
  const bytes = await readWhole(file);
  const locked = lockedAge(file, bytes);
  if (locked === undefined)
    return {
      identities: await identitiesOf(file, bytes.toString("utf8")),
      warnings: await readableByOthers(file),
    };
  refuseWhatNoPassphraseOpens(file, locked);
  const opened = await openWithPassphrase(await askPassphrase(), locked);
  if (opened.kind === "damaged") throw damaged(file, opened.why);
  if (opened.kind === "not-ours")
    throw identityError({
      code: "wrong-passphrase",
      what: `this is not the passphrase of ${file}`,
      why: "or the file is damaged: age cannot tell the two apart",
      next: "Run it again; the passphrase is the one typed when the identity was made",
    });
  return {
    identities: await identitiesOf(file, Buffer.from(opened.plaintext).toString("utf8")),
    warnings: [],
  };
}

async function readWhole(file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(file, { end: MOST_BYTES })) chunks.push(chunk);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw identityError({
      code: missing ? "identity-missing" : "identity-unreadable",
      what: missing ? `there is no file ${file}` : `${file} cannot be read`,
      ...(missing || !(error instanceof Error) ? {} : { why: error.message }),
      next: "Name the recovery identity: the file that devbackup keys new-recovery wrote, or the text of its page",
    });
  }
  const bytes = Buffer.concat(chunks);
  if (bytes.length > MOST_BYTES)
    throw noIdentity(file, `it is longer than ${MOST_BYTES / 1024} KiB, and so no identity file`);
  return bytes;
}

/** The binary age file in it; undefined where it is a plain file. */
function lockedAge(file: string, bytes: Buffer): Uint8Array | undefined {
  const text = bytes.toString("latin1");
  if (text.startsWith("age-encryption.org/")) return bytes;
  // typed or scanned from paper, a line may have got spaces around it
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const start = lines.findIndex((line) => line !== "");
  if (lines[start] !== ARMOR) return undefined;
  try {
    return armor.decode(lines.filter((line) => line !== "").join("\n"));
  } catch (error) {
    throw damaged(file, `the text block is not whole: ${error instanceof Error ? error.message : error}`);
  }
}

/** Says without asking for a passphrase what no passphrase would open. */
function refuseWhatNoPassphraseOpens(file: string, age: Uint8Array): void {
  const head = Buffer.from(age.subarray(0, 200)).toString("latin1");
  const [, kind, workFactor] = /^age-encryption\.org\/v1\n-> (\S+)(?: \S+ (\d+)\n)?/.exec(head) ?? [];
  if (kind === undefined) throw damaged(file, "it does not begin as an age file does");
  if (kind !== "scrypt")
    throw noIdentity(file, "it is encrypted to a recipient, not with a passphrase: is it the escrow?");
  if (Number(workFactor) > MOST_WORK_FACTOR)
    throw identityError({
      code: "identity-unsupported",
      what: `the passphrase of ${file} was given a work factor of ${workFactor}; devbackup takes up to ${MOST_WORK_FACTOR}`,
      next: `age -d ${file} opens it; give the plain identity to devbackup, and delete it afterwards`,
    });
}

async function identitiesOf(file: string, text: string): Promise<AgeIdentity[]> {
  const found: AgeIdentity[] = [];
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const word = line.trim();
    if (word === "" || word.startsWith("#")) continue;
    const identity = await parseAgeIdentity(word);
    if (identity === undefined) throw notAnIdentity(file, at + 1, word);
    found.push(identity);
  }
  if (found.length === 0) throw noIdentity(file, "it holds no line that begins with AGE-SECRET-KEY-1");
  return found;
}

/** The line itself is never shown: it may be a secret with one letter wrong. */
function notAnIdentity(file: string, line: number, word: string): DevbackupError {
  if (word.startsWith("AGE-SECRET-KEY-1"))
    return damaged(
      file,
      `line ${line} is an age identity with a wrong checksum: a letter is missing or wrong`,
    );
  const kind = word.startsWith("-----BEGIN ")
    ? "a PEM or SSH key"
    : word.startsWith("AGE-SECRET-KEY-PQ-1")
      ? "a post-quantum age identity"
      : word.startsWith("AGE-PLUGIN-")
        ? "the identity of an age plugin"
        : undefined;
  if (kind === undefined) return noIdentity(file, `line ${line} is neither a comment nor an age identity`);
  return identityError({
    code: "identity-unsupported",
    what: `${file} holds ${kind}; a recovery identity is an age identity, AGE-SECRET-KEY-1…`,
    next: "devbackup keys new-recovery makes one",
  });
}

async function readableByOthers(file: string): Promise<string[]> {
  const { mode } = await stat(file);
  if ((mode & 0o170000) !== 0o100000 || (mode & 0o077) === 0) return [];
  const permissions = (mode & 0o777).toString(8).padStart(4, "0");
  return [`${file} has mode ${permissions}: others can use this identity; chmod 600 it`];
}

const damaged = (file: string, why: string): DevbackupError =>
  identityError({
    code: "identity-damaged",
    what: `${file} is damaged`,
    why,
    next: "Take it from another copy, or from the page: scan the QR code or type the text block",
  });

const noIdentity = (file: string, why: string): DevbackupError =>
  identityError({
    code: "no-identity",
    what: `there is no recovery identity in ${file}`,
    why,
    next: "Name the file that devbackup keys new-recovery wrote, or that holds the text of its page",
  });

const identityError = (trouble: { code: Code; what: string; why?: string; next: string }): DevbackupError =>
  new DevbackupError({ ...trouble, exitCode: 1, state: UNCHANGED });
