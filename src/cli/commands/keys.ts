import { collect, common, run } from "./declare.ts";
import type { ProgramCommand } from "./program-command.ts";

/** The recovery identity and the escrow. */
export function addKeys(program: ProgramCommand): void {
  const keys = program.command("keys").description("the recovery identity, the escrow and its test");
  common(keys.command("new-recovery"))
    .description("make a recovery identity, protected by a passphrase, and a page of it for the safe")
    .option("--out <file>", "where the identity goes (default: devbackup-recovery.age); never overwritten")
    .option("--page <file>", "where the page goes (default: beside it, .html)")
    .option("--passphrase-file <file>", "holds the passphrase; needed off a terminal")
    .example("devbackup keys new-recovery", "make one, and a page to print")
    .example(
      "devbackup keys new-recovery --out /media/stick/recovery.age",
      "straight onto a stick, the page beside it",
    )
    .action((flags) =>
      run(flags, async () => (await import("../keys-new-recovery.ts")).keysNewRecoveryCommand(flags)),
    );
  common(keys.command("show"))
    .description("the server's public keys, where the escrow stands, and when it was last tested")
    .option("--dataset <name>", "this dataset alone")
    .example("devbackup keys show", "public keys, and where the escrow stands")
    .example("devbackup keys show --dataset dev --json", "of one dataset, as data")
    .action((flags) =>
      run(flags, async () => (await import("../keys-show.ts")).keysShowCommand(flags), "devbackup keys show"),
    );
  common(keys.command("escrow"))
    .description("put the server's keys into escrow, and the copies in their places; nothing else")
    .option("--dataset <name>", "this dataset alone")
    .option("--out <file>", "write another copy, to keep elsewhere; never overwritten")
    .option("-y, --yes", "do not ask")
    .option(
      "--approve <id>",
      "let a hazardous action through: its id, its kind, or all (repeatable)",
      collect,
    )
    .example("devbackup keys escrow", "put the keys into escrow now")
    .example("devbackup keys escrow --out /media/stick/escrow.age", "and a further copy onto a stick")
    .action((flags) => run(flags, async () => (await import("../keys-escrow.ts")).keysEscrowCommand(flags)));
  common(keys.command("test"))
    .description(
      "prove that a recovery identity opens every copy of the escrow, and the escrow the newest artifact",
    )
    .requiredOption("--identity <file>", "the recovery identity")
    .option("--passphrase-file <file>", "what opens it, where nobody can be asked")
    .option("--dataset <name>", "this dataset alone")
    .example(
      "devbackup keys test --identity devbackup-recovery.age",
      "ask for its passphrase, open every copy",
    )
    .example(
      "devbackup keys test --identity recovery.age --passphrase-file passphrase",
      "where nobody can be asked",
    )
    .action((flags) =>
      run(flags, async () => (await import("../keys-test.ts")).keysTestCommand(flags), "devbackup keys test"),
    );
}
