import { connect } from "node:net";
import type { AnyAuthMethod, BaseAgent, OpenSSHAgent, ParsedKey } from "ssh2";
import { fingerprint } from "../hash.ts";
import { within } from "../within.ts";
import type { ResolvedSsh } from "./config.ts";
import { LOCKED, readIdentity, type Ssh2 } from "./identity-file.ts";
import { keyType } from "./known-hosts.ts";

/** The keys that one login may use, in the order in which OpenSSH would try them. */
export interface LoginKeys {
  readonly methods: readonly AnyAuthMethod[];
  /** One line a key, for messages. */
  readonly tried: readonly string[];
  /** Files that exist and could not be used, each with the reason. */
  readonly skipped: readonly string[];
  /** Files among them that an agent could use, if it held them. */
  readonly locked: readonly string[];
}

/**
 * Gathers the keys: those of the agent that belong to an identity file, then the agent's others (unless only
 * identities are wanted), then identity files that are not in the agent. Each costs the login a round trip
 * and sshd ends it after six (sshd_config(5), MaxAuthTries).
 */
export async function loginKeys(ssh: ResolvedSsh, ssh2: Ssh2): Promise<LoginKeys> {
  const [files, agent] = await Promise.all([
    Promise.all(ssh.identityFiles.map((path) => readIdentity(path, ssh2))),
    ssh.agentSocket === undefined ? undefined : askAgent(ssh.agentSocket, ssh2),
  ]);
  const identities = files.filter((file) => file !== undefined);
  const inAgent = agent?.keys ?? [];
  const belongs = (key: ParsedKey): boolean =>
    identities.some(({ publicBlob }) => publicBlob?.equals(key.getPublicSSH()));
  const fromAgent = [
    ...inAgent.filter(belongs),
    ...(ssh.identitiesOnly ? [] : inAgent.filter((key) => !belongs(key))),
  ];
  const offered = new Set(fromAgent.map((key) => key.getPublicSSH().toString("base64")));
  const rest = identities.filter(({ publicBlob }) => !offered.has(publicBlob?.toString("base64") ?? ""));
  const usable = rest.filter((file) => file.key !== undefined);

  const methods: AnyAuthMethod[] = [];
  if (ssh.agentSocket && fromAgent.length > 0) {
    methods.push({ type: "agent", username: ssh.user, agent: narrowed(ssh.agentSocket, fromAgent, ssh2) });
  }
  for (const { key } of usable) if (key) methods.push({ type: "publickey", username: ssh.user, key });
  return {
    methods,
    tried: [
      ...fromAgent.map((key) => describe(key.getPublicSSH(), "the agent")),
      ...usable.map(({ path, publicBlob }) => describe(publicBlob, path)),
    ],
    skipped: [
      ...(ssh.identityFileDeclared && identities.length === 0
        ? [`${ssh.identityFiles.join(", ")}: there is no such file`]
        : []),
      ...rest.flatMap(({ path, problem }) => (problem ? [`${path}: ${problem}`] : [])),
      ...(agent?.problem ? [`the agent at ${ssh.agentSocket}: ${agent.problem}`] : []),
    ],
    locked: rest.filter(({ problem }) => problem === LOCKED).map(({ path }) => path),
  };
}

const AGENT_TIMEOUT_MS = 5_000;

interface AskedAgent {
  readonly keys: readonly ParsedKey[];
  readonly problem: string | undefined;
}

async function askAgent(socket: string, ssh2: Ssh2): Promise<AskedAgent> {
  if (!(await answers(socket))) return { keys: [], problem: `no answer within ${AGENT_TIMEOUT_MS / 1000} s` };
  const agent = new ssh2.OpenSSHAgent(socket);
  const { promise, resolve } = Promise.withResolvers<AskedAgent>();
  agent.getIdentities((error, keys = []) => {
    const parsed = keys.filter((key): key is ParsedKey => "getPublicSSH" in key);
    resolve({ keys: parsed, problem: error?.message });
  });
  return promise;
}

/**
 * Whether the agent answers, or refuses to be asked: one that was forwarded over a link that has died since does
 * neither. ssh2 would wait for it, and hold on to its socket, for ever.
 */
async function answers(socket: string): Promise<boolean> {
  const probe = connect(socket).on("error", () => {});
  try {
    const heard = new Promise<void>((resolve) => {
      for (const event of ["data", "error", "close"]) probe.once(event, () => resolve());
    });
    probe.write(REQUEST_IDENTITIES);
    return (await within(AGENT_TIMEOUT_MS, heard)) !== "late";
  } finally {
    probe.destroy();
  }
}

/** Length and number of the message (draft-ietf-sshm-ssh-agent, section 3.5). */
const REQUEST_IDENTITIES = Buffer.from([0, 0, 0, 1, 11]);

/** The same agent, offering only `keys` and in their order. */
function narrowed(socket: string, keys: readonly ParsedKey[], ssh2: Ssh2): BaseAgent {
  class Narrowed extends ssh2.OpenSSHAgent {
    override getIdentities: OpenSSHAgent["getIdentities"] = (tell) => tell(null, [...keys]);
  }
  return new Narrowed(socket);
}

const describe = (blob: Buffer | undefined, from: string): string =>
  blob === undefined ? from : `${keyType(blob)} ${fingerprint(blob)} (${from})`;
