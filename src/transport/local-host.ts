import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { HostName } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { bootstrapArgv } from "./bootstrap.ts";
import { endWithUs } from "./end-with-us.ts";
import type { Host } from "./host.ts";
import { scriptedHost } from "./scripted-host.ts";
import type { SessionEnd, SessionSource } from "./ssh/session.ts";

interface LocalOptions {
  readonly name: HostName;
  readonly become: "none" | "sudo";
  readonly env: NodeJS.ProcessEnv;
  /** See {@link START_TIMEOUT_MS}. */
  readonly startTimeoutMs?: number;
}

/** This machine as a {@link Host}. Contacts nothing until the first command. */
export function localHost({ name, become, env, ...options }: LocalOptions): Host {
  const shellArgv = bootstrapArgv(become);
  return scriptedHost({ name, source: processes(name, shellArgv, env), shellArgv, ...options });
}

function processes(name: HostName, argv: readonly string[], env: NodeJS.ProcessEnv): SessionSource {
  const [file = "sh", ...args] = argv;
  return {
    open: async () => {
      // a group of its own: Ctrl-C on the terminal is ours to handle, not the script's
      const child = spawn(file, args, { env, stdio: "pipe", detached: true });
      endWithUs(child);
      return {
        stdin: child.stdin,
        stdout: child.stdout,
        stderr: child.stderr,
        ended: endOf(name, child),
        abandon: () => {
          for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
          child.unref();
        },
      };
    },
    close: async () => {},
  };
}

async function endOf(name: HostName, child: ChildProcess): Promise<SessionEnd> {
  try {
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    return { kind: "exited", exitCode: code ?? 128 + (signal ? constants.signals[signal] : 0) };
  } catch (error) {
    return { kind: "lost", error: noShell(name, error) };
  }
}

const noShell = (host: HostName, cause: unknown): DevbackupError =>
  new DevbackupError(
    {
      code: "shell-failed",
      exitCode: 4,
      host,
      what: "no shell could be started on this machine",
      why: cause instanceof Error ? cause.message : String(cause),
      next: "Check that `sh` is in PATH",
    },
    { cause },
  );
