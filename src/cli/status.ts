import { statusLine, statusText } from "../report/status-text.ts";
import { type LookFlags, withStatus } from "./look-around.ts";

export interface StatusFlags extends LookFlags {
  readonly check?: boolean;
}

/**
 * `devbackup status`: looks, and shows where everything stands. Changes nothing, takes no lock. With `--check` one line,
 * and exit code 1 where something is overdue or in doubt.
 */
export const statusCommand = (flags: StatusFlags): Promise<number> =>
  withStatus(flags, async (status, terminal, inWords) => {
    if (terminal.json) await terminal.document(status);
    if (flags.check) terminal.answer(statusLine(status, inWords));
    else if (!terminal.json) terminal.answer(statusText(status, { ...terminal, inWords }));
    return flags.check && status.verdict !== "well" ? 1 : 0;
  });
