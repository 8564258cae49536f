import { common, run } from "./declare.ts";
import type { ProgramCommand } from "./program-command.ts";

/** Where everything stands, and whether it is as it should be. */
export function addStanding(program: ProgramCommand): void {
  common(program.command("status"))
    .description("where each label stands, what is due and in doubt, how long the room does; changes nothing")
    .option("--dataset <name>", "this dataset alone")
    .option("--check", "one line, and exit 1 where something is overdue or in doubt")
    .example("devbackup status", "each label, and where it stands")
    .example("devbackup status --check", "for a monitor: one line, and exit 1 where something is wrong")
    .example("devbackup status --json", "the same as data")
    .action((flags) =>
      run(flags, async () => (await import("../status.ts")).statusCommand(flags), "devbackup status"),
    );

  common(program.command("report"))
    .description("write where everything stands as one HTML page; changes nothing")
    .option("--dataset <name>", "this dataset alone")
    .option("--out <file>", "where to, or - (default: devbackup-report.html); replaces an earlier report")
    .example("devbackup report", "write devbackup-report.html")
    .example("devbackup report --out /var/www/html/backup.html", "where a web server finds it")
    .action((flags) =>
      run(flags, async () => (await import("../report.ts")).reportCommand(flags), "devbackup report"),
    );

  common(program.command("verify"))
    .description("whether everything that is kept is as it should be; marks what is not, for the next apply")
    .option("--deep", "decrypt and parse each artifact on the server as well")
    .option("--cloud", "download each object, instead of asking the bucket what it is")
    .option("--all", "begin anew, also where an earlier run was cut off")
    .option("--dataset <name>", "this dataset alone")
    .example("devbackup verify", "sizes and hashes of all that is kept")
    .example("devbackup verify --deep --cloud", "decrypt each artifact, download each object")
    .action((flags) =>
      run(flags, async () => (await import("../verify.ts")).verifyCommand(flags), "devbackup verify"),
    );

  common(program.command("drill"))
    .description(
      "restore the newest label into scratch space on the server, compare it with what was backed up",
    )
    .option("--label <label>", "this label instead (default: the newest)")
    .option("--dataset <name>", "this dataset alone")
    .example("devbackup drill", "restore the newest label, compare, note the proof")
    .example("devbackup drill --label 2026-03", "an older one")
    .action((flags) =>
      run(flags, async () => (await import("../drill.ts")).drillCommand(flags), "devbackup drill"),
    );
}
