import { inWords, type Typed } from "../apply/in-words.ts";
import { type UnderLock, underLock } from "../apply/on-server.ts";
import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { unknown } from "../domain/fact.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { assemble } from "../plan/assemble.ts";
import type { Action, Plan } from "../plan/plan.ts";
import type { Observation } from "../reconcilers/facts.ts";
import type { Tools } from "../reconcilers/reconciler.ts";
import { serverView } from "../reconcilers/server-view.ts";
import type { View } from "../reconcilers/view.ts";
import { typedBy } from "./command-line.ts";
import { holderNow } from "./environment.ts";
import { type IdentityFlags, identitiesOf } from "./identity.ts";
import { interruptible } from "./interrupt.ts";
import { load } from "./load.ts";
import { readRequest, serversAlone } from "./request.ts";
import { openSession, type Session } from "./session.ts";
import { type CommonFlags, openTerminal, type Terminal } from "./terminal.ts";

export interface OnServerFlags extends CommonFlags, IdentityFlags {
  readonly dataset?: string;
  readonly yes?: boolean;
}

/** One dataset's server, its lock held, for a command that is no part of bringing a desired state about. */
export interface OnServer extends Typed {
  readonly spec: DatasetSpec;
  readonly terminal: Terminal;
  readonly session: Session;
  readonly tools: Tools;
  /** The bucket is looked at only where it is asked for. */
  readonly look: (withBucket: boolean) => Promise<View>;
  readonly carryOut: UnderLock["carryOut"];
}

/** Opens, locks, lets `work` do it, and closes. `typed`: the command and its own words. */
export async function onServer(
  typed: string,
  flags: OnServerFlags,
  work: (there: OnServer) => Promise<number>,
): Promise<number> {
  const loaded = await load(flags, openTerminal(flags));
  return loaded === null ? 1 : onServerOf(loaded.desired, typed, flags, work);
}

/** The same with a desired state that is loaded; what `refuse` throws of a first look comes before the lock. */
export async function onServerOf(
  whole: DesiredState,
  typed: string,
  flags: OnServerFlags,
  work: (there: OnServer) => Promise<number>,
  refuse?: (view: View) => void,
): Promise<number> {
  const terminal = openTerminal(flags);
  const { dataset } = flags;
  const words = typedBy(typed, flags);
  const { command } = words;
  const { desired, request } = readRequest(whole, dataset === undefined ? {} : { dataset }, new Date());
  const spec = onlyOne(desired, command);
  const identities = await identitiesOf(flags, terminal);
  const alone = serversAlone(desired, request);
  const session = openSession(desired, alone, { warn: terminal.warn, identities, keysAlone: true });
  const { signal, stop } = interruptible(() => `What was complete stays.\nnext: ${command}`);
  const notAsked = new Map([[spec.name, unknown("it was not asked")]]);
  let seen: Observation["buckets"] = notAsked;
  const look = async (buckets?: Observation["buckets"]): Promise<View> => {
    const observed = await session.look(buckets);
    seen = observed.buckets;
    return serverView(desired, spec, observed);
  };
  try {
    refuse?.(await look(notAsked));
    const context = {
      ...session,
      spec,
      holder: holderNow(),
      lookAgain: () => look(seen),
      now: () => new Date(),
      signal,
    };
    const told = ({ id }: Action, outcome: string | null) =>
      terminal.say(`${id}  done${outcome === null ? "" : `  ${outcome}`}\n`);
    return await underLock({ ...context, told }, (held) =>
      work({
        spec,
        terminal,
        session,
        ...words,
        ...held,
        look: (withBucket) => look(withBucket ? undefined : notAsked),
      }),
    );
  } catch (error) {
    if (signal.aborted) throw interrupted(command);
    throw error instanceof DevbackupError ? inWords(error, words) : error;
  } finally {
    stop();
    await session.close();
  }
}

/** What is shown of actions that no plan of a backup or a restore has. */
export const planOf = (view: View, actions: readonly Action[]): Plan =>
  assemble(
    {
      createdAt: view.takenAt,
      mode: "restore",
      actions,
      labels: new Map(),
      warnings: [],
      notes: [],
      problems: [],
    },
    { host: null, stages: null },
  );

function onlyOne({ datasets }: DesiredState, command: string): DatasetSpec {
  const [spec, second] = datasets;
  if (spec !== undefined && second === undefined) return spec;
  throw new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what: "this takes one dataset at a time",
    state: "Nothing was contacted",
    next: `${command} --dataset ${spec?.name}`,
  });
}

const interrupted = (command: string): DevbackupError =>
  new DevbackupError({
    code: "interrupted",
    exitCode: 130,
    what: "interrupted",
    state: "What was complete stays; it is safe to run again",
    next: command,
  });
