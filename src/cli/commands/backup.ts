import type { Command } from "commander";
import { collect, common, identifying, run, selecting } from "./declare.ts";

/** A backup or a restore: what it would do, and the doing. */
export function addBackup(program: Command): void {
  selecting(program.command("plan"))
    .description("show what apply would do and why; changes nothing")
    .option("--out <file>", "write the plan, for devbackup apply FILE")
    .option("--detailed-exitcode", "exit 2 where there are changes")
    .action((flags) =>
      run(flags, async () => (await import("../plan.ts")).planCommand(flags), "devbackup plan"),
    );

  selecting(program.command("apply"))
    .argument("[planfile]", "a plan written by devbackup plan --out: that, or nothing")
    .description("make it so: show the plan, ask on a terminal, carry it out")
    .option("-y, --yes", "do not ask")
    .option(
      "--approve <id>",
      "let a hazardous action through: its id, its kind, or all (repeatable)",
      collect,
    )
    .action((planFile, flags) =>
      run(flags, async () => (await import("../apply.ts")).applyCommand(planFile, flags)),
    );

  identifying(common(program.command("restore")))
    .argument("<label>", "a label, or latest")
    .argument("[paths...]", "files and folders inside the dataset (default: all of it)")
    .description("bring back a label, or files and folders out of it, beside what is there")
    .requiredOption("--to <dir>", "the folder to bring it to: absent or empty until then")
    .option("--host <name>", "the machine of that folder (default: the workstation)")
    .option("--dataset <name>", "of which dataset, where there are several")
    .option("-y, --yes", "do not ask")
    .option(
      "--approve <id>",
      "let a hazardous action through: its id, its kind, or all (repeatable)",
      collect,
    )
    .action((label, paths, flags) =>
      run(flags, async () => (await import("../restore.ts")).restoreCommand(label, paths, flags)),
    );
}
