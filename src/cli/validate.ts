import { plural } from "../domain/units.ts";
import { load } from "./load.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

/** `devbackup validate`: every problem of every file, or a word that there is none. */
export async function validateCommand(flags: CommonFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { desired, files } = loaded;
  if (terminal.json) await terminal.document({ formatVersion: 1, problems: [] });
  else
    terminal.say(
      `${files.join(", ")}: valid, with ${plural(desired.datasets.length, "dataset")} on ${plural(desired.hosts.size, "host")}\n`,
    );
  return 0;
}
