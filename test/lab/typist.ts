import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { inside } from "./inside.ts";
import type { Lab, Machine } from "./lab.ts";
import { asTyped, plainly } from "./page.ts";

/** A question that a program asks, and the keys that a person presses then; `$1` is its first group. */
export type Answer = readonly [question: RegExp, keys: string];

export interface Typed {
  readonly exitCode: number | null;
  /** What stood on the terminal, without colours. */
  readonly said: string;
  /** Of the command, its answers, and each Enter. */
  readonly keys: number;
  readonly seconds: number;
}

/** Who sits at a machine's terminal: what is typed goes on where the last command has left it. */
export interface Typist {
  type(command: string): Promise<Typed>;
}

const PATIENCE_MS = 150_000;
/** So long nothing more comes, and what stands there is a question. */
const QUIET_MS = 250;
const DOWN = "\u001b[B";

export interface TypistOptions {
  readonly answers: readonly Answer[];
  /** What a page writes by way of example, and what stands for it in the lab. */
  readonly replaced: readonly (readonly [RegExp, string])[];
  /** The folder where they begin, and a command that their shell has run already. */
  readonly from: string;
  readonly exported: string;
}

export function typist(
  lab: Lab,
  machine: Machine,
  user: string,
  { answers, replaced, from, exported: given }: TypistOptions,
): Typist {
  let [folder, exported] = [from, `${given}\n`];
  return {
    type: async (command) => {
      const typed = asTyped(command);
      const real = replaced.reduce((text, [example, inLab]) => text.replace(example, inLab), typed);
      const startedAt = performance.now();
      const { exitCode, output, answerKeys } = await onTerminal(
        lab,
        { machine, user, answers },
        `${exported}cd ${folder} || exit 99\n${real}`,
      );
      // a shell that goes on: where it stands, and what it was given
      if (exitCode === 0 && /(^|&& )cd /.test(real)) folder = /(?:^|&& )cd (\S+)/.exec(real)?.[1] ?? folder;
      if (exitCode === 0 && real.startsWith("export ")) exported += `${real}\n`;
      return {
        exitCode,
        said: plainly(output),
        keys: [...typed].length + 1 + answerKeys,
        seconds: (performance.now() - startedAt) / 1000,
      };
    },
  };
}

/** How the prompts of devbackup mark a question that is open, and one that was answered; each key draws it anew. */
const [OPEN, DONE] = ["\u001b[34m?\u001b[39m", "\u001b[32m✔\u001b[39m"];

/**
 * For the question that stands there now, if one does; `output` is what came since the last answer. Ours are taken as they
 * are proposed where no answer is for them. One of ours that was answered is drawn anew until it is done.
 */
function keysFor(output: string, answers: readonly Answer[], isPending: boolean): string | undefined {
  if (isPending && !output.includes(DONE)) return undefined;
  const at = output.lastIndexOf(OPEN);
  const ours = at >= 0 && at > output.lastIndexOf(DONE);
  // another program's question is a line that has no end yet
  const asked = plainly(output.slice(ours ? at : output.lastIndexOf("\n") + 1));
  const found = answers.find(([question]) => question.test(asked));
  if (found === undefined) return ours ? "\r" : undefined;
  const [question, keys] = found;
  return keys.replace("$1", question.exec(asked)?.[1] ?? "");
}

async function onTerminal(
  lab: Lab,
  {
    machine,
    user,
    answers,
  }: { readonly machine: Machine; readonly user: string; readonly answers: readonly Answer[] },
  script: string,
): Promise<{ readonly exitCode: number | null; readonly output: string; readonly answerKeys: number }> {
  const quoted = `'${`stty cols 100 rows 60; ${script}`.replaceAll("'", `'\\''`)}'`;
  const there = await inside(
    lab.id,
    machine,
    `export TERM=xterm-256color; exec script -qefc ${quoted} /dev/null`,
    user,
  );
  if (there === undefined) throw new Error(`${machine} is off`);
  const child = spawn(there.program, there.args, { stdio: ["pipe", "pipe", "pipe"] });
  let [output, answered, changedAt, answerKeys, over, pending] = ["", 0, performance.now(), 0, false, false];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      changedAt = performance.now();
    });
  child.stdin.on("error", () => {});
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  void ended.then(() => {
    over = true;
  });
  for (const start = performance.now(); !over; await Promise.race([ended, sleep(50)])) {
    if (performance.now() - start > PATIENCE_MS) {
      child.kill("SIGKILL");
      throw new Error(`it waits, or takes too long: ${script}\n${plainly(output)}`);
    }
    if (performance.now() - changedAt < QUIET_MS) continue;
    const keys = keysFor(output.slice(answered), answers, pending);
    if (keys === undefined) continue;
    pending = output.slice(answered).includes(OPEN);
    answered = output.length;
    changedAt = performance.now();
    answerKeys += [...keys.replaceAll(DOWN, "v")].length;
    child.stdin.write(keys);
  }
  lab.heard(output);
  return { exitCode: await ended, output, answerKeys };
}
