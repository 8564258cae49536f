import { Command } from "commander";

/** What somebody types, and what that does: a line for the help and the man page. */
export interface Example {
  readonly typed: string;
  readonly does: string;
}

/** A command with examples beside its flags; what is declared below it is one, too. */
export class ProgramCommand extends Command {
  readonly shown: Example[] = [];

  override createCommand(name?: string): ProgramCommand {
    return new ProgramCommand(name);
  }

  example(typed: string, does: string): this {
    this.shown.push({ typed, does });
    return this;
  }
}

/** Its own; of one that only holds others, the first of each. */
export const examplesOf = ({ shown, commands }: ProgramCommand): readonly Example[] =>
  shown.length > 0 ? shown : commands.filter(isOurs).flatMap((each) => examplesOf(each).slice(0, 1));

/** What commander adds of its own (`help`) is not. */
const isOurs = (command: Command): command is ProgramCommand => command instanceof ProgramCommand;

/** A command and all below it that are not hidden, each with its whole name (`devbackup manifest list`), in the order of the help. */
export function everyCommand(
  command: ProgramCommand,
  words = command.name(),
): readonly { readonly words: string; readonly command: ProgramCommand }[] {
  const visible = new Set(command.createHelp().visibleCommands(command));
  return [
    { words, command },
    ...command.commands
      .filter(isOurs)
      .filter((each) => visible.has(each))
      .flatMap((each) => everyCommand(each, `${words} ${each.name()}`)),
  ];
}
