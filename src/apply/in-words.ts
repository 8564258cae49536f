import { AGAIN, DevbackupError, LOOK } from "../domain/trouble.ts";
import { mendDisk } from "./mend-disk.ts";

/** What the user typed, for the commands that are suggested. */
export interface Typed {
  /** With the flags that make it another one. */
  readonly command: string;
  /** What shows the same, and does nothing. */
  readonly planCommand: string;
  /** With all that goes for this once: what was approved, a plan file. Left out where that is not what is to be typed. */
  readonly exactly?: string;
}

/** Where a run is not whoever reads of it: that one has the desired state in a place that only they know. */
export const FROM_THERE = "from where you apply: ";

/** With a flag it is another command that is meant; but for `--approve` and `--label`, which add to what was typed. */
const WHOLE = new RegExp(`(?<!${FROM_THERE})(${AGAIN}|${LOOK})(?! -(?!-(?:approve|label) ))`, "g");

/** Other commands that read the desired state, and have no `--config` up to the next command or sentence. */
const OTHERS =
  /\bdevbackup (?:verify|drill|status|report|restore|keys (?:show|escrow|test)|manifest (?:latest|list|chain|import|migrate|rebuild))\b(?!(?:(?!\bdevbackup )[^;\n])*? --config )/g;

/** What names the desired state, and its word as a shell has it. */
const CONFIG = / --config (?:'[^']*'|\\.|[^\s'\\])+/;

/** What to type next, in the words of the user. */
export function nextInWords(next: string, { command, planCommand }: Typed): string {
  // nothing where none was typed, nor where the run reads a copy
  const [config = ""] = CONFIG.exec(planCommand) ?? [];
  return next
    .replace(WHOLE, (named) => (named === AGAIN ? command : planCommand))
    .replace(OTHERS, (named) => `${named}${config}`);
}

/**
 * `error` with the commands that it suggests in the words of the user. Whoever threw it does not know what was typed.
 * Running out of room can be anybody's. An error that went through here comes back as it is.
 */
export function inWords(error: DevbackupError, typed: Typed): DevbackupError {
  const { why = "", host, next = AGAIN } = error.trouble;
  const first = next === AGAIN ? mendDisk(why, host) : null;
  const whole = first === null ? next : `${first}, then: ${next}`;
  // of what was refused the lock nothing was begun: all that was typed still goes
  const again = error.trouble.exitCode === 3 ? (typed.exactly ?? typed.command) : typed.command;
  const words = nextInWords(whole, { ...typed, command: again });
  return words === error.trouble.next
    ? error
    : new DevbackupError({ ...error.trouble, next: words }, { cause: error });
}

/** What `work` does; its errors {@link inWords}. */
export const suggesting = <Done>(typed: Typed, work: () => Promise<Done>): Promise<Done> =>
  work().catch((error: unknown) => {
    throw error instanceof DevbackupError ? inWords(error, typed) : error;
  });
