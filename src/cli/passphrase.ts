import { readFile, stat } from "node:fs/promises";
import { printable } from "../domain/printable.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { answered } from "./confirm.ts";
import type { Terminal } from "./terminal.ts";

/**
 * The passphrase of a recovery identity: out of `passphraseFile`, else asked for on the terminal.
 * @throws DevbackupError `no-passphrase` where there is neither, `interrupted` on Ctrl-C
 */
export async function askPassphrase(
  identityFile: string,
  passphraseFile: string | undefined,
  terminal: Terminal,
): Promise<string> {
  if (passphraseFile !== undefined) return readPassphrase(passphraseFile, terminal);
  if (!terminal.interactive) throw nobodyToAsk(`the passphrase of ${identityFile}`);
  const { password } = await import("@inquirer/prompts");
  return answered(password({ message: `Passphrase of ${printable(identityFile)}:`, mask: true }));
}

/** The whole file but one line feed at its end; warns where others can read it. `file` may be a pipe. */
export async function readPassphrase(file: string, terminal: Terminal): Promise<string> {
  try {
    const text = await readFile(file, "utf8");
    const status = await stat(file);
    if (status.isFile() && (status.mode & 0o077) !== 0)
      terminal.warn(`others can read ${file}; chmod 600 it`);
    return text.replace(/\r?\n$/, "");
  } catch (error) {
    throw new DevbackupError({
      code: "passphrase-unreadable",
      exitCode: 1,
      what: `the passphrase cannot be read from ${file}`,
      why: error instanceof Error ? error.message : String(error),
      state: "Nothing was contacted or changed",
      next: "Put the passphrase alone into that file, mode 0600",
    });
  }
}

export const nobodyToAsk = (wanted: string): DevbackupError =>
  new DevbackupError({
    code: "no-passphrase",
    exitCode: 1,
    what: `${wanted} is needed, and there is no terminal to ask on`,
    state: "Nothing was contacted or changed",
    next: "--passphrase-file FILE, a file of mode 0600 that holds the passphrase alone",
  });
