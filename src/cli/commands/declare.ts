import { Option } from "commander";
import type { CommonFlags } from "../terminal.ts";
import type { ProgramCommand } from "./program-command.ts";

/** For an option that may be given several times. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** What stands over {@link common} in the help. */
export const EVERYWHERE = "Of every command:";

/** What every command takes; commander reads options of the program only in front of the command's name. */
export function common(command: ProgramCommand): ProgramCommand {
  const everywhere = (flags: string, does: string) => new Option(flags, does).helpGroup(EVERYWHERE);
  return command
    .addOption(everywhere("-c, --config <path>", "the desired state: a file or a directory"))
    .addOption(everywhere("--json", "machine-readable output; text for people goes to stderr"))
    .addOption(everywhere("--no-color", "plain text (as NO_COLOR does)"))
    .addOption(everywhere("-q, --quiet", "say only what is needed"))
    .addOption(everywhere("-v, --verbose", "say more"))
    .addHelpOption(everywhere("-h, --help", "show this"));
}

/** What opens the escrow, where the server has lost its keys; `when` it is of use, where that is not always. */
export const identifying = (command: ProgramCommand, when = ""): ProgramCommand =>
  command
    .option("--identity <file>", `${when}the recovery identity, where the server has lost its keys`)
    .option("--passphrase-file <file>", "what opens that identity, where nobody can be asked");

/** What `plan` and `apply` share. */
export const selecting = (command: ProgramCommand): ProgramCommand =>
  identifying(common(command), "with --restore: ")
    .option("--restore <label>", "bring back this label, or the latest, instead of backing up")
    .option("--to <path>", "with --restore: into this folder, beside what is there")
    .option("--label <label>", "the label to bring the datasets to (default: the current period's)")
    .option("--dataset <name>", "this dataset alone")
    .option("--host <name>", "actions on this host alone")
    .option(
      "--only <stages>",
      "these stages alone: provision, snapshot, artifact, register, hydrate, cloud, retention; comma-separated",
    );

/** Runs a command and turns what it throws into words and an exit code. `typed`: its name, where it contacts anything. */
export const run = (flags: CommonFlags, command: () => Promise<number>, typed?: string): Promise<void> =>
  command()
    .catch(async (error: unknown) => (await import("../show-error.ts")).showError(error, flags, typed))
    .then((exitCode) => {
      process.exitCode = exitCode;
    });
