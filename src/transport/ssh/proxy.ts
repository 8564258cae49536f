import { spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { endGroup, endWithUs } from "../end-with-us.ts";
import { within } from "../within.ts";

/** A local program whose stdin and stdout are the way to the host; how OpenSSH does ProxyJump and ProxyCommand. */
export interface SshProxy {
  readonly argv: readonly string[];
  /** For messages: `jump host bastion`, `ProxyCommand nc …`. */
  readonly what: string;
}

const STOP_GRACE_MS = 2_000;

interface Place {
  readonly address: string;
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
}

/** From ProxyJump and ProxyCommand as `ssh -G` prints them (ssh_config(5)); the first wins. */
export function proxyOf(
  jump: string | undefined,
  shellCommand: string | undefined,
  place: Place,
  configFile: string | undefined,
): SshProxy | undefined {
  if (jump !== undefined) return { argv: jumpArgv(jump, place, configFile), what: `jump host ${jump}` };
  if (shellCommand === undefined) return undefined;
  const expanded = expandTokens(shellCommand, place);
  // exec, so that no shell stays between us and what ends when its stdin does
  return { argv: ["sh", "-c", `exec ${expanded}`], what: `ProxyCommand ${expanded}` };
}

/** Several jumps go from left to right: the last is asked for the host, by way of the others. */
function jumpArgv(jump: string, place: Place, configFile: string | undefined): readonly string[] {
  const hops = jump.split(",");
  const last = hops.pop() ?? jump;
  const target = place.hostname.includes(":") ? `[${place.hostname}]` : place.hostname;
  return [
    "ssh",
    ...(configFile === undefined ? [] : ["-F", configFile]),
    ...["-T", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes"],
    ...(hops.length === 0 ? [] : ["-J", hops.join(",")]),
    ...["-W", `${target}:${place.port}`],
    ...["--", last.startsWith("ssh://") ? last : `ssh://${last}`],
  ];
}

const expandTokens = (text: string, place: Place): string =>
  text.replace(/%(.)/g, (whole, token: string) => {
    const tokens: Readonly<Record<string, string>> = {
      "%": "%",
      h: place.hostname,
      n: place.address,
      p: String(place.port),
      r: place.user,
    };
    return tokens[token] ?? whole;
  });

/** A proxy that runs. */
export interface RunningProxy {
  readonly stream: Duplex;
  /** The end of what it has said on stderr. */
  readonly said: () => string;
  /** Ends it, and resolves when it is gone. */
  stop(): Promise<void>;
}

/** Starts the proxy in a group of its own: the terminal's Ctrl-C would cut the link in the middle of an action. */
export function startProxy(proxy: SshProxy, env: NodeJS.ProcessEnv): RunningProxy {
  const [file = "ssh", ...args] = proxy.argv;
  const child = spawn(file, args, { env, stdio: "pipe", detached: true });
  endWithUs(child);
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString("utf8")).slice(-4096);
  });
  const gone = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", (error) => {
      said += error.message;
      resolve();
    });
  });
  // a proxy that ends early breaks the pipe; the connection above it says so
  for (const end of [child.stdin, child.stdout, child.stderr]) end.on("error", () => {});
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  return {
    stream,
    said: () => said.replaceAll("\r", "").trim(),
    stop: async () => {
      stream.destroy();
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        const { pid, exitCode, signalCode } = child;
        if (pid !== undefined && exitCode === null && signalCode === null) endGroup(pid, signal);
        if ((await within(STOP_GRACE_MS, gone)) !== "late") return;
      }
    },
  };
}
