import type { DatasetName, HostName, Signer } from "../domain/names.ts";
import type { DevbackupError } from "../domain/trouble.ts";
import type { Action } from "../plan/plan.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import type { Host } from "../transport/host.ts";
import type { Answer } from "./answer.ts";
import type { ToInstall } from "./schedule/wanted.ts";
import type { View } from "./view.ts";

/** One kind of thing: how desired and actual differ, and how the difference is made good. */
export interface Reconciler<Input = unknown> {
  readonly kind: string;
  /** Pure. Needs may name ids that turn out not to be in the plan: there was nothing to do there. */
  diff(view: View): Answer<Input>;
  /**
   * Carries out one action of its own making, as it was worked out from the newest facts. Resolves with what
   * only the run could tell, as one line, or null.
   * @throws DevbackupError; rejects with `signal.reason` where it was interrupted and has undone itself.
   */
  run(action: Action<Input>, tools: Tools): Promise<string | null>;
}

/** Secrets, as the files that they were and will be again. */
export interface EscrowedKeys {
  readonly backupKeyFile: string;
  readonly signKeyFile: string;
}

/** What a running action may use. */
export interface Tools {
  readonly host: (name: HostName) => Host;
  readonly bucket: () => Promise<Bucket>;
  /** The escrow's keys, for the reconcilers that put them back. Only where a recovery identity was given. */
  readonly escrow: (dataset: DatasetName) => Promise<EscrowedKeys>;
  /** Has this controller remember the signer, from now on. */
  readonly trust: (dataset: DatasetName, signer: Signer) => Promise<void>;
  /** Keeps a copy of the escrow on this controller. */
  readonly keepEscrow: (dataset: DatasetName, bytes: Uint8Array) => Promise<void>;
  /** What a schedule installs. Left out where none was looked at. */
  readonly scheduled?: () => Promise<ToInstall>;
  readonly now: () => Date;
  /** Aborted on the first Ctrl-C: what takes long undoes itself, what is short finishes. */
  readonly signal: AbortSignal;
  readonly progress: (bytes: number, totalBytes: number | null) => void;
  /** Tells of what went wrong and undoes nothing of the action: the rest goes on, and the run ends with 1. */
  readonly besides: (trouble: DevbackupError) => void;
  /** Throws where the lock is lost: called after what takes long, before anything becomes final. */
  readonly assertHeld: () => void;
}
