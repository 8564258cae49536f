import { lstat, open, rm } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { AgeRecipient } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { generatedPassphrase, newIdentity, passphraseProblem } from "../recovery/new-identity.ts";
import { recoveryPage } from "../recovery/page.ts";
import { answered } from "./confirm.ts";

/** Makes a recovery identity behind `passphrase`, writes it and its page, and gives its recipient. */
export async function makeRecovery(passphrase: string, out: string, page: string): Promise<AgeRecipient> {
  const madeAt = new Date();
  const identity = await newIdentity(passphrase, madeAt);
  await writeNew([
    { path: out, content: identity.locked },
    { path: page, content: recoveryPage({ ...identity, madeAt, fileName: basename(out) }) },
  ]);
  return identity.recipient;
}

/**
 * Nothing typed: one is made up. Either way it has to be typed again, from whatever it was written down on. Which of two that
 * differ has the slip cannot be seen: one that was typed is asked for anew. `stopped` is how things stand after Ctrl-C.
 */
export async function askNewPassphrase(stopped?: string): Promise<string> {
  const { password } = await import("@inquirer/prompts");
  const ask = (message: string, validate: (text: string) => true | string = () => true): Promise<string> =>
    answered(password({ message, mask: true, validate }), stopped);
  let madeUp: string | undefined;
  let before = "";
  for (;;) {
    const typed =
      madeUp ??
      (await ask(
        `${before}Passphrase for the recovery identity (Enter: make one up):`,
        (text) => text === "" || (passphraseProblem(text) ?? true),
      ));
    if (typed === "") {
      madeUp = generatedPassphrase();
      process.stdout.write(`\n    ${madeUp}\n\nWrite it down now: it is not shown again.\n`);
    }
    const passphrase = madeUp ?? typed;
    if ((await ask(`${madeUp === undefined ? "" : before}The same again:`)) === passphrase) return passphrase;
    before = "Not the same. ";
  }
}

/** @throws DevbackupError where either file is there already, or both are one */
export async function refuseExisting(out: string, page: string): Promise<void> {
  if (resolve(out) === resolve(page))
    throw new DevbackupError({
      code: "same-file",
      exitCode: 1,
      what: `the identity and its page cannot both be ${out}`,
      state: "Nothing was written",
      next: "--page ANOTHER",
    });
  for (const path of [out, page]) {
    const there = await lstat(path).then(
      () => true,
      () => false,
    );
    if (there) throw alreadyThere(path);
  }
}

/** Both files, or neither: an identity without its page is not what was asked for. */
async function writeNew(
  files: readonly { readonly path: string; readonly content: string }[],
): Promise<void> {
  const made: string[] = [];
  for (const { path, content } of files) {
    try {
      const file = await open(path, "wx", 0o600);
      made.push(path);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      for (const each of made) await rm(each, { force: true });
      if ((error as NodeJS.ErrnoException).code === "EEXIST") throw alreadyThere(path);
      throw new DevbackupError({
        code: "identity-unwritten",
        exitCode: 1,
        what: `${path} cannot be written`,
        why: error instanceof Error ? error.message : String(error),
        state: "Nothing was left behind, and the new identity is gone with it",
        next: "--out and --page say where the files go",
      });
    }
  }
}

const alreadyThere = (path: string): DevbackupError =>
  new DevbackupError({
    code: "already-there",
    exitCode: 1,
    what: `${path} is there already, and backups may be encrypted to it: it is never overwritten`,
    state: "Nothing was written",
    next: "--out FILE, for another identity beside it",
  });
