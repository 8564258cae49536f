import { common, run } from "./declare.ts";
import type { ProgramCommand } from "./program-command.ts";

/** What makes a desired state, and reads it alone. */
export function addDesiredState(program: ProgramCommand): void {
  common(program.command("init"))
    .argument("[dir]", "where to write devbackup.yaml (default: ./desired-state)")
    .description("write a starter desired state: asks on a terminal, takes flags elsewhere; never overwrites")
    .option("--workstation <address>", "where the work is done: an address, or local")
    .option("--server <address>", "where the backups are kept: an address, or local")
    .option("--user <name>", "login on the workstation")
    .option("--server-user <name>", "login on the server")
    .option("--dataset <name>", "what to call the dataset")
    .option("--path <path>", "on the workstation: the folder to back up")
    .option("--snapshots <path>", "on the workstation: where its snapshots go")
    .option("--owner <name>", "whose the dataset is")
    .option("--repository <path>", "on the server: where the backups go")
    .option("--working-copy <path>", "on the server: a writable copy of the newest state, or none")
    .option("--account-id <id>", "of Cloudflare R2")
    .option("--endpoint <url>", "of another S3-compatible store")
    .option("--bucket <name>", "of R2 or the other store; it has to exist")
    .option("--region <name>", "of the other store (default: auto)")
    .option("--access-key-id-env <name>", "the environment variable that holds the access key id")
    .option("--access-key-id-file <path>", "the file that holds the access key id")
    .option("--secret-access-key-env <name>", "the environment variable that holds the secret access key")
    .option("--secret-access-key-file <path>", "the file that holds the secret access key")
    .example("devbackup init", "ask, and write ./desired-state/devbackup.yaml")
    .example(
      "devbackup init --server backup.lan --dataset dev --path /home/chuck/code",
      "with some of the answers",
    )
    .action((dir, flags) => run(flags, async () => (await import("../init.ts")).initCommand(dir, flags)));

  common(program.command("validate"))
    .description("check the desired state; contacts nothing")
    .example("devbackup validate", "every problem with its file, line and column")
    .example("devbackup validate --config ~/backup.yaml", "of another file")
    .action((flags) => run(flags, async () => (await import("../validate.ts")).validateCommand(flags)));

  common(program.command("import-config"))
    .argument("<config.toml>", "the configuration of the earlier program")
    .description("write a desired state from the earlier program's TOML; never overwrites, contacts nothing")
    .option("--out <dir>", "where to write devbackup.yaml (default: ./desired-state)")
    .option("--workstation <address>", "where the work is done: an address, or local (default: local)")
    .option("--server <address>", "where the backups are kept (default: as the file says)")
    .option("--user <name>", "login on the workstation, with --workstation")
    .option("--server-user <name>", "login on the server, with --server")
    .option("--owner <name>", "whose the dataset is (default: whose home it is in)")
    .option("--access-key-id-env <name>", "the environment variable that holds the access key id")
    .option("--access-key-id-file <path>", "the file that holds the access key id")
    .option("--secret-access-key-env <name>", "the environment variable that holds the secret access key")
    .option("--secret-access-key-file <path>", "the file that holds the secret access key")
    .example(
      "devbackup import-config /etc/dev-backup/config.toml",
      "from where it always stood; writes ./desired-state/devbackup.yaml",
    )
    .example(
      "devbackup import-config config.toml --server backup.lan --server-user chuck",
      "of one that names localhost, on the workstation",
    )
    .action((config, flags) =>
      run(flags, async () => (await import("../import-config.ts")).importConfigCommand(config, flags)),
    );
}
