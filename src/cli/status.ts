import { nextInWords } from "../apply/in-words.ts";
import { AGAIN } from "../domain/trouble.ts";
import { statusLine, statusText } from "../report/status-text.ts";
import { typedBy } from "./command-line.ts";
import { load } from "./load.ts";
import { statusNow } from "./look-around.ts";
import { readRequest } from "./request.ts";
import { openSession } from "./session.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

export interface StatusFlags extends CommonFlags {
  readonly dataset?: string;
  readonly check?: boolean;
}

/**
 * `devbackup status`: looks, and shows where everything stands. Changes nothing, takes no lock. With `--check` one line,
 * and exit code 1 where something is overdue or in doubt.
 */
export async function statusCommand(flags: StatusFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { dataset } = flags;
  const asked = dataset === undefined ? {} : { dataset };
  const { desired, request } = readRequest(loaded.desired, asked, new Date());
  const session = openSession(desired, request, [], terminal.warn, "all", loaded.texts);
  try {
    const status = await statusNow(session, desired, request);
    if (terminal.json) await terminal.document(status);
    if (flags.check) terminal.answer(statusLine(status));
    else if (!terminal.json)
      terminal.answer(
        statusText(status, { ...terminal, inWords: (next) => nextInWords(next, typedBy(AGAIN, flags)) }),
      );
    return flags.check && status.verdict !== "well" ? 1 : 0;
  } finally {
    await session.close();
  }
}
