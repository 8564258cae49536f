import type { DesiredState, SecretRef } from "../desired-state/desired-state.ts";

/** What was secret in the environment, and has left it. */
const taken: NodeJS.ProcessEnv = {};

/**
 * The environment as it was given. What the desired state names as a secret leaves it, so that no process started from
 * here on inherits it.
 */
export function takeSecrets(desired: Pick<DesiredState, "cloud" | "notify">): NodeJS.ProcessEnv {
  for (const { name } of secretsOf(desired).filter((ref) => ref.kind === "env")) {
    const value = process.env[name];
    if (value !== undefined) taken[name] = value;
    delete process.env[name];
  }
  return { ...process.env, ...taken };
}

const secretsOf = ({ cloud, notify }: Pick<DesiredState, "cloud" | "notify">): SecretRef[] => [
  ...(cloud === null ? [] : [cloud.accessKeyId, cloud.secretAccessKey]),
  ...notify.flatMap(({ way }) => ("url" in way && typeof way.url !== "string" ? [way.url] : [])),
];
