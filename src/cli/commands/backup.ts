import { collect, common, identifying, run, selecting } from "./declare.ts";
import type { ProgramCommand } from "./program-command.ts";

/** A backup, a restore, and the way back of what was edited on the server: what it would do, and the doing. */
export function addBackup(program: ProgramCommand): void {
  selecting(program.command("plan"))
    .description("show what apply would do and why; changes nothing")
    .option("--out <file>", "write the plan, for devbackup apply FILE")
    .option("--detailed-exitcode", "exit 2 where there are changes")
    .example("devbackup plan", "what a backup would do now, and why")
    .example("devbackup plan --restore latest", "what it would take to bring everything back")
    .example(
      "devbackup plan --out today.plan",
      "to be carried out as it was read: devbackup apply today.plan",
    )
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
    .example("devbackup apply", "show the plan, ask, make the backup")
    .example("devbackup apply --yes --quiet", "as cron would: no question, and how it ended")
    .example("devbackup apply --restore latest", "bring a lost workstation or server back")
    .example("devbackup apply --approve subvolume:dev", "let through one action that the plan marks with !")
    .action((planFile, flags) =>
      run(flags, async () => (await import("../apply.ts")).applyCommand(planFile, flags)),
    );

  selecting(program.command("explain"))
    .argument("<action-id>", "as a plan shows it in brackets")
    .description(
      "tell of one action: from the YAML line through what was found to the command; changes nothing",
    )
    .example("devbackup explain artifact:dev@2026-03", "why an anchor or an increment, and the very pipe")
    .example("devbackup explain packages:ls --json", "the same as data")
    .example("devbackup explain worktree:dev@2026-03 --restore latest", "of a restore's plan")
    .action((id, flags) =>
      run(
        flags,
        async () => (await import("../explain.ts")).explainCommand(id, flags),
        `devbackup explain ${id}`,
      ),
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
    .example(
      "devbackup restore latest --to /home/chuck/look",
      "all of the newest label, beside what is there",
    )
    .example(
      "devbackup restore 2026-03 src/main.c docs --to /tmp/march",
      "a file and a folder as they were in March",
    )
    .example("devbackup restore latest --to /srv/look --host ls", "on the server")
    .action((label, paths, flags) =>
      run(flags, async () => (await import("../restore.ts")).restoreCommand(label, paths, flags)),
    );

  common(program.command("sync-back"))
    .argument("[paths...]", "files and folders inside the dataset (default: all of it)")
    .description(
      "bring what was edited in the working copy back to the workstation; shows it first, by a dry run",
    )
    .option("--dataset <name>", "of which dataset, where there are several")
    .option("--delete", "delete on the workstation what the working copy has no more")
    .option("--update", "leave what is newer on the workstation")
    .option("-y, --yes", "do not ask whether to go on")
    .option("--approve <id>", "let it through: sync-back", collect)
    .example("devbackup sync-back", "what would be added and changed; asks for the id before it does it")
    .example("devbackup sync-back src docs/notes.md --update", "of these alone, and not over what is newer")
    .example("devbackup sync-back --delete --approve sync-back", "off a terminal, deletions too")
    .action((paths, flags) =>
      run(flags, async () => (await import("../sync-back.ts")).syncBackCommand(paths, flags)),
    );
}
