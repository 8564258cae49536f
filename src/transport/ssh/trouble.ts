import type { Code } from "../../domain/code.ts";
import type { HostName } from "../../domain/names.ts";
import { DevbackupError, type Trouble } from "../../domain/trouble.ts";
import { fingerprint } from "../hash.ts";
import { command } from "../quote.ts";
import type { ResolvedSsh } from "./config.ts";
import { type KnownHost, keyType, type Verdict } from "./known-hosts.ts";
import type { LoginKeys } from "./login-keys.ts";
import { HostKeyUnknown } from "./new-host-key.ts";

/** What keeps one host from being used, each as exit code 4 with what to do about it. */
export interface SshTrouble {
  /** The network: refused, unreachable, not found, no answer in time; also a proxy's own words. */
  notReached(cause: unknown, proxySaid?: string): DevbackupError;
  hostKey(verdict: Exclude<Verdict, { kind: "known" }>, offered: Buffer, known: KnownHost): DevbackupError;
  loginRefused(keys: LoginKeys): DevbackupError;
  handshakeFailed(cause: Error): DevbackupError;
  linkLost(cause: Error | undefined): DevbackupError;
}

export function sshTrouble(host: HostName, ssh: ResolvedSsh): SshTrouble {
  const at = `${ssh.hostname} port ${ssh.port}${ssh.proxy ? ` (by ${ssh.proxy.what})` : ""}`;
  const login = `${ssh.port === 22 ? "" : `-p ${ssh.port} `}${ssh.user}@${ssh.address}`;
  const about = (trouble: Omit<Trouble, "exitCode" | "host">, cause?: unknown): DevbackupError =>
    new DevbackupError({ exitCode: 4, host, ...trouble }, { cause });

  return {
    notReached: (cause, proxySaid) => {
      const why = proxySaid || (cause instanceof Error ? cause.message : String(cause));
      const [code, what, next] = networkFailure(cause, ssh, at);
      return about({ code, what, why, next, state: NOTHING_DONE }, cause);
    },

    hostKey: (verdict, offered, known) => {
      const file = known.files[0] ?? "~/.ssh/known_hosts";
      // what ssh-keyscan writes stands under the host's own name, and it knows no jump host
      const scan = `ssh-keyscan -p ${ssh.port} ${ssh.hostname} >> ${file}`;
      const byHand = `log in once by hand: ssh ${login}`;
      const addIt = ssh.hostKeyAlias || ssh.proxy ? byHand : `${scan} (or ${byHand})`;
      const shown = `it shows ${keyType(offered)} ${fingerprint(offered)}`;
      switch (verdict.kind) {
        case "revoked":
          return about({
            code: "host-key-revoked",
            what: `the host key of ${at} has been revoked`,
            why: `${shown}; ${verdict.by.file}:${verdict.by.line} revokes that key`,
            state: NOTHING_DONE,
            next: "Do not log in; ask whoever revoked it",
          });
        case "changed":
          return about({
            code: "host-key-changed",
            what: `the host key of ${at} is not the one that is known: another machine may be answering`,
            why: `${shown}; known is ${fingerprint(verdict.known.blob)} (${verdict.known.file}:${verdict.known.line})`,
            state: NOTHING_DONE,
            next:
              "If the host was set up anew, compare the fingerprint on its console (ssh-keygen -lf " +
              `/etc/ssh/ssh_host_ed25519_key.pub), then: ssh-keygen -R '${known.lookupName}' -f ${verdict.known.file}; ${addIt}`,
          });
        case "unknown": {
          const others = [...new Set(verdict.others.map(({ type }) => type))].join(", ");
          const also = others === "" ? "" : `; known are only keys of type ${others}`;
          const authority = verdict.authority ? "; @cert-authority lines are not supported" : "";
          const trouble: Trouble = {
            code: "host-key-unknown",
            exitCode: 4,
            host,
            what: `the host key of ${at} is not known`,
            why: `${shown}; ${known.lookupName} is in none of ${known.files.join(", ")}${also}${authority}`,
            state: NOTHING_DONE,
            next: `Compare the fingerprint, then: ${addIt}`,
          };
          return new HostKeyUnknown(trouble, ssh, known, offered);
        }
      }
    },

    loginRefused: ({ tried, skipped, locked }) => {
      const why = [
        tried.length === 0 ? NO_KEY : `refused: ${tried.join("; ")}`,
        ...(skipped.length === 0 ? [] : [`not usable: ${skipped.join("; ")}`]),
      ].join("; ");
      return about({
        code: "login-refused",
        what: `${ssh.user}@${at} does not let us in`,
        why,
        state: NOTHING_DONE,
        next:
          locked.length > 0
            ? `${ssh.agentSocket === undefined ? START_AGENT : ""}${command(["ssh-add", ...locked])}`
            : `See whether this works, and set user or identity_file accordingly: ssh -o BatchMode=yes ${login} true`,
      });
    },

    handshakeFailed: (cause) =>
      about(
        {
          code: "handshake-failed",
          what: `${at} answers, but no SSH connection comes about`,
          why: cause.message,
          state: NOTHING_DONE,
          next: `See what OpenSSH says: ssh -v ${login} true`,
        },
        cause,
      ),

    linkLost: (cause) =>
      about(
        {
          code: "link-lost",
          what: `the connection to ${at} was lost`,
          why: lostBecause(cause, ssh),
          state: "What ran there may have ended or may still run; it is looked at anew by the next run",
          next: "Run the same command again",
        },
        cause,
      ),
  };
}

/** What a refused login begins its `why` with where none was tried. */
export const NO_KEY = "there is no key to log in with";

/** What the next step of a refused login begins with where its key has a passphrase and no agent runs. */
export const START_AGENT = 'eval "$(ssh-agent)" && ';

/** The codes of {@link SshTrouble.notReached}: the machine is off or asleep, or its network is away. */
export const NOT_REACHED: ReadonlySet<string> = new Set([
  "host-refused",
  "host-not-found",
  "host-unreachable",
  "host-timeout",
]);

const NOTHING_DONE = "Nothing was run there; safe to run again";

function networkFailure(cause: unknown, ssh: ResolvedSsh, at: string): readonly [Code, string, string] {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  switch (code) {
    case "ECONNREFUSED":
      return ["host-refused", `${at} refuses the connection`, "Check that sshd runs there, and on that port"];
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_FAIL":
      return [
        "host-not-found",
        `the name ${ssh.hostname} does not resolve`,
        "Check the address and the name server",
      ];
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EHOSTDOWN":
    case "ENETDOWN":
      return [
        "host-unreachable",
        `there is no way to ${at}`,
        "Check that it is switched on and on the network",
      ];
    case "ETIMEDOUT":
      return [
        "host-timeout",
        `${at} did not answer within ${ssh.connectTimeoutMs / 1000} s`,
        "Check that it is switched on and that no firewall drops the connection",
      ];
    default:
      return [
        "host-unreachable",
        `${at} cannot be reached`,
        `See what OpenSSH says: ssh -v ${ssh.address} true`,
      ];
  }
}

function lostBecause(cause: Error | undefined, ssh: ResolvedSsh): string {
  if (cause === undefined) return "The other side closed it";
  if (cause.message !== "Keepalive timeout") return cause.message;
  return `Nothing was heard for ${(ssh.keepAlive.intervalMs * ssh.keepAlive.countMax) / 1000} s`;
}
