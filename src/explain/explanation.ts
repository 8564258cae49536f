import type { HostName } from "../domain/names.ts";
import type { Action } from "../plan/plan.ts";
import type { Told } from "../reconcilers/recorder.ts";

/** Why an action is in a plan, and what carrying it out comes to. Data alone, and no secrets. */
export interface Explanation {
  readonly action: Action;
  /** What actions of its kind are for, in a sentence. */
  readonly does: string;
  readonly asked: readonly Asked[];
  readonly found: readonly Found[];
  readonly steps: readonly Step[];
  /** Why the steps end where they do, where there are more; null where these are all. */
  readonly open: string | null;
}

/** A line of the desired state, or a flag, that asks for it. */
export interface Asked {
  /** `datasets.dev.path`, `--restore`. */
  readonly key: string;
  /** `FILE:LINE`; null where a default filled it in, or a flag says it. */
  readonly at: string | null;
  /** The line as it was written, or what a flag was given; null for a default. */
  readonly text: string | null;
}

/** A fact that it follows from, in a few words. */
export interface Found {
  readonly what: string;
  readonly is: string;
}

/** What is carried out, in its order. Scripts are POSIX sh, as they reach the host; what they get on stdin is not told. */
export type Step =
  | { readonly kind: "script"; readonly host: HostName; readonly script: string; readonly fed: boolean }
  | Extract<Told, { readonly kind: "pipe" }>
  /** Something that this machine does by itself, or asks of the bucket. */
  | { readonly kind: "here"; readonly does: string };

/** What stands in a script for what only the run will tell, and for digests of secrets. */
export const KNOWN_LATER = { sha256: "SHA256", bytes: "BYTES", etag: "ETAG" } as const;
