import type { HostSpec } from "../desired-state/desired-state.ts";
import type { Host } from "./host.ts";
import { localHost } from "./local-host.ts";
import type { SshSurroundings } from "./ssh/config.ts";

/**
 * Reaches one host of the desired state.
 * @throws DevbackupError exit code 4 that says why it cannot be reached and what to do.
 */
export async function connectHost(
  { name, become, connection }: HostSpec,
  env: NodeJS.ProcessEnv,
  around: Omit<SshSurroundings, "env"> = {},
): Promise<Host> {
  if (connection.kind === "local") return localHost({ name, become, env });
  const { connectSsh } = await import("./ssh/host.ts");
  return connectSsh(connection, { name, become, env, ...around });
}
