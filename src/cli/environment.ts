import { hostname, userInfo } from "node:os";
import type { Holder } from "../apply/locked.ts";
import type { DesiredState } from "../desired-state/desired-state.ts";
import { secretsOf } from "../desired-state/standpoint.ts";

/** `USER@MACHINE`, for those who are told, and for whoever finds a lock held. */
export const whoAmI = (): string => `${userInfo().username}@${hostname()}`;

/** As whom a lock is taken by this run. */
export const holderNow = (): Holder => ({
  who: whoAmI(),
  pid: process.pid,
  since: new Date().toISOString(),
});

/** What was secret in the environment, and has left it. */
const taken: NodeJS.ProcessEnv = {};

/**
 * The environment as it was given. What the desired state names as a secret leaves it, so that no process started from
 * here on inherits it.
 */
export const takeSecrets = (desired: Pick<DesiredState, "cloud" | "notify">): NodeJS.ProcessEnv =>
  takeNamed([...secretsOf(desired).values()].flatMap((ref) => (ref.kind === "env" ? [ref.name] : [])));

/** The same for variables that are named. */
export function takeNamed(names: readonly string[]): NodeJS.ProcessEnv {
  for (const name of names) {
    const value = process.env[name];
    if (value !== undefined) taken[name] = value;
    delete process.env[name];
  }
  return { ...process.env, ...taken };
}
