import type { WrittenFile } from "../../desired-state/load.ts";
import type { Standpoint } from "../../desired-state/standpoint.ts";
import type { Fact } from "../../domain/fact.ts";
import type { HostName, Sha256 } from "../../domain/names.ts";
import type { AskedFacts } from "./asked-facts.ts";
import type { ScheduleFacts } from "./schedule-facts.ts";

/** A schedule as it should stand. No secrets: of these only what tells one from another. */
export interface WantedSchedule {
  readonly on: HostName;
  /** systemd OnCalendar. */
  readonly calendar: string;
  /** What a run may take to end once it is told to. */
  readonly stopSeconds: number;
  /** Null where this devbackup can't be installed elsewhere: it runs from its source. */
  readonly program: { readonly name: string; readonly machine: string; readonly system: string } | null;
  /** Of the desired state, as they were written. */
  readonly texts: readonly WrittenFile[];
  readonly standpoint: Standpoint;
  /** By the name of the credential. */
  readonly secrets: ReadonlyMap<string, WantedSecret>;
}

/** Its digest, which tells it from another one, or why it can't be read here. */
export type WantedSecret =
  | { readonly kind: "read"; readonly digest: string }
  | { readonly kind: "unreadable"; readonly why: string; readonly next: string };

/** What running it takes besides, on the controller. */
export interface ToInstall {
  /** The program's files: where each goes, relative to the program's folder, and where it lies here. */
  readonly files: readonly ProgramFile[];
  /** @throws DevbackupError where it can't be read */
  readonly secret: (name: string) => Promise<string>;
}

export interface ProgramFile {
  readonly path: string;
  readonly here: string;
  readonly sha256: Sha256;
}

/** What was looked at, and what should be there. */
export interface LookedAtSchedule {
  /** Null where no schedule is declared; left out where it was only looked at, and nothing is to follow from it. */
  readonly wanted?: WantedSchedule | null;
  readonly there: ReadonlyMap<HostName, Fact<ScheduleFacts>>;
  /** Of its host; absent where none is declared. */
  readonly asked: Fact<AskedFacts>;
}
