import { homedir, userInfo } from "node:os";
import { answersFromFlags, type InitFlags } from "../desired-state/answers.ts";
import { starterState, writeStarter } from "../desired-state/init.ts";
import { answered } from "./confirm.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

/** `devbackup init [DIR]`: a starter desired state, from questions on a terminal or from flags. */
export async function initCommand(dir: string | undefined, flags: CommonFlags & InitFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const person = { home: homedir(), user: userInfo().username };
  const answers = terminal.interactive
    ? await answered((await import("../desired-state/ask.ts")).askForAnswers(flags, person))
    : answersFromFlags(flags, person);
  const file = writeStarter(dir ?? "desired-state", starterState(answers));
  if (terminal.json) await terminal.document({ formatVersion: 1, file });
  terminal.say(
    `Wrote ${file}. Look it through, then: devbackup plan${dir === undefined ? "" : ` --config ${dir}`}\n`,
  );
  return 0;
}
