import { quote } from "../transport/quote.ts";
import { type ApplyFlags, carryOutAsked } from "./apply.ts";
import { commandLine, exactly, isNarrowed } from "./command-line.ts";
import { load } from "./load.ts";
import { readRequest, readTarget } from "./request.ts";
import { openTerminal } from "./terminal.ts";

export interface RestoreFlags extends ApplyFlags {
  readonly to: string;
}

/** `devbackup restore LABEL [PATH…] --to DIR`: a label, or files and folders out of it, beside what is there. */
export async function restoreCommand(
  label: string,
  paths: readonly string[],
  flags: RestoreFlags,
): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { host: on, ...others } = flags;
  const asked = readRequest(loaded.desired, { ...others, restore: label }, new Date());
  const { host } = readRequest(loaded.desired, on === undefined ? {} : { host: on }, new Date()).request
    .selection;
  const { datasets } = asked.desired;
  const [spec] = datasets;
  if (spec === undefined || asked.request.restore === null) throw new RangeError("there is a dataset");
  const to = readTarget(spec, datasets.length, flags.to, host, paths);
  const request = { ...asked.request, restore: { ...asked.request.restore, to } };
  const typed = ["devbackup restore", ...[label, ...paths].map(quote)].join(" ");
  const command = commandLine(typed, flags);
  return carryOutAsked(
    {
      ...asked,
      request,
      saved: null,
      // no flags of plan say all of it; it looks, shows and asks itself
      ...{ command, planCommand: command, ...exactly(typed, flags) },
      narrowed: isNarrowed(flags),
    },
    flags,
    terminal,
  );
}
