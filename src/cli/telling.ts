import { homedir } from "node:os";
import type { DesiredState } from "../desired-state/desired-state.ts";
import type { Witness } from "../notify/ending.ts";
import type { Run } from "../notify/message.ts";
import { takeSecrets, whoAmI } from "./environment.ts";
import { showError } from "./show-error.ts";
import type { CommonFlags, Terminal } from "./terminal.ts";

interface Told {
  readonly what: Run["what"];
  /** With its flags, to be typed again. */
  readonly command: string;
  /** See {@link showError}. */
  readonly typed?: string;
  /** It is a backup, and was asked for everything. */
  readonly whole: boolean;
}

/** Whoever waits longer than that at a terminal wants to know for what. */
const SLOW_MS = 2_000;

/** Nobody is declared to be told. */
const UNTOLD: Witness = { note: () => {}, refused: () => {}, saw: () => {}, say: () => {} };

/**
 * Does `work`, and tells those whom `notify` declares what it came to; its exit code stays what it is, whoever can't be
 * reached. What it throws is shown first: somebody may be waiting for it.
 */
export async function telling(
  { desired, files }: { readonly desired: DesiredState; readonly files: readonly string[] },
  { what, command, typed, whole }: Told,
  { flags, terminal }: { readonly flags: CommonFlags; readonly terminal: Terminal },
  work: (witness: Witness) => Promise<number>,
): Promise<number> {
  const ways = desired.notify;
  if (ways.length === 0) return work(UNTOLD);
  const [{ beginTelling }, { openRuns }] = await Promise.all([
    import("../notify/telling.ts"),
    import("../controller/runs.ts"),
  ]);
  const secretEnv = takeSecrets(desired);
  const told = await beginTelling({
    ways,
    files,
    whole,
    secretEnv,
    run: { what, command, who: whoAmI() },
    datasets: desired.datasets.map(({ name }) => name),
    byHand: terminal.interactive,
    runs: openRuns({ home: homedir(), env: process.env }),
    env: process.env,
    now: () => new Date(),
    warn: terminal.warn,
  });
  const end: number | Error = await work(told.witness).catch((error: unknown) =>
    error instanceof Error ? error : new Error(String(error)),
  );
  const exitCode = typeof end === "number" ? end : await showError(end, flags, typed);
  const slow = setTimeout(() => terminal.say("Telling those whom notify declares …\n"), SLOW_MS);
  await told.end(end).finally(() => clearTimeout(slow));
  return exitCode;
}
