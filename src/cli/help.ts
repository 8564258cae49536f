import { existsSync } from "node:fs";
import { join } from "node:path";
import { everyCommand, examplesOf, type ProgramCommand } from "./commands/program-command.ts";

/** As the manual has them, in fewer words. */
export const EXIT_CODES: Readonly<Record<number, string>> = {
  0: "done, or nothing to do",
  1: "an error; status --check: something is overdue or in doubt; apply: something is left undone",
  2: "plan --detailed-exitcode: there are changes",
  3: "another apply holds the lock",
  4: "a host cannot be reached, or refuses its key or login",
  5: "the saved plan no longer fits what is there",
  6: "something stored is damaged, missing or not authentic",
  130: "interrupted",
};

/**
 * Every command shows what is typed, and the program what its exit codes mean. Whoever mistypes is told where the right words
 * stand: at the help of the very command, beside the nearest of its words.
 */
export function addHelp(program: ProgramCommand): void {
  for (const { words, command } of everyCommand(program)) {
    command.showHelpAfterError(`(${words} --help shows what there is)`);
    command.addHelpText("after", () => exampleLines(command).join("\n"));
  }
  program.addHelpText("after", () => {
    const codes = Object.entries(EXIT_CODES).map(([code, means]) => `  ${code.padStart(3)}  ${means}`);
    return [
      "",
      "Exit codes:",
      ...codes,
      "",
      "To begin: devbackup init, then validate, plan, apply.",
      "Flags of a command: devbackup COMMAND --help.",
      ...manualLines(),
    ].join("\n");
  });
}

function exampleLines(command: ProgramCommand): string[] {
  const examples = examplesOf(command).flatMap(({ typed, does }) => [`  ${typed}`, `      ${does}`]);
  return examples.length === 0 ? [] : ["", "Examples:", ...examples];
}

/** From dist/, from where this file lies, and from where the Debian package puts the executable. */
const DOCUMENTS = ["../docs", "../../docs", "../share/doc/devbackup/docs"];

/** Nothing where the program was installed without its documents, as a schedule does. */
function manualLines(): string[] {
  const found = DOCUMENTS.map((folder) => join(import.meta.dirname, folder, "manual.md")).find((file) =>
    existsSync(file),
  );
  return found === undefined ? [] : [`The manual: ${found}`];
}
