import { addBackup } from "./commands/backup.ts";
import { addBeside } from "./commands/beside.ts";
import { addDesiredState } from "./commands/desired-state.ts";
import { addKeys } from "./commands/keys.ts";
import { addManifest } from "./commands/manifest.ts";
import { ProgramCommand } from "./commands/program-command.ts";
import { addStanding } from "./commands/standing.ts";
import { addHelp } from "./help.ts";

const GROUPS = [
  ["The desired state:", addDesiredState],
  ["Backup and restore:", addBackup],
  ["How it stands:", addStanding],
  ["Manifest and keys:", addManifest],
  ["Manifest and keys:", addKeys],
  ["Besides:", addBeside],
] as const;

/** Every command with its flags, in the order in which the help names them. Nothing is run, and no command's code is loaded. */
export function buildProgram(version: string): ProgramCommand {
  const program = new ProgramCommand("devbackup")
    .description(
      "Declarative backups of Btrfs workstations: to a server at home, proven there, and encrypted into the cloud.",
    )
    .version(version)
    .example("devbackup init", "write a desired state to begin with")
    .example("devbackup plan", "what a backup would do, and why; changes nothing")
    .example("devbackup apply", "make it so")
    .example(
      "devbackup restore latest --to /tmp/look",
      "everything of the newest label, beside what is there",
    );
  for (const [group, add] of GROUPS) {
    program.commandsGroup(group);
    add(program);
  }
  addHelp(program);
  return program;
}
