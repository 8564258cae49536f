import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import type { SecretRef } from "../desired-state/desired-state.ts";
import { shellWord } from "../domain/shell-word.ts";
import { DevbackupError } from "../domain/trouble.ts";

export interface Secret {
  /** Never empty; one trailing newline is taken off. */
  readonly value: string;
  /** Something the user should mend; the secret is used all the same. */
  readonly warning?: string;
}

const COMMAND_TIMEOUT_MS = 60_000;

/**
 * The secret that `ref` points to, read on the controller.
 * @throws DevbackupError `secret-missing` or `secret-unreadable`, which names the reference and never the
 *   secret.
 */
export async function readSecret(
  ref: SecretRef,
  env: NodeJS.ProcessEnv = process.env,
  commandTimeoutMs = COMMAND_TIMEOUT_MS,
): Promise<Secret> {
  const secret = await read(ref, env, commandTimeoutMs);
  const value = secret.value.replace(/\r?\n$/, "");
  if (value === "") {
    throw new DevbackupError({
      code: "secret-missing",
      exitCode: 1,
      what: `the secret is empty: ${nameOf(ref)}`,
      next: nextFor(ref),
    });
  }
  return { ...secret, value };
}

async function read(ref: SecretRef, env: NodeJS.ProcessEnv, timeoutMs: number): Promise<Secret> {
  switch (ref.kind) {
    case "env": {
      const value = env[ref.name];
      if (value !== undefined) return { value };
      throw new DevbackupError({
        code: "secret-missing",
        exitCode: 1,
        what: `the secret is not set: ${nameOf(ref)}`,
        next: nextFor(ref),
      });
    }
    case "file":
      return readSecretFile(ref);
    case "command":
      return { value: await commandOutput(ref, timeoutMs) };
  }
}

async function readSecretFile(ref: SecretRef & { kind: "file" }): Promise<Secret> {
  try {
    const value = await readFile(ref.path, "utf8");
    const { mode } = await stat(ref.path);
    if ((mode & 0o077) === 0) return { value };
    const permissions = (mode & 0o777).toString(8).padStart(4, "0");
    return {
      value,
      warning: `${ref.path} has mode ${permissions}: others can use this secret; chmod 600 it`,
    };
  } catch (error) {
    const closed = (error as NodeJS.ErrnoException).code === "EACCES";
    const next = closed ? `sudo chown ${userInfo().username} ${shellWord(ref.path)}` : undefined;
    throw unreadable(ref, error instanceof Error ? error.message : String(error), next);
  }
}

const commandOutput = (ref: SecretRef & { kind: "command" }, timeoutMs: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const [program = "", ...args] = ref.argv;
    const child = execFile(
      program,
      args,
      { timeout: timeoutMs, killSignal: "SIGKILL" },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const how = error.killed ? `no answer within ${timeoutMs / 1000} s` : `exit ${error.code}`;
        // not error.message: it is made of the whole stderr and can be pages long
        reject(unreadable(ref, [how, stderr.trim().split("\n").at(-1)].filter(Boolean).join(": ")));
      },
    );
    child.stdin?.end();
  });

const unreadable = (ref: SecretRef, why: string, next = nextFor(ref)): DevbackupError =>
  new DevbackupError({
    code: "secret-unreadable",
    exitCode: 1,
    what: `the secret cannot be read: ${nameOf(ref)}`,
    why,
    next,
  });

function nameOf(ref: SecretRef): string {
  if (ref.kind === "env") return `environment variable ${ref.name}`;
  return ref.kind === "file" ? `file ${ref.path}` : `command ${ref.argv.join(" ")}`;
}

function nextFor(ref: SecretRef): string {
  if (ref.kind === "env") return `set ${ref.name} where devbackup runs`;
  return ref.kind === "file" ? `put the secret into ${ref.path}, mode 0600` : "run the command by hand";
}
