import { homedir, userInfo } from "node:os";
import {
  answersFromFlags,
  type InitFlags,
  type Person,
  type StarterAnswers,
} from "../desired-state/answers.ts";
import { starterState, writeStarter } from "../desired-state/init.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

/** `devbackup init [DIR]`: a starter desired state, from questions on a terminal or from flags. */
export async function initCommand(dir: string | undefined, flags: CommonFlags & InitFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const person = { home: homedir(), user: userInfo().username };
  const answers = terminal.interactive ? await ask(flags, person) : answersFromFlags(flags, person);
  if (answers === null) return 130;
  const file = writeStarter(dir ?? "desired-state", starterState(answers));
  if (terminal.json) await terminal.document({ formatVersion: 1, file });
  terminal.say(
    `Wrote ${file}. Look it through, then: devbackup plan${dir === undefined ? "" : ` --config ${dir}`}\n`,
  );
  return 0;
}

/** Null where the questions were broken off. */
async function ask(flags: InitFlags, person: Person): Promise<StarterAnswers | null> {
  const { askForAnswers } = await import("../desired-state/ask.ts");
  return askForAnswers(flags, person).catch((error: unknown) => {
    if (error instanceof Error && error.name === "ExitPromptError") return null;
    throw error;
  });
}
