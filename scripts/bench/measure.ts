import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Lab, withAnyLabel } from "../../test/lab/lab.ts";

/** One program, run to its end. */
export interface Run {
  readonly wallMs: number;
  /** Peak resident memory of the process itself, without its children (VmHWM, proc_pid_status(5)). */
  readonly peakBytes: number;
  readonly stdout: string;
}

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

export const PROGRAM = join(import.meta.dirname, "../../bin/devbackup");
const LOOK_MS = 50;

/** @throws with all that it said where it ends with anything but 0 */
export async function measured(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Run> {
  const begun = performance.now();
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  let peakBytes = 0;
  // a peak never falls, so that the last look tells it
  const looking = setInterval(() => {
    peakBytes = Math.max(peakBytes, peakOf(child.pid));
  }, LOOK_MS);
  const exited = Promise.withResolvers<number>();
  child.once("error", exited.reject);
  child.once("exit", () => exited.resolve(performance.now() - begun));
  const closed = new Promise((resolve) => child.once("close", resolve));
  try {
    const wallMs = await exited.promise;
    await closed;
    if (child.exitCode === 0) return { wallMs, peakBytes, stdout };
    const end = child.exitCode ?? child.signalCode;
    throw new Error(`${[program, ...args].join(" ")}\nended with ${end}\n${stdout}${stderr}`);
  } finally {
    clearInterval(looking);
  }
}

/** 0 where the process is gone already. */
function peakOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** `devbackup` as a user runs it against the lab. */
export const devbackup = (lab: Lab, args: readonly string[]): Promise<Run> =>
  measured(PROGRAM, withAnyLabel(args), {
    cwd: lab.dir,
    env: {
      ...process.env,
      HOME: lab.home,
      R2_ACCESS_KEY_ID: lab.bucket.accessKeyId,
      R2_SECRET_ACCESS_KEY: lab.bucket.secretAccessKey,
    },
  });

/**
 * How long the actions of these kinds took together, as the events of `apply --json` tell it: with the looks
 * afterwards whether they took.
 * @throws where there was none of a kind
 */
export function actionMs({ stdout }: Run, ...kinds: readonly string[]): number {
  const events = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): { event: string; id?: string; durationMs?: number } => JSON.parse(line));
  const took = kinds.flatMap((kind) => {
    const done = events.filter(({ event, id }) => event === "action-done" && id?.startsWith(`${kind}:`));
    if (done.length === 0) throw new Error(`the apply did no action of kind ${kind}\n${stdout}`);
    return done.map(({ durationMs }) => durationMs ?? Number.NaN);
  });
  return took.reduce((sum, ms) => sum + ms, 0);
}
