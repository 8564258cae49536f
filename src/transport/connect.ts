import type { HostSpec } from "../desired-state/desired-state.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { Host } from "./host.ts";
import { localHost } from "./local-host.ts";
import type { SshSurroundings } from "./ssh/config.ts";
import { withAdministrator } from "./with-administrator.ts";

/**
 * Reaches one host of the desired state: with a restricted login, and for what that may not, the administrator's.
 * @throws DevbackupError exit code 4 that says why it cannot be reached and what to do.
 */
export async function connectHost(
  { name, become, connection, restrict }: HostSpec,
  env: NodeJS.ProcessEnv,
  around: Omit<SshSurroundings, "env"> = {},
): Promise<Host> {
  if (connection.kind === "local") return localHost({ name, become, env });
  const { connectSsh } = await import("./ssh/host.ts");
  const logIn = (as: Partial<typeof connection>) =>
    connectSsh({ ...connection, ...as }, { name, become, env, ...around });
  const admin = restrict?.admin;
  if (admin === undefined || admin === null) return logIn({});
  try {
    return withAdministrator(await logIn({}), () => logIn(admin));
  } catch (error) {
    // before it is set up for the first time
    if (error instanceof DevbackupError && error.trouble.code === "login-refused") return logIn(admin);
    throw error;
  }
}
