import { once } from "node:events";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Algorithms, Client, ConnectConfig } from "ssh2";
import type { HostName } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { within } from "../within.ts";
import type { ResolvedSsh } from "./config.ts";
import type { Ssh2 } from "./identity-file.ts";
import { hostKeyAlgorithms, judge, type KnownHost, lookUpHost } from "./known-hosts.ts";
import { type LoginKeys, loginKeys } from "./login-keys.ts";
import { type RunningProxy, startProxy } from "./proxy.ts";
import { type SshTrouble, sshTrouble } from "./trouble.ts";

/** One SSH connection that is logged in. */
export interface SshLink {
  readonly client: Client;
  /** Undefined as long as the connection stands. */
  readonly lost: () => DevbackupError | undefined;
  close(): Promise<void>;
}

/** Longer than the connection itself may take: the login of a slow machine, a touch of a security key. */
const LOGIN_TIMEOUT_MS = 30_000;
const CLOSE_GRACE_MS = 2_000;

/**
 * Connects and logs in, with public keys only and to a host whose key is known.
 * @throws DevbackupError exit code 4, see {@link SshTrouble}.
 */
export async function connectLink(
  host: HostName,
  ssh: ResolvedSsh,
  env: NodeJS.ProcessEnv,
): Promise<SshLink> {
  // ssh2 takes 60 ms to load, which a run without SSH hosts need not pay
  const { default: ssh2 } = await import("ssh2");
  const trouble = sshTrouble(host, ssh);
  const [known, keys] = await Promise.all([lookUpHost(ssh, env), loginKeys(ssh, ssh2)]);
  const proxy = ssh.proxy && startProxy(ssh.proxy, env);
  try {
    const sock = proxy?.stream ?? (await dial(ssh, trouble));
    return await logIn({ ssh2, ssh, trouble, known, keys, sock, proxy });
  } catch (error) {
    // only what has ended has said all that it had to say
    await proxy?.stop();
    throw error instanceof DevbackupError ? error : beforeLogin(error as Error, trouble, keys, proxy?.said());
  }
}

/** A TCP connection, opened here rather than by ssh2 so that small packets leave at once (4 ms a command, not 48). */
async function dial(ssh: ResolvedSsh, trouble: SshTrouble): Promise<Socket> {
  const socket = new Socket();
  const signal = AbortSignal.timeout(ssh.connectTimeoutMs);
  try {
    socket.connect({ host: ssh.hostname, port: ssh.port, ...(ssh.family ? { family: ssh.family } : {}) });
    await once(socket, "connect", { signal });
  } catch (error) {
    socket.destroy();
    throw trouble.notReached(signal.aborted ? timeout() : error);
  }
  return socket.setNoDelay(true);
}

const timeout = (): Error =>
  Object.assign(new Error("no answer to the connection request"), { code: "ETIMEDOUT" });

interface Parts {
  readonly ssh2: Ssh2;
  readonly ssh: ResolvedSsh;
  readonly trouble: SshTrouble;
  readonly known: KnownHost;
  readonly keys: LoginKeys;
  readonly sock: Duplex;
  readonly proxy: RunningProxy | undefined;
}

async function logIn({ ssh2, ssh, trouble, known, keys, sock, proxy }: Parts): Promise<SshLink> {
  const client = new ssh2.Client();
  const untried = [...keys.methods];
  let refused: DevbackupError | undefined;
  let lost: DevbackupError | undefined;

  const config: ConnectConfig = {
    sock,
    username: ssh.user,
    algorithms: algorithms(known),
    hostVerifier: (offered: Buffer): boolean => {
      const verdict = judge(known, offered);
      if (verdict.kind !== "known") refused = trouble.hostKey(verdict, offered, known);
      return verdict.kind === "known";
    },
    authHandler: (_left, _partial, next) => {
      const method = untried.shift();
      if (method === undefined) refused = trouble.loginRefused(keys);
      // ssh2 takes `false` for "no more", which its types leave out
      next(method ?? (false as never));
    },
    readyTimeout: LOGIN_TIMEOUT_MS,
    keepaliveInterval: ssh.keepAlive.intervalMs,
    // it gives up one interval later than this says
    keepaliveCountMax: Math.max(0, ssh.keepAlive.countMax - 1),
  };

  const ready = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  client.on("ready", () => ready.resolve());
  client.on("error", (error) => {
    lost ??= trouble.linkLost(error);
    ready.reject(refused ?? error);
  });
  client.on("end", () => {
    lost ??= trouble.linkLost(undefined);
    ready.reject(refused ?? new Error("it closed the connection"));
    // a proxy's stream stays half open, and ssh2 tells its channels only when it is closed
    sock.destroy();
  });
  client.on("close", () => {
    lost ??= trouble.linkLost(undefined);
    ready.reject(refused ?? new Error("it closed the connection"));
    gone.resolve();
  });
  client.connect(config);
  // as OpenSSH's ConnectTimeout, which is for the key exchange as well; a proxy has a connection of its own to make
  const mute = setTimeout(() => sock.destroy(timeout()), proxy ? LOGIN_TIMEOUT_MS : ssh.connectTimeoutMs);
  client.once("handshake", () => clearTimeout(mute));

  const sent = new Promise((resolve) => sock.once("finish", resolve));
  const close = async (): Promise<void> => {
    client.end();
    // our farewell has to leave; to wait for the host's would cost each run a round trip
    if (!sock.destroyed) await within(CLOSE_GRACE_MS, sent, gone.promise);
    sock.destroy();
    await proxy?.stop();
  };
  try {
    await ready.promise;
  } catch (error) {
    sock.destroy();
    throw error;
  } finally {
    clearTimeout(mute);
  }
  return { client, lost: () => lost, close };
}

function beforeLogin(
  error: Error & { level?: string },
  trouble: SshTrouble,
  keys: LoginKeys,
  proxySaid: string | undefined,
): DevbackupError {
  if (error.level === "client-authentication" || /authentication failures/i.test(error.message)) {
    return trouble.loginRefused(keys);
  }
  if (proxySaid) return trouble.notReached(error, proxySaid);
  return error.level === "client-timeout" || error.level === "client-socket"
    ? trouble.notReached(error)
    : trouble.handshakeFailed(error);
}

/** Fast and of few round trips: a Diffie-Hellman group exchange costs one more than curve25519. */
const algorithms = (known: KnownHost): Algorithms => ({
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group-exchange-sha256",
  ],
  cipher: [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
  ],
  serverHostKey: [...hostKeyAlgorithms(known)],
});
