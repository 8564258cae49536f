import { scrypt } from "node:crypto";
import { machine, type as systemName } from "node:os";
import { promisify } from "node:util";
import type { DesiredState, HostSpec } from "../desired-state/desired-state.ts";
import { ownStandpoint, type WrittenFile } from "../desired-state/load.ts";
import {
  coveredBy,
  type Reached,
  reachedHosts,
  SCHEDULE_IDENTITY,
  type Standpoint,
  secretsOf,
} from "../desired-state/standpoint.ts";
import type { HostName } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { resumingSeconds } from "../reconcilers/hooks/around-snapshot.ts";
import type { ToInstall, WantedSchedule, WantedSecret } from "../reconcilers/schedule/wanted.ts";
import { readSecret } from "../transport/secret.ts";
import { resolveSsh } from "../transport/ssh/config.ts";
import { ownProgram } from "./own-program.ts";

/** What a schedule is made of: what should be there, and what it takes to put it there. */
export interface Schedule {
  readonly wanted: WantedSchedule;
  readonly toInstall: ToInstall;
}

/**
 * Of the declared schedule, as this devbackup would install it: itself, the texts that it was given, and how the other
 * hosts are reached as far as that is known here. Null where none is declared.
 * @throws DevbackupError where OpenSSH can't say how a host is reached
 */
export async function scheduleOf(
  desired: DesiredState,
  texts: readonly WrittenFile[],
  env: NodeJS.ProcessEnv,
): Promise<Schedule | null> {
  const { schedule } = desired;
  if (schedule === null) return null;
  const refs = secretsOf(desired);
  const [program, standpoint, secrets] = await Promise.all([
    ownProgram(),
    ownStandpoint(env) ?? standpointOf(desired, schedule, env),
    Promise.all([...refs].map(async ([name, ref]) => [name, await wantedSecret(name, ref, env)] as const)),
  ]);
  return {
    wanted: {
      on: schedule.on,
      calendar: schedule.calendar,
      stopSeconds: stopSecondsOf(desired),
      program: program && { name: program.name, machine: machine(), system: systemName() },
      texts: texts.map(({ name, text }) => ({ name: YAML.test(name) ? name : "devbackup.yaml", text })),
      standpoint,
      secrets: new Map(secrets),
    },
    toInstall: {
      files: program?.files ?? [],
      secret: async (name) => {
        const ref = refs.get(name);
        if (ref === undefined) throw new RangeError(`no secret ${name}`);
        return (await readSecret(ref, env)).value;
      },
    },
  };
}

/** systemd's own default, on top of the hook that takes longest to start again what was stopped. */
const stopSecondsOf = ({ datasets }: DesiredState): number =>
  90 + Math.max(...datasets.map(({ hooks }) => resumingSeconds(hooks.afterSnapshot === null ? null : hooks)));

/** What a folder of a desired state is read from; a single file may have been given under any name. */
const YAML = /^[^.].*\.ya?ml$/;

async function standpointOf(
  desired: DesiredState,
  { on, reach }: NonNullable<DesiredState["schedule"]>,
  env: NodeJS.ProcessEnv,
): Promise<Standpoint> {
  const reached = reachedHosts(desired).map(async (name): Promise<[HostName, Reached]> => {
    const host = desired.hosts.get(name);
    if (host === undefined) throw new RangeError(`no host ${name}`);
    return [name, { ...(reach.get(name) ?? (await asFromHere(host, env))), identityFile: identityOf(host) }];
  });
  return {
    host: on,
    datasets: coveredBy(desired),
    reach: new Map(await Promise.all(reached)),
  };
}

async function asFromHere({ name, connection }: HostSpec, env: NodeJS.ProcessEnv) {
  if (connection.kind === "local") throw new RangeError(`${name} is local, and was to have an address`);
  const { hostname, port, user } = await resolveSsh(name, connection, { env });
  return { address: hostname, port, user };
}

/** A restricted login has one key, which is declared. */
const identityOf = ({ restrict, connection }: HostSpec): string =>
  restrict === undefined || connection.kind === "local" ? SCHEDULE_IDENTITY : (connection.identityFile ?? "");

/**
 * The digest that tells a secret from another one lies beside its credential, for root alone to read; all the same it is made so
 * that trying out what it might be made from takes its time (RFC 7914, with Node's costs).
 */
async function wantedSecret(
  name: string,
  ref: Parameters<typeof readSecret>[0],
  env: NodeJS.ProcessEnv,
): Promise<WantedSecret> {
  try {
    const { value } = await readSecret(ref, env);
    const digest = (await promisify(scrypt)(value, `devbackup ${name}`, 32)) as Buffer;
    return { kind: "read", digest: digest.toString("hex") };
  } catch (error) {
    if (!(error instanceof DevbackupError)) throw error;
    const { what, why, next = "" } = error.trouble;
    return { kind: "unreadable", why: [what, why].filter(Boolean).join(": "), next };
  }
}
