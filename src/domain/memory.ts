import type { Fact } from "./fact.ts";
import { compareLabels, type Label } from "./label.ts";
import type { DatasetName, Sha256, Signer } from "./names.ts";

/** What the controller has seen of one dataset, so that nothing older or another's passes for it later. */
export interface Seen {
  /** Whose signature the manifest had; null before the first. */
  readonly signer: Signer | null;
  /** The newest row of the newest manifest with a good signature. */
  readonly newest: NewestSeen | null;
}

export interface NewestSeen {
  readonly label: Label;
  readonly ts: string;
  readonly manifestSha256: Sha256;
}

export interface Memory extends Seen {
  /** Of the copy of the escrow that lies here; null where there is none. */
  readonly escrowSha256: Sha256 | null;
  /** Where all this is kept. */
  readonly folder: string;
}

/**
 * What is remembered after `now` was seen with a good signature. The first signer stays, and so does the newest
 * label: another one is for the user to allow.
 */
export function remember(
  seen: Seen,
  now: { readonly signer: Signer; readonly newest: NewestSeen | null },
): Seen {
  if (seen.signer !== null && seen.signer !== now.signer) return seen;
  const older =
    seen.newest !== null && (now.newest === null || compareLabels(now.newest.label, seen.newest.label) < 0);
  return { signer: now.signer, newest: older ? seen.newest : now.newest };
}

/**
 * What is remembered after the user has let through a manifest that may end earlier than the newest one seen. Whose
 * signature counts is another question: the first signer stays.
 */
export const rememberAllowed = (
  seen: Seen,
  now: { readonly signer: Signer; readonly newest: NewestSeen | null },
): Seen => ({ signer: seen.signer ?? now.signer, newest: now.newest });

/** Whose signature a dataset's manifest must have: declared, else the first that was seen; null where nobody knows it. */
export const knownSigner = (
  declared: ReadonlyMap<DatasetName, Signer>,
  dataset: DatasetName,
  memory: Fact<Memory> | undefined,
): Signer | null => declared.get(dataset) ?? (memory?.kind === "known" ? memory.value.signer : null);
