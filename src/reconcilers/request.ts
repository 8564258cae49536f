import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import type { Label } from "../domain/label.ts";
import type { AbsolutePath, DatasetName, HostName } from "../domain/names.ts";
import type { Selection } from "../plan/assemble.ts";
import type { Stage } from "../plan/plan.ts";

/** What is asked of one plan. */
export interface Request {
  /** What each dataset is brought to: worked out once, so that midnight does not change a plan half way. */
  readonly labels: ReadonlyMap<DatasetName, Label>;
  /** Whether the label was named by the user, or is the current period's by the clock. */
  readonly labelled: boolean;
  /** Null for a backup; then `labels` says what is due. */
  readonly restore: RestoreRequest | null;
  readonly selection: Selection;
}

/** This label stands here, byte for byte. */
export interface RestoreRequest {
  /** The newest one that is registered, or one by name. */
  readonly label: Label | "latest";
  /** Null: where the dataset belongs. Else beside what is there. */
  readonly to: RestoreTarget | null;
}

export interface RestoreTarget {
  readonly host: HostName;
  /** Absent or empty until then. */
  readonly folder: AbsolutePath;
  /** Files and folders inside the dataset, relative to it; none means everything. */
  readonly paths: readonly string[];
}

/**
 * The hosts that have a part in it. A restore asks no more of them than it needs: the machine that was lost may
 * still be lost when a label is brought back beside what is there.
 */
export function hostsOf(desired: DesiredState, request: Request): ReadonlySet<HostName> {
  const { datasets, schedule } = desired;
  const { restore, selection } = request;
  const all = datasets.flatMap(({ workstation, server }: DatasetSpec) => [workstation, server]);
  if (restore === null)
    return new Set(asksForSchedule(desired, request) && schedule !== null ? [...all, schedule.on] : all);
  const servers = datasets.map(({ server }) => server);
  if (restore.to !== null) return new Set([...servers, restore.to.host]);
  return new Set(selection.host === null ? all : [...servers, selection.host]);
}

/** Of a schedule, which is about all datasets, nothing is asked where it is about some of them, or a restore. */
export const asksForSchedule = ({ partOf }: DesiredState, { restore, selection }: Request): boolean =>
  restore === null && selection.kinds === undefined && partOf === undefined;

/** Those that make a label: a run of others goes by what is registered. */
const MAKING: readonly Stage[] = ["snapshot", "artifact", "register"];

/** Whether what is due is made, or a part of it. */
export const isMakingLabels = ({ selection: { stages, kinds } }: Request): boolean =>
  kinds === undefined && (stages === null || stages.some((stage) => MAKING.includes(stage)));
