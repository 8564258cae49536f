import type { CloudSpec, DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import type { Fact } from "../domain/fact.ts";
import type { Label } from "../domain/label.ts";
import type { Manifest } from "../domain/manifest.ts";
import type { Memory } from "../domain/memory.ts";
import type { HostName } from "../domain/names.ts";
import type { PendingLabel } from "../domain/pending.ts";
import type { Stage } from "../plan/plan.ts";
import type { BucketFacts, DatasetFacts, Observation, RecoveredFacts } from "./facts.ts";
import type { LookedAtRestriction } from "./machine/restriction.ts";
import type { SystemFacts } from "./machine/system.ts";
import type { RestoreRequest } from "./request.ts";
import type { LookedAtSchedule } from "./schedule/wanted.ts";

/** Where a dataset is to be brought, and what is still to be made for it. */
export interface Course {
  readonly target: Label;
  /** What is registered, or will be once a lost manifest is put back; empty where nobody can tell. */
  readonly rows: Manifest;
  /** Labels without a row, oldest first; the last is the target. */
  readonly pending: readonly PendingLabel[];
}

/** What a reconciler may look at to say what has to be done for one dataset. */
export interface View {
  readonly desired: DesiredState;
  readonly spec: DatasetSpec;
  readonly facts: DatasetFacts;
  /** Of every host of the dataset. */
  readonly systems: ReadonlyMap<HostName, Fact<SystemFacts>>;
  /** Of servers whose logins were looked at. */
  readonly restrictions?: ReadonlyMap<HostName, LookedAtRestriction>;
  /** Left out where it was not looked at. */
  readonly schedule?: LookedAtSchedule;
  /** The same: those that schedules are looked at for. */
  readonly scripts?: Observation["scripts"];
  /** Null where no cloud is declared. */
  readonly cloud: { readonly spec: CloudSpec; readonly bucket: Fact<BucketFacts> } | null;
  /** What this controller has seen before. */
  readonly memory: Fact<Memory>;
  readonly takenAt: Date;
  /** Which labels are due, and how each is made. */
  readonly course: Course;
  /** Null where this is a backup. */
  readonly restore: RestoreRequest | null;
  /** What the plan is limited to; null for everything. */
  readonly stages: readonly Stage[] | null;
  /** Those that have a part in it; what is on others was not asked. */
  readonly hosts: ReadonlySet<HostName>;
  /** What the escrow and the bucket say; absent where nobody had to open them, or could. */
  readonly recovered: Fact<RecoveredFacts>;
}

/**
 * Whether a host gets all that the dataset wants of it. A label that is brought beside what is there needs the server,
 * and of the machine that it is brought to nothing but room.
 */
export const isSetUp = ({ spec, hosts, restore }: View, host: HostName): boolean =>
  hosts.has(host) && (host === spec.server || (restore?.to ?? null) === null);
