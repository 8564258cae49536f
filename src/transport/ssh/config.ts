import { homedir, hostname as localHostname, userInfo } from "node:os";
import { execa } from "execa";
import type { ConnectionSpec } from "../../desired-state/desired-state.ts";
import type { HostName } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { proxyOf, type SshProxy } from "./proxy.ts";

export type SshSpec = Extract<ConnectionSpec, { readonly kind: "ssh" }>;

/** Where the OpenSSH client looks: the environment, and another configuration file than the user's own. */
export interface SshSurroundings {
  readonly env: NodeJS.ProcessEnv;
  /** As `ssh -F`; default: the user's and the system's. */
  readonly configFile?: string;
}

/** How one host is reached: what the desired state says, and for the rest what OpenSSH would do. */
export interface ResolvedSsh {
  /** What the user wrote: a name, an address or an alias. */
  readonly address: string;
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly hostKeyAlias: string | undefined;
  /** Absolute paths, in the order in which OpenSSH reads them; a file need not exist. */
  readonly knownHostsFiles: readonly string[];
  /** Where OpenSSH would keep a host key that is new, and whether with its name hashed. */
  readonly learned: { readonly file: string | undefined; readonly hashed: boolean };
  readonly identityFiles: readonly string[];
  /** The desired state names the identity file, so that it has to be there. */
  readonly identityFileDeclared: boolean;
  /** Only keys of `identityFiles`, from a file or from the agent. */
  readonly identitiesOnly: boolean;
  readonly agentSocket: string | undefined;
  readonly proxy: SshProxy | undefined;
  /** 0 for any, else 4 or 6. */
  readonly family: 0 | 4 | 6;
  readonly connectTimeoutMs: number;
  readonly keepAlive: { readonly intervalMs: number; readonly countMax: number };
}

/**
 * A link that has died is noticed after interval × count, a minute, unless the user's configuration says other. What
 * stood still for 30 s is heard again after 51 s at most: TCP asks at 25.4 s, and then at twice that (RFC 6298, 5.5).
 */
const DEFAULT_KEEP_ALIVE = { intervalSeconds: 15, countMax: 4 };
const DEFAULT_CONNECT_TIMEOUT_SECONDS = 15;
/** Of `ssh -G`, which may ask a name server, or run what a `Match exec` says. */
const CONFIG_TIMEOUT_MS = 30_000;

/**
 * Asks `ssh -G` (ssh(1)) how OpenSSH would reach the host; what the desired state says goes first.
 * @throws DevbackupError exit code 4: `ssh-client-missing`, `address-refused`, or `ssh-config-invalid` with
 *   what OpenSSH says about its configuration.
 */
export async function resolveSsh(
  host: HostName,
  spec: SshSpec,
  around: SshSurroundings,
): Promise<ResolvedSsh> {
  if (!isName(spec.address)) throw addressRefused(host, "address", spec.address);
  if (spec.user !== undefined && !isName(spec.user)) throw addressRefused(host, "user", spec.user);
  const asked = await execa("ssh", ["-G", "-T", ...sshSelection(spec, around), "--", spec.address], {
    env: around.env,
    extendEnv: false,
    stdin: "ignore",
    reject: false,
    timeout: CONFIG_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  if (asked.code === "ENOENT") throw clientMissing(host);
  if (asked.exitCode !== 0) throw configInvalid(host, spec.address, asked.stderr || asked.message || "");
  return readResolved(spec, around, asked.stdout);
}

/** What `ssh -G` printed, with what the desired state says in front of it. */
export const readResolved = (spec: SshSpec, around: SshSurroundings, stdout: string): ResolvedSsh =>
  fromAnswer(spec, around, readAnswer(stdout));

/**
 * ssh would take a leading `-` for an option, -oProxyCommand=… among them; and a ProxyCommand of the user's own, which a
 * shell runs, has both names put into it (ssh_config(5), %h and %r). OpenSSH itself refuses these since 9.6.
 */
const isName = (text: string): boolean => /^[^-\s\p{Cc}'"`$;&<>|(){}][^\s\p{Cc}'"`$;&<>|(){}]*$/u.test(text);

/** The options that make any OpenSSH client mean the same host and login as {@link resolveSsh}. */
export const sshSelection = (spec: SshSpec, around: SshSurroundings): readonly string[] => [
  ...(around.configFile === undefined ? [] : ["-F", around.configFile]),
  ...(spec.port === undefined ? [] : ["-p", String(spec.port)]),
  ...(spec.user === undefined ? [] : ["-l", spec.user]),
];

/** OpenSSH's own limit of such numbers is that of an int. */
const MOST = 2 ** 31 - 1;

type Answer = ReadonlyMap<string, readonly string[]>;

function readAnswer(stdout: string): Answer {
  const answer = new Map<string, string[]>();
  for (const line of stdout.split("\n")) {
    const space = line.indexOf(" ");
    if (space < 1) continue;
    const key = line.slice(0, space);
    answer.set(key, [...(answer.get(key) ?? []), line.slice(space + 1)]);
  }
  return answer;
}

function fromAnswer(spec: SshSpec, around: SshSurroundings, answer: Answer): ResolvedSsh {
  const one = (key: string): string | undefined => {
    const value = answer.get(key)?.[0];
    return value === undefined || value === "none" ? undefined : value;
  };
  const hostname = one("hostname") ?? spec.address;
  /** A number that OpenSSH would not have taken is no answer. */
  const number = (key: string, most: number): number | undefined => {
    const value = Number(one(key));
    return Number.isInteger(value) && value >= 0 && value <= most ? value : undefined;
  };
  const port = number("port", 65_535) || 22;
  const user = one("user") ?? userInfo().username;
  const place = { address: spec.address, hostname, port, user };
  const expand = (path: string): string => expandTokens(path, place);
  const interval = number("serveraliveinterval", MOST) ?? 0;
  const timeout = number("connecttimeout", MOST) ?? 0;
  const ownKnownHosts = (
    spec.knownHosts === undefined ? paths(one("userknownhostsfile")) : [spec.knownHosts]
  ).map(expand);
  return {
    ...place,
    hostKeyAlias: one("hostkeyalias"),
    knownHostsFiles: [...ownKnownHosts, ...paths(one("globalknownhostsfile")).map(expand)],
    learned: { file: ownKnownHosts[0], hashed: one("hashknownhosts") === "yes" },
    identityFiles:
      spec.identityFile === undefined
        ? (answer.get("identityfile") ?? []).filter((file) => file !== "none").map(expand)
        : [spec.identityFile],
    identityFileDeclared: spec.identityFile !== undefined,
    identitiesOnly: spec.identityFile !== undefined || one("identitiesonly") === "yes",
    agentSocket: agentSocket(answer.get("identityagent")?.[0], around.env, expand),
    proxy: proxyOf(one("proxyjump"), one("proxycommand"), place, around.configFile),
    family: ({ inet: 4, inet6: 6 }[one("addressfamily") ?? ""] as 4 | 6 | undefined) ?? 0,
    connectTimeoutMs: 1000 * (timeout || DEFAULT_CONNECT_TIMEOUT_SECONDS),
    keepAlive: {
      intervalMs: 1000 * (interval || DEFAULT_KEEP_ALIVE.intervalSeconds),
      // OpenSSH tells its own default, too, which means nothing while there is no interval
      countMax: Math.max(
        interval > 0 ? 1 : DEFAULT_KEEP_ALIVE.countMax,
        number("serveralivecountmax", MOST) ?? 0,
      ),
    },
  };
}

/** IdentityAgent of ssh_config(5): a path, `none`, `SSH_AUTH_SOCK` or `$VARIABLE`. */
function agentSocket(
  configured: string | undefined,
  env: NodeJS.ProcessEnv,
  expand: (path: string) => string,
): string | undefined {
  if (configured === "none") return undefined;
  if (configured === undefined || configured === "SSH_AUTH_SOCK") return env.SSH_AUTH_SOCK || undefined;
  return configured.startsWith("$") ? env[configured.slice(1)] || undefined : expand(configured);
}

// ssh -G prints a list without quotes; each path in it is absolute by then, so a blank within one is no end
const paths = (list: string | undefined): readonly string[] => list?.split(/ (?=[/~])/) ?? [];

/** `~` and the tokens that ssh_config(5) allows in a path. */
function expandTokens(
  path: string,
  place: Pick<ResolvedSsh, "address" | "hostname" | "port" | "user">,
): string {
  const home = userInfo().homedir || homedir();
  const tokens: Readonly<Record<string, string>> = {
    "%": "%",
    d: home,
    h: place.hostname,
    n: place.address,
    p: String(place.port),
    r: place.user,
    u: userInfo().username,
    i: String(userInfo().uid),
    l: localHostname(),
    L: localHostname().split(".", 1)[0] ?? "",
  };
  return path.replace(/^~(?=\/)/, home).replace(/%(.)/g, (whole, token: string) => tokens[token] ?? whole);
}

const addressRefused = (host: HostName, key: "address" | "user", value: string): DevbackupError =>
  new DevbackupError({
    code: "address-refused",
    exitCode: 4,
    host,
    what: `the ${key} ${JSON.stringify(value)} is none`,
    why: "It does not begin with `-` and holds no blanks and nothing that a shell takes for its own",
    next: `Correct hosts.${host}.${key} in the desired state`,
  });

const clientMissing = (host: HostName): DevbackupError =>
  new DevbackupError({
    code: "ssh-client-missing",
    exitCode: 4,
    host,
    what: "the OpenSSH client is not installed on this machine",
    why: "devbackup asks `ssh -G` and `ssh-keygen -F` how the host is reached and which key it has",
    next: "Install it (Debian, Ubuntu: apt install openssh-client) and run again",
  });

const configInvalid = (host: HostName, address: string, said: string): DevbackupError =>
  new DevbackupError({
    code: "ssh-config-invalid",
    exitCode: 4,
    host,
    what: `OpenSSH cannot tell how ${address} is reached`,
    why: said.replaceAll("\r", "").trim(),
    next: `See what is wrong: ssh -G ${address}`,
  });
