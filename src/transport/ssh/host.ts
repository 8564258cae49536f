import { constants } from "node:os";
import type { ClientChannel } from "ssh2";
import type { HostName } from "../../domain/names.ts";
import type { DevbackupError } from "../../domain/trouble.ts";
import { bootstrapArgv, notBegun, START_TIMEOUT_MS } from "../bootstrap.ts";
import type { Host } from "../host.ts";
import { command } from "../quote.ts";
import { scriptedHost } from "../scripted-host.ts";
import { within } from "../within.ts";
import { resolveSsh, type SshSpec, type SshSurroundings } from "./config.ts";
import { connectLink, type SshLink } from "./link.ts";
import { openSshArgv } from "./openssh-argv.ts";
import { type Session, type SessionEnd, SessionRefused, type SessionSource } from "./session.ts";
import { sshTrouble } from "./trouble.ts";

export interface SshHostOptions extends SshSurroundings {
  readonly name: HostName;
  readonly become: "none" | "sudo";
  /** Default: the user's OpenSSH configuration, else 15 s four times. */
  readonly keepAlive?: { readonly intervalMs: number; readonly countMax: number };
  /** See {@link START_TIMEOUT_MS}. */
  readonly startTimeoutMs?: number;
}

/**
 * A host over one SSH connection, which is opened here and kept until {@link Host.close}. The host key must
 * be known; the login is by public key, from the agent or an identity file.
 * @throws DevbackupError exit code 4 that says why there is no connection and what to do.
 */
export async function connectSsh(spec: SshSpec, options: SshHostOptions): Promise<Host> {
  const { name, become, env, keepAlive, startTimeoutMs = START_TIMEOUT_MS } = options;
  const asked = await resolveSsh(name, spec, options);
  const ssh = keepAlive ? { ...asked, keepAlive } : asked;
  const bootstrap = command(bootstrapArgv(become));
  const link = await connectLink(name, ssh, env);
  const lost = () => link.lost() ?? sshTrouble(name, ssh).linkLost(undefined);
  const source: SessionSource = {
    open: async () => {
      if (link.lost()) throw lost();
      const opening = openSession(link, bootstrap, lost);
      const session = await within(startTimeoutMs, opening);
      if (session !== "late") return session;
      // one that comes about after all is nobody's
      opening.then((late) => late.abandon()).catch(() => {});
      throw notBegun(name, startTimeoutMs);
    },
    close: () => link.close(),
  };
  return scriptedHost({
    name,
    source,
    shellArgv: [...openSshArgv(spec, ssh, options), bootstrap],
    patienceMs: ssh.keepAlive.intervalMs * ssh.keepAlive.countMax,
    startTimeoutMs,
  });
}

/** RFC 4254, section 5.1: what a host answers that allows no further session. */
const REFUSALS: ReadonlySet<unknown> = new Set([1, 2, 4]);

const openSession = (link: SshLink, bootstrap: string, lost: () => DevbackupError): Promise<Session> =>
  new Promise((resolve, reject) => {
    try {
      link.client.exec(bootstrap, (error, channel) => {
        // listened to in this very turn: a shell that ends at once has its end in the same packet
        if (!error) resolve(overChannel(channel, link, lost));
        else if (link.lost()) reject(lost());
        else if (REFUSALS.has((error as { reason?: unknown }).reason))
          reject(new SessionRefused(error.message));
        else reject(lost());
      });
    } catch {
      // ssh2 throws where the connection is gone already
      reject(lost());
    }
  });

const overChannel = (channel: ClientChannel, link: SshLink, lost: () => DevbackupError): Session => ({
  stdin: channel,
  stdout: channel,
  stderr: channel.stderr,
  ended: endOf(channel, link, lost),
  abandon: () => channel.close(),
});

function endOf(channel: ClientChannel, link: SshLink, lost: () => DevbackupError): Promise<SessionEnd> {
  let exitCode: number | undefined;
  channel.on("exit", (code: number | null, signal?: string) => {
    exitCode = code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
  });
  const closed = new Promise((resolve) => channel.once("close", resolve));
  const stderrRead = new Promise((resolve) => channel.stderr.once("close", resolve));
  return Promise.all([closed, stderrRead]).then(
    (): SessionEnd =>
      // an exit code may come before the last of the output, so that with a dead link it proves nothing
      exitCode === undefined || link.lost() ? { kind: "lost", error: lost() } : { kind: "exited", exitCode },
  );
}
