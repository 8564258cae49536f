import { FROM_THERE, type Typed } from "../apply/in-words.ts";
import { isScheduledRun } from "../desired-state/standpoint.ts";
import { AGAIN, LOOK } from "../domain/trouble.ts";
import { quote } from "../transport/quote.ts";
import type { IdentityFlags } from "./identity.ts";
import type { RequestFlags } from "./request.ts";
import type { CommonFlags } from "./terminal.ts";

/** The flags that make a command another one. */
type Chosen = Partial<CommonFlags> & RequestFlags & IdentityFlags;

/** The flags that go for one run. */
interface Once {
  readonly yes?: boolean;
  readonly approve?: readonly string[];
}

/**
 * `typed`, a command and its own words, with what the user chose: for the commands that are suggested. What a scheduled run
 * reads is a copy, which nobody is to edit or apply: its reader has the desired state elsewhere.
 */
export function commandLine(typed: string, chosen: Chosen): string {
  if (isScheduledRun(process.env))
    return `${FROM_THERE}${withFlags(typed, { ...chosen, config: undefined })}`;
  return withFlags(typed, chosen);
}

function withFlags(
  typed: string,
  chosen: { readonly [Flag in keyof Chosen]: Chosen[Flag] | undefined },
): string {
  const { config, restore, to, identity, passphraseFile, label, dataset, host, only } = chosen;
  const flags = {
    config,
    restore,
    to,
    identity,
    "passphrase-file": passphraseFile,
    label,
    dataset,
    host,
    only,
  };
  return Object.entries(flags)
    .filter(([, value]) => value !== undefined)
    .reduce((line, [flag, value]) => `${line} --${flag} ${quote(String(value))}`, typed);
}

/** What to suggest to whoever typed this; what `plan` can't show is then the plan of the same datasets. */
export function typedBy(typed: string, chosen: Chosen & Once): Typed {
  const { config, dataset } = chosen;
  const same = { ...(config !== undefined && { config }), ...(dataset !== undefined && { dataset }) };
  const command = commandLine(typed, chosen);
  return {
    command,
    planCommand: typed === LOOK ? command : commandLine(LOOK, same),
    ...exactly(typed, chosen),
  };
}

/** What was typed, with what goes for this run alone; nothing where nobody typed it. */
export function exactly(typed: string, chosen: Chosen & Once): Pick<Typed, "exactly"> {
  if (isScheduledRun(process.env)) return {};
  const { yes = false, approve = [] } = chosen;
  const once = [...(yes ? ["--yes"] : []), ...approve.map((word) => `--approve ${quote(word)}`)];
  return { exactly: [commandLine(typed, chosen), ...once].join(" ") };
}

/** An apply without what may leave out something that another part of it needs. */
export const wholeCommand = ({ host: _, only: __, ...chosen }: Chosen): string => commandLine(AGAIN, chosen);

/** Whether more may be left than what was asked for. */
export const isNarrowed = ({ host, dataset, only, to }: Chosen): boolean =>
  [host, dataset, only, to].some((each) => each !== undefined);
