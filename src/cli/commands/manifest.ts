import { Option } from "commander";
import { collect, common, identifying, run } from "./declare.ts";
import type { ProgramCommand } from "./program-command.ts";

/** The record of everything that was backed up. */
export function addManifest(program: ProgramCommand): void {
  const manifest = program.command("manifest").description("the record of everything that was backed up");
  const ofManifest = (name: string): ProgramCommand =>
    common(manifest.command(name)).option("--dataset <name>", "this dataset alone");
  for (const [what, description, does] of [
    ["latest", "the newest label", "for a script, with --dataset where there are several"],
    ["list", "every artifact, with the chains they form", "labels, sizes and chains"],
  ] as const)
    ofManifest(what)
      .description(description)
      .example(`devbackup manifest ${what}`, does)
      .example(`devbackup manifest ${what} --json`, "the same as data")
      .action((flags) =>
        run(
          flags,
          async () => (await import("../manifest.ts")).manifestCommand(what, flags),
          `devbackup manifest ${what}`,
        ),
      );
  ofManifest("chain")
    .argument("<label>")
    .description("what a label (or `latest`) is made from, where that stands, and what one loss would cost")
    .example("devbackup manifest chain latest", "what the newest label is made from")
    .example(
      "devbackup manifest chain 2026-03 --dataset dev",
      "of another label, where there are several datasets",
    )
    .action((label, flags) =>
      run(
        flags,
        async () => (await import("../manifest-chain.ts")).manifestChainCommand(label, flags),
        `devbackup manifest chain ${label}`,
      ),
    );
  identifying(ofManifest("migrate"))
    .description("upgrade an older tool's manifest by what the artifacts say; the old one stays beside it")
    .option("-y, --yes", "do not ask")
    .option("--approve <id>", "let it be written without what is left out: migrate:NAME, or all", collect)
    .example("devbackup manifest migrate", "what its rows and their files come to; asks before it writes")
    .example(
      "devbackup manifest migrate --approve migrate:dev",
      "off a terminal, without the rows that it could not resolve",
    )
    .action((flags) =>
      run(flags, async () => (await import("../manifest-migrate.ts")).manifestMigrateCommand(flags)),
    );
  identifying(ofManifest("rebuild"))
    .description("make a lost or damaged manifest again from the artifacts; written on approval alone")
    .addOption(
      new Option("--from <place>", "where the artifacts are read")
        .choices(["server", "bucket", "all"])
        .default("all"),
    )
    .option("-y, --yes", "fetch what is in the bucket alone, without a question")
    .option("--approve <id>", "let the new manifest be written: rebuild:NAME, rebuild, or all", collect)
    .example("devbackup manifest rebuild", "what could be made again, and from where; writes nothing yet")
    .example(
      "devbackup manifest rebuild --from server --approve rebuild:dev",
      "of the artifacts on the server alone, and written",
    )
    .action((flags) =>
      run(flags, async () => (await import("../manifest-rebuild.ts")).manifestRebuildCommand(flags)),
    );
  ofManifest("import")
    .argument("<dir>", "a folder on the server")
    .description("take artifacts that were fetched by other means into the repository, after checking them")
    .option("-y, --yes", "do not ask")
    .example("devbackup manifest import /mnt/disk/artifacts", "look, compare, ask, and take them")
    .example("devbackup manifest import /srv/fetched --dataset dev --yes", "without the question")
    .action((dir, flags) =>
      run(flags, async () => (await import("../manifest-import.ts")).manifestImportCommand(dir, flags)),
    );
}
