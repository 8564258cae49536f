import { Argument } from "commander";
import { ASK, SHELLS } from "../completion/scripts.ts";
import { common, run } from "./declare.ts";
import type { ProgramCommand } from "./program-command.ts";

/** Prints the man page: for the build. */
const MAN = "__man";

/** What stands beside a run: for the day without devbackup, and for those who are told. */
export function addBeside(program: ProgramCommand): void {
  common(program.command("rescue-kit"))
    .requiredOption("--out <dir>", "a folder that is new or empty")
    .option("--dataset <name>", "this dataset alone")
    .description("write sh scripts and a page that restore without devbackup; contacts nothing")
    .example(
      "devbackup rescue-kit --out /media/stick/rescue",
      "onto a stick, to keep with the recovery identity",
    )
    .example("devbackup rescue-kit --out rescue-dev --dataset dev", "of one dataset")
    .action((flags) => run(flags, async () => (await import("../rescue-kit.ts")).rescueKitCommand(flags)));

  common(program.command("notify"))
    .option("--test", "send a test message by every way that is declared, and say what became of it")
    .option("--after-run", "for ExecStopPost= of a systemd unit: tell of a run that could not tell itself")
    .description("tell those whom notify declares")
    .example("devbackup notify --test", "does a message come through?")
    .example("devbackup notify --after-run", "as ExecStopPost= of a unit that runs apply")
    .action((flags) => run(flags, async () => (await import("../notify.ts")).notifyCommand(flags)));

  common(program.command("completion"))
    .addArgument(new Argument("<shell>", "whose").choices(SHELLS))
    .description(
      "print what makes a shell complete devbackup's commands, flags and names; its head says where it goes",
    )
    .example("devbackup completion bash", "see its first lines for where to put it")
    .example("devbackup completion fish > ~/.config/fish/completions/devbackup.fish", "for new shells")
    .action((shell, flags) =>
      run(flags, async () => (await import("../completion.ts")).completionCommand(shell)),
    );
  program.helpCommand("help [command]", "show the help of a command");
  program
    .command(ASK, { hidden: true })
    .argument("[words...]", "of a command line, up to the one that is completed")
    .action((words, flags) =>
      run(flags, async () => (await import("../completion.ts")).answerCommand(program, words)),
    );
  program.command(MAN, { hidden: true }).action((flags) =>
    run(flags, async () => {
      process.stdout.write((await import("../man-page.ts")).manPage(program));
      return 0;
    }),
  );
}
