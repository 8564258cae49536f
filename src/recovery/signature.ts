import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Signer } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";

export interface SignedManifest {
  /** As it was signed: the file's exact bytes. */
  readonly manifest: Uint8Array;
  /** One or two armored SSHSIG blocks, one after the other: the newest manifest's, and that of the one before. */
  readonly signature: string;
  readonly signer: Signer;
}

/** One block has 300. Ask the bucket for no more than this. */
export const MOST_SIGNATURE_BYTES = 16 * 1024;

/** Keeps a signature of the manifest from passing for one of something else, and the other way round. */
const NAMESPACE = "devbackup-manifest";
const MOST_BLOCKS = 2;
const BLOCK = /^-----BEGIN SSH SIGNATURE-----$[^-]*^-----END SSH SIGNATURE-----$/gm;

/**
 * Whether one of the blocks is the signer's signature of these bytes, by the local `ssh-keygen -Y verify`
 * (ssh-keygen(1)). `missing`: there is no signature at all; `wrong` is everything else that is not good.
 * @throws DevbackupError `no-ssh-keygen`, `ssh-keygen-failed`
 */
export async function verifySignature(
  { manifest, signature, signer }: SignedManifest,
  env: NodeJS.ProcessEnv = process.env,
): Promise<"good" | "wrong" | "missing"> {
  if (signature.trim() === "") return "missing";
  if (signature.length > MOST_SIGNATURE_BYTES) return "wrong";
  const blocks = signature.match(BLOCK) ?? [];
  if (blocks.length > MOST_BLOCKS) return "wrong";
  const folder = await mkdtemp(join(tmpdir(), "devbackup-signature-"));
  try {
    const allowed = join(folder, "allowed");
    await writeFile(allowed, `devbackup namespaces="${NAMESPACE}" ${signer}\n`);
    for (const [at, block] of blocks.entries()) {
      const file = join(folder, `${at}.sig`);
      await writeFile(file, `${block}\n`);
      if (await verifies({ allowed, file, manifest, env })) return "good";
    }
    return "wrong";
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function verifies(given: {
  readonly allowed: string;
  readonly file: string;
  readonly manifest: Uint8Array;
  readonly env: NodeJS.ProcessEnv;
}): Promise<boolean> {
  const { allowed, file, manifest, env } = given;
  const argv = ["-Y", "verify", "-I", "devbackup", "-n", NAMESPACE, "-f", allowed, "-s", file];
  const checked = await execa("ssh-keygen", argv, { env, extendEnv: false, input: manifest, reject: false });
  if (checked.exitCode === 0) return true;
  // seen with OpenSSH 9.2: 255 for a signature that is not good, 1 for options that it does not know
  if (checked.exitCode === 255) return false;
  throw checked.code === "ENOENT" ? noSshKeygen() : failed(checked.stderr || (checked.shortMessage ?? ""));
}

const noSshKeygen = (): DevbackupError =>
  new DevbackupError({
    code: "no-ssh-keygen",
    exitCode: 1,
    what: "the manifest's signature cannot be checked: there is no ssh-keygen on this machine",
    state: "Nothing was changed",
    next: "Install the OpenSSH client: apt-get install openssh-client",
  });

const failed = (why: string): DevbackupError =>
  new DevbackupError({
    code: "ssh-keygen-failed",
    exitCode: 1,
    what: "the manifest's signature could not be checked: ssh-keygen failed",
    why,
    state: "Nothing was changed",
    next: "ssh-keygen -Y verify needs OpenSSH 8.1 or newer: ssh -V",
  });
