import type { DesiredState } from "../desired-state/desired-state.ts";
import { secretsOf } from "../desired-state/standpoint.ts";

/** What was secret in the environment, and has left it. */
const taken: NodeJS.ProcessEnv = {};

/**
 * The environment as it was given. What the desired state names as a secret leaves it, so that no process started from
 * here on inherits it.
 */
export function takeSecrets(desired: Pick<DesiredState, "cloud" | "notify">): NodeJS.ProcessEnv {
  for (const ref of secretsOf(desired).values()) {
    if (ref.kind !== "env") continue;
    const value = process.env[ref.name];
    if (value !== undefined) taken[ref.name] = value;
    delete process.env[ref.name];
  }
  return { ...process.env, ...taken };
}
