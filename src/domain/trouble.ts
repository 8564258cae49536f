import type { Code } from "./code.ts";
import type { HostName } from "./names.ts";

/** The exit codes of `docs/manual.md`; 2 is no error and stands in the CLI alone. */
export type ExitCode = 1 | 3 | 4 | 5 | 6 | 130;

/**
 * In a `next`: the command that was typed once more, and what shows the same without doing it. Only the CLI knows their
 * words, and puts them in; where it does not, these are right for whoever has one desired state in its usual place.
 */
export const AGAIN = "devbackup apply";
export const LOOK = "devbackup plan";

/** What a person needs to know when something went wrong. Each field is a sentence without a full stop. */
export interface Trouble {
  /** Stable and searchable, in kebab-case: `host-key-unknown`. */
  readonly code: Code;
  readonly exitCode: ExitCode;
  /** Where it happened; left out where no host is concerned. */
  readonly host?: HostName;
  /** What went wrong with which thing. */
  readonly what: string;
  /** The cause as far as it is known: a refused value, the end of a command's stderr. */
  readonly why?: string;
  /** What state things are in now, and whether it is safe to run again. */
  readonly state?: string;
  /** What to type or change next. */
  readonly next?: string;
}

/** The only error that is meant for people; anything else that reaches the CLI is a defect of ours. */
export class DevbackupError extends Error {
  readonly trouble: Trouble;

  constructor(trouble: Trouble, options?: ErrorOptions) {
    super(trouble.host ? `${trouble.host}: ${trouble.what}` : trouble.what, options);
    this.name = "DevbackupError";
    this.trouble = trouble;
  }
}
