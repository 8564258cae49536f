import { ruleProblems } from "../domain/retention.ts";
import { plural } from "../domain/units.ts";
import { load } from "./load.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

/** `devbackup validate`: every problem of every file, or a word that there is none. */
export async function validateCommand(flags: CommonFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { desired, files } = loaded;
  for (const { name, retention } of desired.datasets)
    for (const { text } of ruleProblems(retention, desired.cloud !== null))
      terminal.warn(text(`datasets.${name}.retention`));
  if (terminal.json) await terminal.document({ formatVersion: 1, problems: [] });
  else
    terminal.say(
      `${files.join(", ")}: valid, with ${plural(desired.datasets.length, "dataset")} on ${plural(desired.hosts.size, "host")}\n`,
    );
  return 0;
}
