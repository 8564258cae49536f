import type { Code } from "../domain/code.ts";
import type { JournalRun } from "../domain/journal.ts";
import type { Cadence, Label } from "../domain/label.ts";
import type { AbsolutePath, DatasetName, HostName } from "../domain/names.ts";
import type { ActionId, Hazard, Stage } from "../plan/plan.ts";

/**
 * Where everything stands, at one time: what `devbackup status --json` prints and what `status` and `report` show.
 * Plain data: times are RFC 3339 in UTC, ages and durations milliseconds, sizes bytes. `formatVersion` 1.
 */
export interface Status {
  readonly formatVersion: 1;
  readonly takenAt: string;
  /** The worst of the datasets', and of what is in doubt of none of them. */
  readonly verdict: Verdict;
  /** Why it is not `well`, a line each, what weighs most first. */
  readonly because: readonly string[];
  /** Hosts that did not answer: what stands there is unknown. */
  readonly away: readonly { readonly host: HostName; readonly why: string }[];
  /** Null where none is declared. */
  readonly schedule: ScheduleStatus | null;
  /** Null where none is declared. */
  readonly cloud: CloudStatus | null;
  /** About no dataset in particular. */
  readonly doubts: readonly Doubt[];
  /** About no dataset in particular: what would be better, and stops nothing. */
  readonly advice: readonly string[];
  readonly datasets: readonly DatasetStatus[];
}

/**
 * `overdue`: the newest backup is older than allowed, or there is none. `in-doubt`: something stored, or what is known
 * of it, is not as it should be; that weighs more.
 */
export type Verdict = "well" | "overdue" | "in-doubt";

export interface ScheduleStatus {
  readonly on: HostName;
  /** systemd OnCalendar. */
  readonly calendar: string;
  /** Whether it stands there as it is declared; null where that is not known. */
  readonly isSetUp: boolean | null;
  /** Null where it is not known, and while a run goes on. */
  readonly nextRunAt: string | null;
  readonly lastRunAt: string | null;
  /** When a run that found a host away, or another one at work, is tried again; null where none waits. */
  readonly retryAt: string | null;
  /** What the last run ended with; null where its host has none to tell of since it was started. */
  readonly lastExit: { readonly at: string; readonly exitCode: number } | null;
}

/** What the datasets of this status take in the bucket. */
export interface CloudStatus {
  readonly bucket: string;
  /** Null where it could not be looked at. */
  readonly objects: number | null;
  readonly bytes: number | null;
  /** By R2's price list; null for another store, or where `bytes` is. */
  readonly monthlyCostUsd: number | null;
  /** Why it could not be looked at; else null. */
  readonly unknown: string | null;
}

export interface DatasetStatus {
  readonly dataset: DatasetName;
  readonly workstation: HostName;
  readonly server: HostName;
  readonly cadence: Cadence;
  readonly verdict: Verdict;
  readonly because: readonly string[];
  /** Oldest first: labels, and the periods between them that passed without a backup. */
  readonly history: readonly (LabelStatus | Gap)[];
  /** The label of the period that is now. */
  readonly current: Label;
  /** Null where nothing is registered. */
  readonly newest: { readonly label: Label; readonly at: string; readonly ageMs: number } | null;
  /**
   * `isOverdue` where the newest is older than `allowed` (`40 days`), or there is none. `since`: when it became so; null
   * where it is not, or nothing is registered.
   */
  readonly overdue: {
    readonly isOverdue: boolean;
    readonly allowed: string;
    readonly since: string | null;
  };
  /** The one that the newest label ends; null where nothing is registered. */
  readonly chain: ChainStatus | null;
  readonly nextAnchor: NextAnchor;
  readonly due: readonly DueAction[];
  readonly doubts: readonly Doubt[];
  /** What would be better, and stops nothing. */
  readonly advice: readonly string[];
  readonly space: SpaceStatus;
  /** Null without a cloud, or where the bucket could not be looked at. */
  readonly inBucket: { readonly objects: number; readonly bytes: number } | null;
  readonly restore: RestoreEstimate;
  /** Null where nobody could look. */
  readonly verification: VerificationStatus | null;
  /** Proofs and failures, newest last. Null where nobody could look. */
  readonly drills: readonly DrillStatus[] | null;
  /** Of those that had something to do, at most {@link APPLIES_SHOWN}, newest last. Null where nobody could read them. */
  readonly applies: readonly ApplyStatus[] | null;
}

/**
 * `missing`: not there and should be; `not-wanted`: not there, and nothing asks for it; `due`: not there yet, and made
 * when its turn comes; `unknown`: nobody could look.
 */
export type Standing = "whole" | "missing" | "damaged" | "unknown" | "not-wanted" | "due";

export const PLACES = ["workstation", "artifact", "manifest", "server", "cloud"] as const;
/** Snapshot on the workstation, artifact on the server, its row, its snapshot on the server, its object in the bucket. */
export type PlaceName = (typeof PLACES)[number];

export interface LabelStatus {
  readonly kind: "label";
  readonly label: Label;
  /** Null where it is not made yet, and hangs on what is made before. */
  readonly type: "anchor" | "increment" | null;
  readonly parent: Label | null;
  /** Of the artifact, by its row; null before that. */
  readonly sizeBytes: number | null;
  readonly sha256: string | null;
  readonly at: string | null;
  readonly ageMs: number | null;
  readonly places: Readonly<Record<PlaceName, Standing>>;
  /** Whether what it takes to make it again is there; null where that is not known, or it has no row yet. */
  readonly restorable: boolean | null;
}

/** Periods that passed without a backup, in a row. */
export interface Gap {
  readonly kind: "gap";
  readonly from: Label;
  readonly to: Label;
  readonly count: number;
}

export interface ChainStatus {
  readonly anchor: Label;
  /** Artifacts, the anchor among them. */
  readonly length: number;
  readonly anchorBytes: number;
  readonly incrementBytes: number;
}

/** By the rule, were increments to go on as the last ones did. */
export interface NextAnchor {
  /** Null: none in sight. */
  readonly label: Label | null;
  readonly by: "first" | "age" | "growth" | "parent-gone" | null;
  /** In words, with the numbers. */
  readonly because: string;
}

export interface DueAction {
  readonly id: ActionId;
  /** What `--approve` takes for all of its kind. */
  readonly kind: string;
  readonly host: HostName;
  readonly stage: Stage;
  readonly label: Label | null;
  readonly summary: string;
  /** Any other than `none` waits for approval. */
  readonly hazard: Hazard;
}

export interface Doubt {
  readonly code: Code;
  readonly host: HostName | null;
  /** `damage`: something stored is damaged, missing or not authentic; `problem`: stops the next apply. */
  readonly weight: "damage" | "problem" | "warning";
  readonly text: string;
  /** What to type or change; null where the text says it, or the next apply mends it. */
  readonly next: string | null;
}

export interface Room {
  readonly path: AbsolutePath;
  readonly freeBytes: number;
  readonly sizeBytes: number;
  /** Of a Btrfs quota; null for none. */
  readonly quotaLeftBytes: number | null;
}

export interface SpaceStatus {
  /** Null where it could not be looked at. */
  readonly server: Room | null;
  readonly workstation: Room | null;
  /** What one more label takes on the server, as the last ones did; null before the first. */
  readonly growthBytesPerLabel: number | null;
  /** For how long the server's room does at that, were nothing let go; null where that is not known. */
  readonly monthsLeft: number | null;
}

export interface RestoreEstimate {
  /** Null before the first drill, and where nobody could look. */
  readonly estimateMs: number | null;
  /** `as the drill of 2026-03 took`, `no drill yet` or `not known`. */
  readonly because: string;
}

/** The newest; `none` where there was none. */
export type VerificationStatus =
  | { readonly result: "none" }
  | {
      readonly at: string;
      readonly ageMs: number;
      readonly result: "whole" | "damaged";
      /** What was looked at, in words: `24 of 24 artifacts, 1 of 2 hydrated snapshots`. */
      readonly what: string;
    };

export interface DrillStatus {
  readonly at: string;
  readonly ageMs: number;
  readonly label: Label;
  /** `proven`: it is what was backed up. `restored`: whole, and there was no fingerprint to compare it with. */
  readonly result: "proven" | "restored" | "failed";
  readonly durationMs: number;
  readonly sizeBytes: number | null;
  /** Why it failed, or proves less; else null. */
  readonly why: string | null;
}

export const APPLIES_SHOWN = 50;

/** One run, as its journal tells it. */
export interface ApplyStatus extends JournalRun {
  readonly ageMs: number;
}
