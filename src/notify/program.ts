import { spawn } from "node:child_process";
import type { Argv } from "../desired-state/desired-state.ts";
import { printableLines } from "../domain/printable.ts";
import { endGroup, endWithUs } from "../transport/end-with-us.ts";
import { Undelivered } from "./undelivered.ts";

interface ProgramOptions {
  readonly input: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

const MOST_STDERR = 4_096;
const MOST_COLUMNS = 200;

/**
 * Runs a program with `input` on stdin, as whoever devbackup runs as, and waits for its end; its output is dropped.
 * On abort all that it has started is ended with it.
 * @throws Undelivered
 */
export const runProgram = ([file, ...args]: Argv, { input, env, signal }: ProgramOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Undelivered(why));
    if (signal.aborted) return fail("there was no time left for it");
    const child = spawn(file, args, { env, stdio: ["pipe", "ignore", "pipe"], detached: true });
    endWithUs(child);
    let stderr = "";
    const abort = (): void => {
      if (child.pid !== undefined) endGroup(child.pid, "SIGKILL");
      fail("it did not end in the time that there is");
    };
    signal.addEventListener("abort", abort, { once: true });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-MOST_STDERR);
    });
    // whoever does not read the message need not
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.once("error", (error: NodeJS.ErrnoException) =>
      fail(
        error.code === "ENOENT"
          ? `there is no ${file} here`
          : `${file} can't be run (${error.code ?? error.name})`,
      ),
    );
    // not "close": what it has left running may keep the pipe open for ever
    child.once("exit", (code, killedBy) => {
      signal.removeEventListener("abort", abort);
      setImmediate(() => {
        child.stderr.destroy();
        child.unref();
        if (code === 0) return resolve();
        const last = printableLines(stderr).at(-1)?.slice(0, MOST_COLUMNS);
        const how = code === null ? `it was ended by ${killedBy}` : `exit code ${code}`;
        fail([how, ...(last === undefined ? [] : [last])].join(": "));
      });
    });
  });
