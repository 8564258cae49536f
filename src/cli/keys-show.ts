import { keysText } from "../report/keys-text.ts";
import { keysOf } from "../status/keys.ts";
import { load } from "./load.ts";
import { readRequest, serversAlone } from "./request.ts";
import { openSession } from "./session.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

interface KeysShowFlags extends CommonFlags {
  readonly dataset?: string;
}

/** `devbackup keys show`: the public halves of the server's keys, and the state of their escrow. */
export async function keysShowCommand(flags: KeysShowFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { desired, request } = readRequest(loaded.desired, flags, new Date());
  const session = openSession(desired, serversAlone(desired, request), [], terminal.warn);
  try {
    const observed = await session.look();
    const datasets = desired.datasets.map((spec) => keysOf(desired, spec, observed));
    if (terminal.json) await terminal.document({ formatVersion: 1, datasets });
    else terminal.answer(keysText(datasets, terminal));
    return 0;
  } finally {
    await session.close();
  }
}
