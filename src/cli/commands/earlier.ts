import { collect, common, run } from "./declare.ts";
import type { ProgramCommand } from "./program-command.ts";

/** What came from the earlier tools. */
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
