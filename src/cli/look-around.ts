import { nextInWords } from "../apply/in-words.ts";
import type { DesiredState } from "../desired-state/desired-state.ts";
import { unknown } from "../domain/fact.ts";
import type { HostName } from "../domain/names.ts";
import { AGAIN, DevbackupError } from "../domain/trouble.ts";
import type { Observation } from "../reconcilers/facts.ts";
import type { Request } from "../reconcilers/request.ts";
import type { Status } from "../status/status.ts";
import { type Away, statusOf } from "../status/status-of.ts";
import { NOT_REACHED } from "../transport/ssh/trouble.ts";
import { typedBy } from "./command-line.ts";
import { looking } from "./looking.ts";
import type { Session } from "./session.ts";
import type { CommonFlags, Terminal } from "./terminal.ts";

export interface LookFlags extends CommonFlags {
  readonly dataset?: string;
}

/**
 * Has `show` tell where everything stands of what `flags` name, with what puts a suggestion in the words of the user. 1 where
 * the desired state is not valid.
 * @throws DevbackupError as {@link statusNow} does
 */
export const withStatus = (
  flags: LookFlags,
  show: (status: Status, terminal: Terminal, inWords: (next: string) => string) => Promise<number>,
): Promise<number> =>
  looking(flags, {}, async ({ terminal, desired, request, session }) => {
    const typed = typedBy(AGAIN, flags);
    const status = await statusNow(session, desired, request);
    return show(status, terminal, (next) => nextInWords(next, typed));
  });

/**
 * Where everything stands now. A workstation that is off or asleep, and a bucket that can't be opened, are unknown.
 * @throws DevbackupError where a server can't be reached, or a workstation refuses the login
 */
export async function statusNow(session: Session, desired: DesiredState, request: Request): Promise<Status> {
  const away = await workstationsAway(session, desired);
  return statusOf(desired, await lookAround(session, desired, { away, all: true }), request, away);
}

/** A bucket that can't be opened, or refuses, is unknown here: what the server has can be told without it. */
export async function lookAround(
  session: Session,
  { cloud, datasets }: DesiredState,
  more: Parameters<Session["look"]>[1] = {},
): Promise<Observation> {
  try {
    return await session.look(undefined, more);
  } catch (error) {
    // what concerns no host concerns the bucket
    if (!(error instanceof DevbackupError) || error.trouble.host !== undefined || cloud === null) throw error;
    const { what, why } = error.trouble;
    const fact = unknown(why === undefined ? what : `${what}: ${why}`);
    return session.look(new Map(datasets.map(({ name }) => [name, fact])), more);
  }
}

/** Those that can't be reached, and why; what is a server too is not among them. */
async function workstationsAway({ host }: Session, { datasets }: DesiredState): Promise<Away> {
  const servers = new Set(datasets.map(({ server }) => server));
  const workstations = new Set(datasets.map(({ workstation }) => workstation));
  const asked = [...workstations]
    .filter((name) => !servers.has(name))
    .map(async (name): Promise<[HostName, string][]> => {
      try {
        await host(name);
        return [];
      } catch (error) {
        if (!(error instanceof DevbackupError) || !NOT_REACHED.has(error.trouble.code)) throw error;
        return [[name, error.trouble.what]];
      }
    });
  return new Map((await Promise.all(asked)).flat());
}
