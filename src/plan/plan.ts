import type { Code } from "../domain/code.ts";
import type { Label } from "../domain/label.ts";
import type { Brand, DatasetName, HostName } from "../domain/names.ts";

/** `KIND:SUBJECT`, unique in a plan and the same in every plan about the same thing: `snapshot:dev@2026-03`. */
export type ActionId = Brand<string, "ActionId">;

/** In the order of one backup. */
export const STAGES = [
  "provision",
  "snapshot",
  "artifact",
  "register",
  "hydrate",
  "cloud",
  "retention",
] as const;
export type Stage = (typeof STAGES)[number];

/** `disruptive` and `destructive` actions are carried out only where they have been approved. */
export type Hazard = "none" | "disruptive" | "destructive";
export type Change = "create" | "update" | "delete";

/** One step that apply can carry out. Data alone: it can be written to a file and compared. */
export interface Action<Input = unknown> {
  readonly id: ActionId;
  /** The host that is changed; for objects in the bucket, the server that sends them. */
  readonly host: HostName;
  /** Null where it serves several. */
  readonly dataset: DatasetName | null;
  readonly label: Label | null;
  readonly stage: Stage;
  /** The name of the reconciler that made it and can run it. */
  readonly kind: string;
  readonly change: Change;
  /** One line, imperative: `take the read-only snapshot dev@2026-03`. */
  readonly summary: string;
  /** One line with the numbers: `anchor: increments since dev@2026-01 are 1.2 GiB, the anchor is 1.1 GiB`. */
  readonly reason: string;
  /** Further lines for a person: paths, packages, sizes. */
  readonly details: readonly string[];
  readonly hazard: Hazard;
  /** The key of the desired state that approves it once and for all. Left out: whoever runs it is asked. */
  readonly approvedBy?: "retention.auto";
  /** What an apply ends with that leaves it undone: something stored is not authentic. Left out: no failure by itself. */
  readonly exitCode?: 6;
  /** Must have been done before; only ids of this plan. */
  readonly needs: readonly ActionId[];
  /** What must still be so when it is carried out, as plain words or numbers. */
  readonly assumes: Readonly<Record<string, string | number | boolean | null>>;
  /** What its reconciler needs to run it. Plain data. */
  readonly input: Input;
}

/** Something that a person should know and that stops nothing. */
export interface Warning {
  readonly code: Code;
  readonly host: HostName | null;
  readonly dataset: DatasetName | null;
  readonly text: string;
  /** Nobody could look: actions of this stage are missing from the plan, not unneeded. */
  readonly hides?: Stage;
}

/** Something that must be put right before anything is done. */
export interface Problem extends Warning {
  /** What to type or change. */
  readonly next: string;
  /** Something stored is damaged, missing or not authentic. Left out: 1. */
  readonly exitCode?: 6;
}

/** What `devbackup plan` shows and `devbackup apply` carries out; `formatVersion` 1 is the contract's. */
export interface Plan {
  readonly formatVersion: 1;
  /** RFC 3339, UTC. */
  readonly createdAt: string;
  readonly mode: "backup" | "restore";
  /** The label that each dataset is brought to. */
  readonly labels: Readonly<Record<string, Label>>;
  readonly warnings: readonly Warning[];
  /** What it comes to as a whole, a line each: artifacts, bytes from where, room. */
  readonly notes: readonly string[];
  /** While there is one, nothing is applied. */
  readonly problems: readonly Problem[];
  /** In the order in which they are carried out. */
  readonly actions: readonly Action[];
  readonly summary: {
    readonly total: number;
    readonly create: number;
    readonly update: number;
    readonly delete: number;
    /** How many wait for approval unless it is given. */
    readonly hazardous: number;
  };
}
