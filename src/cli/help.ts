import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command, Help, type Option } from "commander";
import { EVERYWHERE } from "./commands/declare.ts";
import { everyCommand, examplesOf, type ProgramCommand } from "./commands/program-command.ts";

/** As the manual has them, in fewer words. */
export const EXIT_CODES: Readonly<Record<number, string>> = {
  0: "done, or nothing to do",
  1: "an error; or something is left undone, overdue or in doubt",
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
    command.configureHelp({ subcommandTerm: withoutOptions, visibleOptions: ownFirst, groupItems: asShown });
    const hint = command.commands.length > 0 ? "  A flag stands behind the command that it is for\n" : "";
    command.configureOutput({
      outputError: (text, write) => write(`${asAnError(text)}${text.includes("unknown option") ? hint : ""}`),
    });
    command.showHelpAfterError(`  next: ${words} --help`);
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

/** Every command has options; said of each, it leaves 80 columns no room for what the command does. */
const withoutOptions = (command: Command): string =>
  new Help().subcommandTerm(command).replace(" [options]", "");

const ownFirst: Help["visibleOptions"] = (command) => {
  const all = new Help().visibleOptions(command);
  const isOwn = ({ helpGroupHeading }: Option) => helpGroupHeading !== EVERYWHERE;
  return [...all.filter(isOwn), ...all.filter((option) => !isOwn(option))];
};

/** Commander has the groups in the order in which their items were declared. */
const asShown: Help["groupItems"] = (_, shown, groupOf) => new Help().groupItems([...shown], shown, groupOf);

/** Commander's message, in the form of all others. */
const asAnError = (text: string): string =>
  text.replace(/$/m, " [wrong-flag]").replace(/^\((Did you mean .*)\)$/m, "  $1");

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
