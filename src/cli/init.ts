import { homedir, userInfo } from "node:os";
import { answersFromFlags, type InitFlags, type StarterAnswers } from "../desired-state/answers.ts";
import { refuseSecondState, starterState, writeStarter } from "../desired-state/init.ts";
import { answered } from "./confirm.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

/** `devbackup init [DIR]`: a starter desired state, from questions on a terminal or from flags. */
export async function initCommand(dir: string | undefined, flags: CommonFlags & InitFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const folder = dir ?? "desired-state";
  refuseSecondState(folder);
  const person = { home: homedir(), user: userInfo().username };
  const answers = terminal.interactive
    ? await answered((await import("../desired-state/ask.ts")).askForAnswers(flags, person))
    : answersFromFlags(flags, person);
  const file = writeStarter(folder, starterState(answers));
  if (terminal.json) await terminal.document({ formatVersion: 1, file });
  terminal.say(
    `Wrote ${file}. Look it through, then: devbackup plan${dir === undefined ? "" : ` --config ${dir}`}\n${secretsLine(answers)}`,
  );
  return 0;
}

function secretsLine({ cloud }: StarterAnswers): string {
  if (cloud === null) return "";
  const places = [cloud.accessKeyId, cloud.secretAccessKey].map((place) =>
    "env" in place ? `$${place.env}` : place.file,
  );
  return `The bucket's access key is read from ${places.join(" and ")}: have it there first.\n`;
}
