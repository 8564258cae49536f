import type { DesiredState } from "../desired-state/desired-state.ts";
import type { Request } from "../reconcilers/request.ts";
import { type IdentityFlags, identitiesOf } from "./identity.ts";
import { load, type ValidState } from "./load.ts";
import { type RequestFlags, readRequest, serversAlone } from "./request.ts";
import { openSession, type Session } from "./session.ts";
import { type CommonFlags, openTerminal, type Terminal } from "./terminal.ts";

/** What a command that takes no lock looks with. */
export interface Looking {
  readonly terminal: Terminal;
  readonly loaded: ValidState;
  /** The part that the flags name. */
  readonly desired: DesiredState;
  readonly request: Request;
  readonly session: Session;
}

/**
 * Loads what `flags` name, has `look` done, and closes what it opened. 1 where the desired state is not valid. `identity` is
 * asked for its passphrase before anything is contacted; of `servers` alone, the workstations need not be there.
 */
export async function looking(
  flags: CommonFlags & RequestFlags,
  { identity = {}, servers = false }: { readonly identity?: IdentityFlags; readonly servers?: boolean },
  look: (there: Looking) => Promise<number>,
): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { desired, request: asked } = readRequest(loaded.desired, flags, new Date());
  const request = servers ? serversAlone(desired, asked) : asked;
  const identities = await identitiesOf(identity, terminal);
  const session = openSession(desired, request, { warn: terminal.warn, identities, texts: loaded.texts });
  try {
    return await look({ terminal, loaded, desired, request, session });
  } finally {
    await session.close();
  }
}
