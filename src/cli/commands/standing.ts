import type { Command } from "commander";
import { common, run } from "./declare.ts";

/** Where everything stands, and whether it is as it should be. */
export function addStanding(program: Command): void {
  common(program.command("status"))
    .description("where each label stands, what is due and in doubt, how long the room does; changes nothing")
    .option("--dataset <name>", "this dataset alone")
    .option("--check", "one line, and exit 1 where something is overdue or in doubt")
    .action((flags) =>
      run(flags, async () => (await import("../status.ts")).statusCommand(flags), "devbackup status"),
    );

  common(program.command("report"))
    .description("write where everything stands as one HTML page; changes nothing")
    .option("--dataset <name>", "this dataset alone")
    .option("--out <file>", "where to, or - (default: devbackup-report.html); replaces an earlier report")
    .action((flags) =>
      run(flags, async () => (await import("../report.ts")).reportCommand(flags), "devbackup report"),
    );

  common(program.command("verify"))
    .description("whether everything that is kept is as it should be; marks what is not, for the next apply")
    .option("--deep", "decrypt and parse each artifact on the server as well")
    .option("--cloud", "download each object, instead of asking the bucket what it is")
    .option("--all", "begin anew, also where an earlier run was cut off")
    .option("--dataset <name>", "this dataset alone")
    .action((flags) =>
      run(flags, async () => (await import("../verify.ts")).verifyCommand(flags), "devbackup verify"),
    );

  common(program.command("drill"))
    .description(
      "restore the newest label into scratch space on the server, compare it with what was backed up",
    )
    .option("--label <label>", "this label instead (default: the newest)")
    .option("--dataset <name>", "this dataset alone")
    .action((flags) =>
      run(flags, async () => (await import("../drill.ts")).drillCommand(flags), "devbackup drill"),
    );
}
