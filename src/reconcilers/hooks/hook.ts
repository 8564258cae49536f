import type { Argv } from "../../desired-state/desired-state.ts";
import { printableLines } from "../../domain/printable.ts";
import { shellWord } from "../../domain/shell-word.ts";
import { formatDuration } from "../../domain/units.ts";
import { sh } from "../../transport/quote.ts";
import { GUARD, GUARDED } from "./guard-script.ts";

export type HookName = "before_snapshot" | "after_snapshot" | "after_apply";

/** A program of the user's: run by root, without a shell, from `/`, with nothing on its stdin. */
export interface Hook {
  readonly name: HookName;
  readonly argv: Argv;
  readonly timeoutMs: number;
  /** All of its environment besides PATH, HOME, USER, LOGNAME, SHELL and LC_ALL. */
  readonly env: Readonly<Record<`DEVBACKUP_${string}`, string>>;
}

/** A step of {@link guarded} that did not end with 0. */
export interface FailedStep {
  readonly name: string;
  /** Its exit code, or that it was ended by its time-out. */
  readonly code: number | "late";
  /** The last lines of what it said. */
  readonly said: string;
}

/** How long what is told to end may take to do so. */
export const GRACE_SECONDS = 10;

export const secondsOf = ({ timeoutMs }: Pick<Hook, "timeoutMs">): number => Math.ceil(timeoutMs / 1000);

/** The command as a person would type it. */
export const shownArgv = (argv: Argv): string => argv.map(shellWord).join(" ");

/** A line of sh, for {@link guarded}, that runs a hook and leaves its exit code, or `late`, in `$code`. */
export const hookLine = (hook: Hook): string => {
  const [variables, seconds] = [Object.entries(hook.env), secondsOf(hook)];
  const words = [
    ...variables.map(([variable, value]) => `${variable}=${value}`),
    // it makes a group of its own, and ends that as a whole
    ...["timeout", "-k", `${GRACE_SECONDS}`, `${seconds}`],
    ...hook.argv,
  ];
  return sh`hook ${hook.name} ${seconds} ${words}`;
};

/**
 * A script that runs `body`, and then `afterwards` whatever became of it, in a session of its own: neither what ends a
 * run's processes nor a link that is cut keeps `afterwards` from being run. TERM ends the hook that runs, and then the body.
 * {@link readFailed} reads its stdout. It ends with what `body` does.
 */
export const guarded = (body: string, afterwards: string | null): string =>
  `${sh`guarded=${`${GUARDED}afterwards() {\n${afterwards ?? ":"}\n}\n${body}`}`}\n${GUARD}`;

/** What failed in a {@link guarded} script, by the name of the step. */
export function readFailed(stdout: string): ReadonlyMap<string, FailedStep> {
  const failed = new Map<string, FailedStep>();
  for (const block of stdout.split("\n\n")) {
    const [head = "", ...lines] = block.trim().split("\n");
    const [, name, code] = /^(\S+) (\d+|late)$/.exec(head) ?? [];
    if (name === undefined) continue;
    const said = lines.map((line) => line.slice(2)).join("\n");
    failed.set(name, { name, code: code === "late" ? code : Number(code), said });
  }
  return failed;
}

/** `ended with exit code 3`. */
export function howItEnded({ code }: FailedStep, hook: Hook): string {
  if (code === "late")
    return `was ended by its time-out, after ${formatDuration(hook.timeoutMs)} (\`hooks.timeout\`)`;
  const means = code === 127 ? " (not found)" : code === 126 ? " (can't be executed)" : "";
  return `ended with exit code ${code}${means}`;
}

/** What a hook that failed has to say for itself. */
export const whyFailed = ({ said }: FailedStep): string =>
  said.trim() === "" ? "it said nothing" : printableLines(said).join("\n");

/** A command that runs it by hand as it was run; for the `next` of an error. */
export const byHand = ({ argv, env }: Hook, host: string): string => {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${shellWord(value)}`);
  return `on ${host}, as root: cd / && ${variables.join(" ")} ${shownArgv(argv)}`;
};
