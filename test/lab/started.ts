import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Lab, type Result, withAnyLabel } from "./lab.ts";

/** A devbackup that runs while the test goes on. */
export interface Started {
  readonly pid: number;
  /** What it has written so far, both outputs together. */
  readonly output: () => string;
  /** Resolves once the output matches. @throws where it ends, or two minutes pass, without that */
  said(pattern: RegExp): Promise<void>;
  /** Types on its terminal. */
  type(keys: string): void;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it has ended; `exitCode` is undefined where a signal ended it. */
  readonly ended: Promise<Result>;
}

export interface StartOptions {
  /** In a pseudo-terminal; both outputs are one then. */
  readonly terminal?: boolean;
  /** A file that stands in for the machine's own /etc/ssh/ssh_config. OpenSSH heeds no HOME. */
  readonly sshConfig?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with what comes on its stdout. */
  readonly onStdout?: (text: string) => void;
}

const PROGRAM = join(import.meta.dirname, "../../bin/devbackup");
const PATIENCE_MS = 120_000;

/** Like {@link Lab.devbackup}, without waiting for its end. */
export function startDevbackup(lab: Lab, args: readonly string[], options: StartOptions = {}): Started {
  const [program, ...rest] = argvOf([PROGRAM, ...withAnyLabel(args)], options);
  const child = spawn(program ?? "", rest, {
    env: {
      ...process.env,
      HOME: lab.home,
      XDG_STATE_HOME: join(lab.dir, "state"),
      R2_ACCESS_KEY_ID: lab.bucket.accessKeyId,
      R2_SECRET_ACCESS_KEY: lab.bucket.secretAccessKey,
      ...options.env,
    },
    cwd: lab.dir,
  });
  let [stdout, stderr, output, over] = ["", "", "", false];
  child.stdin.on("error", () => {});
  if (options.terminal !== true) child.stdin.end();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    output += text;
    options.onStdout?.(text);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    output += text;
  });
  const ended = new Promise<Result>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode) => {
      over = true;
      lab.heard(output);
      resolve({ exitCode: exitCode ?? undefined, stdout, stderr });
    });
  });
  return {
    pid: child.pid ?? 0,
    output: () => output,
    said: async (pattern) => {
      for (const start = Date.now(); !pattern.test(output); await sleep(20))
        if (over || Date.now() - start > PATIENCE_MS) throw new Error(`it never said ${pattern}:\n${output}`);
    },
    type: (keys) => void child.stdin.write(keys),
    signal: (signal) => void child.kill(signal),
    ended,
  };
}

/** The process that is signalled is the program's own: each step replaces the one before it. */
function argvOf(program: readonly string[], { terminal, sshConfig }: StartOptions): readonly string[] {
  const configured =
    sshConfig === undefined
      ? program
      : [
          "unshare",
          "-m",
          "sh",
          "-ec",
          'mount --bind "$0" /etc/ssh/ssh_config; exec "$@"',
          sshConfig,
          ...program,
        ];
  const sized = `stty cols 200 rows 60; exec ${configured.map(quoted).join(" ")}`;
  return terminal ? ["script", "-qefc", sized, "/dev/null"] : configured;
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
