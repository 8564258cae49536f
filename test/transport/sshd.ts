import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { ConnectionSpec } from "../../src/desired-state/desired-state.ts";

export type SshSpec = Extract<ConnectionSpec, { readonly kind: "ssh" }>;

/** Why a real sshd cannot be had here; undefined where it can. */
export const noSshd: string | undefined = !existsSync("/usr/sbin/sshd")
  ? "needs /usr/sbin/sshd (apt install openssh-server)"
  : process.getuid?.() !== 0
    ? "needs root: sshd has to let several users in"
    : undefined;

/** A real sshd on loopback with keys, logins and a known-hosts file of its own; nothing of the user's is read. */
export interface TestSshd {
  readonly folder: string;
  readonly port: number;
  readonly pid: number;
  /** As the desired state would say it: the known host key and a key that is let in. */
  readonly spec: SshSpec;
  /** An OpenSSH client configuration that is empty but for what a test writes into it. */
  readonly configFile: string;
  readonly env: NodeJS.ProcessEnv;
  publicHostKey(type: "ed25519" | "ecdsa"): string;
  /** Process ids of the sshd processes that serve connections now. */
  connections(): readonly number[];
  stop(): Promise<void>;
}

export async function startSshd(): Promise<TestSshd> {
  const folder = mkdtempSync(join(tmpdir(), "devbackup-sshd-"));
  const file = (name: string): string => join(folder, name);
  chmodSync(folder, 0o755);
  mkdirSync("/run/sshd", { recursive: true });
  for (const type of ["ed25519", "ecdsa"]) keygen(file(`host_${type}`), type);
  keygen(file("id"), "ed25519");
  const port = await freePort();
  writeFileSync(file("authorized_keys"), readFileSync(file("id.pub")));
  writeFileSync(file("known_hosts"), `[127.0.0.1]:${port} ${publicKey(file("host_ed25519"))}\n`);
  writeFileSync(file("ssh_config"), "");
  writeFileSync(
    file("sshd_config"),
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${file("host_ed25519")}`,
      `HostKey ${file("host_ecdsa")}`,
      `AuthorizedKeysFile ${file("authorized_keys")}`,
      `PidFile ${file("pid")}`,
      "StrictModes no",
      "UsePAM no",
      "PermitRootLogin prohibit-password",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "",
    ].join("\n"),
  );
  const daemon = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", file("sshd_config")], { stdio: "ignore" });
  await listening(port, daemon);
  const pid = daemon.pid ?? 0;
  return {
    folder,
    port,
    pid,
    configFile: file("ssh_config"),
    env: { PATH: process.env.PATH, HOME: folder },
    spec: {
      kind: "ssh",
      address: "127.0.0.1",
      port,
      user: userInfo().username,
      identityFile: file("id"),
      knownHosts: file("known_hosts"),
    },
    publicHostKey: (type) => publicKey(file(`host_${type}`)),
    connections: () => childrenOf(pid),
    stop: async () => {
      daemon.kill();
      if (daemon.exitCode === null) await once(daemon, "exit");
      rmSync(folder, { recursive: true });
    },
  };
}

export function keygen(path: string, type: string, passphrase = ""): void {
  execFileSync("ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-f", path]);
}

/** Type and base64, without the comment. */
export const publicKey = (path: string): string =>
  readFileSync(`${path}.pub`, "utf8").trim().split(" ").slice(0, 2).join(" ");

export function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .filter(Boolean)
    .map(Number);
}

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function listening(port: number, daemon: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (daemon.exitCode !== null) throw new Error(`sshd ended with ${daemon.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      socket.destroy();
    }
  }
  throw new Error("sshd does not listen");
}
