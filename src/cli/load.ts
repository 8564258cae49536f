import { homedir } from "node:os";
import { type Loaded, loadDesiredState } from "../desired-state/load.ts";
import { problemsAsData, renderProblems } from "../desired-state/render-problems.ts";
import type { CommonFlags, Terminal } from "./terminal.ts";

/** A desired state that is valid, with its files. */
export type ValidState = Omit<Extract<Loaded, { kind: "valid" }>, "kind">;

/** A valid desired state, or null after every problem has been shown. */
export async function load(flags: CommonFlags, terminal: Terminal): Promise<ValidState | null> {
  const loaded = loadDesiredState({
    ...(flags.config !== undefined && { config: flags.config }),
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
  });
  if (loaded.kind === "valid") return loaded;
  if (terminal.json) await terminal.document(problemsAsData(loaded.problems));
  process.stderr.write(
    renderProblems(loaded.problems, { colour: terminal.color && process.stderr.isTTY === true }),
  );
  return null;
}
