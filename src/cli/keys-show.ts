import { keysText } from "../report/keys-text.ts";
import { keysOf } from "../status/keys.ts";
import { looking } from "./looking.ts";
import type { CommonFlags } from "./terminal.ts";

interface KeysShowFlags extends CommonFlags {
  readonly dataset?: string;
}

/** `devbackup keys show`: the public halves of the server's keys, and the state of their escrow. */
export const keysShowCommand = (flags: KeysShowFlags): Promise<number> =>
  looking(flags, { servers: true }, async ({ terminal, desired, session }) => {
    const observed = await session.look();
    const datasets = desired.datasets.map((spec) => keysOf(desired, spec, observed));
    if (terminal.json) await terminal.document({ formatVersion: 1, datasets });
    else terminal.answer(keysText(datasets, terminal));
    return 0;
  });
