import { Command } from "commander";
import { addHelp } from "./help.ts";
import { heedSignals } from "./interrupt.ts";
import type { CommonFlags } from "./terminal.ts";

declare const DEVBACKUP_VERSION: string;

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** What every command takes; commander reads options of the program only in front of the command's name. */
const common = (command: Command): Command =>
  command
    .option("-c, --config <path>", "the desired state: a file or a directory")
    .option("--json", "machine-readable output; text for people goes to stderr")
    .option("--no-color", "plain text (as NO_COLOR does)")
    .option("-q, --quiet", "say only what is needed")
    .option("-v, --verbose", "say more");

/** What opens the escrow, where the server has lost its keys. */
const identifying = (command: Command): Command =>
  command
    .option("--identity <file>", "with a restore: the recovery identity, where the server has lost its keys")
    .option("--passphrase-file <file>", "what opens that identity, where nobody can be asked");

/** What `plan` and `apply` share. */
const selecting = (command: Command): Command =>
  identifying(common(command))
    .option("--restore <label>", "bring back this label, or the latest, instead of backing up")
    .option("--to <path>", "with --restore: into this folder, beside what is there")
    .option("--label <label>", "the label to bring the datasets to (default: the current period's)")
    .option("--dataset <name>", "this dataset alone")
    .option("--host <name>", "actions on this host alone")
    .option(
      "--only <stages>",
      "provision, snapshot, artifact, register, hydrate, cloud, retention; comma-separated",
    );

/** Runs a command and turns what it throws into words and an exit code. `typed`: its name, where it contacts anything. */
const run = (flags: CommonFlags, command: () => Promise<number>, typed?: string): Promise<void> =>
  command()
    .catch(async (error: unknown) => (await import("./show-error.ts")).showError(error, flags, typed))
    .then((exitCode) => {
      process.exitCode = exitCode;
    });

const program = new Command("devbackup")
  .description(
    "Declarative backups of Btrfs workstations: to a server at home, proven there, and encrypted into the cloud.",
  )
  .version(DEVBACKUP_VERSION);

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
  .option("--secret-access-key-env <name>", "the environment variable that holds the secret access key")
  .option("--secret-access-key-file <path>", "the file that holds the secret access key")
  .action((dir, flags) => run(flags, async () => (await import("./init.ts")).initCommand(dir, flags)));

common(program.command("validate"))
  .description("check the desired state; contacts nothing")
  .action((flags) => run(flags, async () => (await import("./validate.ts")).validateCommand(flags)));

selecting(program.command("plan"))
  .description("show what apply would do and why; changes nothing")
  .option("--out <file>", "write the plan, for devbackup apply FILE")
  .option("--detailed-exitcode", "exit 2 where there are changes")
  .action((flags) =>
    run(flags, async () => (await import("./plan.ts")).planCommand(flags), "devbackup plan"),
  );

selecting(program.command("apply"))
  .argument("[planfile]", "a plan written by devbackup plan --out: that, or nothing")
  .description("make it so: show the plan, ask on a terminal, carry it out")
  .option("-y, --yes", "do not ask")
  .option("--approve <id>", "let a hazardous action through: its id, its kind, or all (repeatable)", collect)
  .action((planFile, flags) =>
    run(flags, async () => (await import("./apply.ts")).applyCommand(planFile, flags)),
  );

common(program.command("status"))
  .description("where each label stands, what is due and in doubt, how long the room does; changes nothing")
  .option("--dataset <name>", "this dataset alone")
  .option("--check", "one line, and exit 1 where something is overdue or in doubt")
  .action((flags) =>
    run(flags, async () => (await import("./status.ts")).statusCommand(flags), "devbackup status"),
  );

common(program.command("report"))
  .description("write where everything stands as one HTML page; changes nothing")
  .option("--dataset <name>", "this dataset alone")
  .option("--out <file>", "where to, or - (default: devbackup-report.html); replaces an earlier report")
  .action((flags) =>
    run(flags, async () => (await import("./report.ts")).reportCommand(flags), "devbackup report"),
  );

identifying(common(program.command("restore")))
  .argument("<label>", "a label, or latest")
  .argument("[paths...]", "files and folders inside the dataset (default: all of it)")
  .description("bring back a label, or files and folders out of it, beside what is there")
  .requiredOption("--to <dir>", "the folder to bring it to: absent or empty until then")
  .option("--host <name>", "the machine of that folder (default: the workstation)")
  .option("--dataset <name>", "of which dataset, where there are several")
  .option("-y, --yes", "do not ask")
  .option("--approve <id>", "let a hazardous action through: its id, its kind, or all (repeatable)", collect)
  .action((label, paths, flags) =>
    run(flags, async () => (await import("./restore.ts")).restoreCommand(label, paths, flags)),
  );

common(program.command("verify"))
  .description("whether everything that is kept is as it should be; marks what is not, for the next apply")
  .option("--deep", "decrypt and parse each artifact on the server as well")
  .option("--cloud", "download each object, instead of asking the bucket what it is")
  .option("--all", "begin anew, also where an earlier run was cut off")
  .option("--dataset <name>", "this dataset alone")
  .action((flags) =>
    run(flags, async () => (await import("./verify.ts")).verifyCommand(flags), "devbackup verify"),
  );

common(program.command("drill"))
  .description(
    "restore the newest label into scratch space on the server, compare it with what was backed up",
  )
  .option("--label <label>", "this label instead (default: the newest)")
  .option("--dataset <name>", "this dataset alone")
  .action((flags) =>
    run(flags, async () => (await import("./drill.ts")).drillCommand(flags), "devbackup drill"),
  );

const manifest = program.command("manifest").description("the record of everything that was backed up");
const ofManifest = (name: string): Command =>
  common(manifest.command(name)).option("--dataset <name>", "this dataset alone");
for (const [what, description] of [
  ["latest", "the newest label"],
  ["list", "every artifact, with the chains they form"],
] as const)
  ofManifest(what)
    .description(description)
    .action((flags) =>
      run(
        flags,
        async () => (await import("./manifest.ts")).manifestCommand(what, flags),
        `devbackup manifest ${what}`,
      ),
    );
ofManifest("chain")
  .argument("<label>")
  .description("what a label (or `latest`) is made from, where that stands, and what one loss would cost")
  .action((label, flags) =>
    run(
      flags,
      async () => (await import("./manifest-chain.ts")).manifestChainCommand(label, flags),
      `devbackup manifest chain ${label}`,
    ),
  );
identifying(ofManifest("rebuild"))
  .description("make a lost or damaged manifest again from the artifacts; written on approval alone")
  .option("--from <place>", "read the artifacts of: server, bucket, all (default: all)")
  .option("-y, --yes", "fetch what is in the bucket alone, without a question")
  .option("--approve <id>", "let the new manifest be written: rebuild:NAME, rebuild, or all", collect)
  .action((flags) =>
    run(flags, async () => (await import("./manifest-rebuild.ts")).manifestRebuildCommand(flags)),
  );
ofManifest("import")
  .argument("<dir>", "a folder on the server")
  .description("take artifacts that were fetched by other means into the repository, after checking them")
  .option("-y, --yes", "do not ask")
  .action((dir, flags) =>
    run(flags, async () => (await import("./manifest-import.ts")).manifestImportCommand(dir, flags)),
  );

const keys = program.command("keys").description("the recovery identity, the escrow and its test");
common(keys.command("new-recovery"))
  .description("make a recovery identity, protected by a passphrase, and a page of it for the safe")
  .option("--out <file>", "where the identity goes (default: devbackup-recovery.age); never overwritten")
  .option("--page <file>", "where the page goes (default: beside it, .html)")
  .option("--passphrase-file <file>", "holds the passphrase; needed off a terminal")
  .action((flags) =>
    run(flags, async () => (await import("./keys-new-recovery.ts")).keysNewRecoveryCommand(flags)),
  );
common(keys.command("show"))
  .description("the server's public keys, where the escrow stands, and when it was last tested")
  .option("--dataset <name>", "this dataset alone")
  .action((flags) =>
    run(flags, async () => (await import("./keys-show.ts")).keysShowCommand(flags), "devbackup keys show"),
  );
common(keys.command("escrow"))
  .description("put the server's keys into escrow, and the copies in their places; nothing else")
  .option("--dataset <name>", "this dataset alone")
  .option("--out <file>", "write another copy, to keep elsewhere; never overwritten")
  .option("-y, --yes", "do not ask")
  .option("--approve <id>", "let a hazardous action through: its id, its kind, or all (repeatable)", collect)
  .action((flags) => run(flags, async () => (await import("./keys-escrow.ts")).keysEscrowCommand(flags)));
common(keys.command("test"))
  .description(
    "prove that a recovery identity opens every copy of the escrow, and the escrow the newest artifact",
  )
  .requiredOption("--identity <file>", "the recovery identity")
  .option("--passphrase-file <file>", "what opens it, where nobody can be asked")
  .option("--dataset <name>", "this dataset alone")
  .action((flags) =>
    run(flags, async () => (await import("./keys-test.ts")).keysTestCommand(flags), "devbackup keys test"),
  );

common(program.command("rescue-kit"))
  .requiredOption("--out <dir>", "a folder that is new or empty")
  .option("--dataset <name>", "this dataset alone")
  .description("write sh scripts and a page that restore without devbackup; contacts nothing")
  .action((flags) => run(flags, async () => (await import("./rescue-kit.ts")).rescueKitCommand(flags)));

common(program.command("notify"))
  .option("--test", "send a test message by every way that is declared, and say what became of it")
  .option("--after-run", "for ExecStopPost= of a systemd unit: tell of a run that could not tell itself")
  .description("tell those whom notify declares")
  .action((flags) => run(flags, async () => (await import("./notify.ts")).notifyCommand(flags)));

addHelp(program);
heedSignals();
await program.parseAsync();
