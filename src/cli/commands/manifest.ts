import type { Command } from "commander";
import { collect, common, identifying, run } from "./declare.ts";

/** The record of everything that was backed up. */
export function addManifest(program: Command): void {
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
          async () => (await import("../manifest.ts")).manifestCommand(what, flags),
          `devbackup manifest ${what}`,
        ),
      );
  ofManifest("chain")
    .argument("<label>")
    .description("what a label (or `latest`) is made from, where that stands, and what one loss would cost")
    .action((label, flags) =>
      run(
        flags,
        async () => (await import("../manifest-chain.ts")).manifestChainCommand(label, flags),
        `devbackup manifest chain ${label}`,
      ),
    );
  identifying(ofManifest("rebuild"))
    .description("make a lost or damaged manifest again from the artifacts; written on approval alone")
    .option("--from <place>", "read the artifacts of: server, bucket, all (default: all)")
    .option("-y, --yes", "fetch what is in the bucket alone, without a question")
    .option("--approve <id>", "let the new manifest be written: rebuild:NAME, rebuild, or all", collect)
    .action((flags) =>
      run(flags, async () => (await import("../manifest-rebuild.ts")).manifestRebuildCommand(flags)),
    );
  ofManifest("import")
    .argument("<dir>", "a folder on the server")
    .description("take artifacts that were fetched by other means into the repository, after checking them")
    .option("-y, --yes", "do not ask")
    .action((dir, flags) =>
      run(flags, async () => (await import("../manifest-import.ts")).manifestImportCommand(dir, flags)),
    );
}
