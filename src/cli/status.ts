import { statusLine, statusText } from "../report/status-text.ts";
import { type LookFlags, withStatus } from "./look-around.ts";
import { openTerminal } from "./terminal.ts";

export interface StatusFlags extends LookFlags {
  readonly check?: boolean;
}

/**
 * `devbackup status`: looks, and shows where everything stands. Changes nothing, takes no lock. With `--check` one line,
 * and exit code 1 where something is overdue or in doubt.
 */
export async function statusCommand(flags: StatusFlags): Promise<number> {
  const terminal = openTerminal(flags);
  return withStatus(flags, terminal, async (status, inWords) => {
    if (terminal.json) await terminal.document(status);
    if (flags.check) terminal.answer(statusLine(status));
    else if (!terminal.json) terminal.answer(statusText(status, { ...terminal, inWords }));
    return flags.check && status.verdict !== "well" ? 1 : 0;
  });
}
