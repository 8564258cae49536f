import { homedir } from "node:os";
import type { Command } from "commander";
import { loadDesiredState } from "../desired-state/load.ts";
import { printable } from "../domain/printable.ts";
import { candidatesFor, type Declared } from "./completion/candidates.ts";
import { SCRIPTS, type Shell } from "./completion/scripts.ts";

/** `devbackup completion SHELL`: the script that a shell takes in. */
export async function completionCommand(shell: Shell): Promise<number> {
  process.stdout.write(SCRIPTS[shell]);
  return 0;
}

/** Answers such a script. Contacts nothing; says nothing where there is no desired state that could be read. */
export async function answerCommand(program: Command, words: readonly string[]): Promise<number> {
  const candidates = candidatesFor(program, words, declaredIn);
  const lines =
    candidates.kind === "words"
      ? candidates.words.map(({ word, about }) => `${printable(word)}\t${printable(about)}`)
      : [];
  process.stdout.write(`${[candidates.kind, ...lines].join("\n")}\n`);
  return 0;
}

const declaredIn: Declared = (what, config) => {
  try {
    const home = homedir();
    const loaded = loadDesiredState({
      // the shell has not expanded it yet
      ...(config !== "" && { config: config.replace(/^~(?=\/|$)/, home) }),
      env: process.env,
      cwd: process.cwd(),
      home,
    });
    if (loaded.kind === "invalid") return [];
    const { hosts, datasets } = loaded.desired;
    return what === "hosts" ? [...hosts.keys()] : datasets.map(({ name }) => name);
  } catch {
    // a shell that completes is no place for an error
    return [];
  }
};
