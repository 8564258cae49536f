import { common, run } from "./declare.ts";
import type { ProgramCommand } from "./program-command.ts";

/** For those who come from the earlier program. */
export function addEarlier(program: ProgramCommand): void {
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
