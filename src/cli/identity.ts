import type { AgeIdentity } from "../recovery/age-file.ts";
import { askPassphrase } from "./passphrase.ts";
import type { Terminal } from "./terminal.ts";

export interface IdentityFlags {
  /** A file that holds a recovery identity. */
  readonly identity?: string;
  readonly passphraseFile?: string;
}

/** The recovery identities of `--identity`, or none where it was not given. */
export async function identitiesOf(
  { identity, passphraseFile }: IdentityFlags,
  terminal: Terminal,
): Promise<readonly AgeIdentity[]> {
  if (identity === undefined) return [];
  const { openIdentity } = await import("../recovery/identity.ts");
  const opened = await openIdentity(identity, () => askPassphrase(identity, passphraseFile, terminal));
  for (const text of opened.warnings) terminal.warn(text);
  return opened.identities;
}
