import { lstat, open, rm } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { DevbackupError } from "../domain/trouble.ts";
import { generatedPassphrase, newIdentity, passphraseProblem } from "../recovery/new-identity.ts";
import { recoveryPage } from "../recovery/page.ts";
import { quote } from "../transport/quote.ts";
import { answered } from "./confirm.ts";
import { nobodyToAsk, readPassphrase } from "./passphrase.ts";
import { type CommonFlags, openTerminal, type Terminal } from "./terminal.ts";

interface NewRecoveryFlags extends CommonFlags {
  readonly out?: string;
  readonly page?: string;
  readonly passphraseFile?: string;
}

/** `devbackup keys new-recovery`: a recovery identity behind a passphrase, and its page for the safe. */
export async function keysNewRecoveryCommand(flags: NewRecoveryFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const out = flags.out ?? "devbackup-recovery.age";
  const page = flags.page ?? `${out.replace(/\.age$/, "")}.html`;
  // nobody should think of a passphrase for nothing
  await refuseExisting(out, page);
  const passphrase = await newPassphrase(flags.passphraseFile, terminal);
  const madeAt = new Date();
  const identity = await newIdentity(passphrase, madeAt);
  await writeNew([
    { path: out, content: identity.locked },
    { path: page, content: recoveryPage({ ...identity, madeAt, fileName: basename(out) }) },
  ]);
  if (terminal.json)
    await terminal.document({ formatVersion: 1, recipient: identity.recipient, identityFile: out, page });
  terminal.answer(`Wrote ${out}, which your passphrase opens, and ${page}.

1. Print the page, and put it into a safe; keep the passphrase elsewhere.
2. Put the recipient into the desired state, beside others if there are any:

encryption:
  recovery_recipients:
    - ${identity.recipient}

3. devbackup apply, and then the proof that it opens: devbackup keys test --identity ${quote(out)}
4. When the code on the printed page has been read once, delete both files: no machine should keep them.
`);
  return 0;
}

async function newPassphrase(file: string | undefined, terminal: Terminal): Promise<string> {
  if (file === undefined && terminal.interactive) return askNewPassphrase();
  if (file === undefined) throw nobodyToAsk("a passphrase for the new identity");
  const passphrase = await readPassphrase(file, terminal);
  const problem = passphraseProblem(passphrase);
  if (problem === undefined) return passphrase;
  throw new DevbackupError({
    code: "passphrase-refused",
    exitCode: 1,
    what: `the passphrase in ${file} is refused: ${problem}`,
    state: "Nothing was written",
    next: "Five words that you pick by chance from a dictionary make a good one",
  });
}

/** Nothing typed: one is made up. Either way it has to be typed again, from whatever it was written down on. */
async function askNewPassphrase(): Promise<string> {
  const { password } = await import("@inquirer/prompts");
  const typed = await answered(
    password({
      message: "Passphrase for the recovery identity (Enter: make one up):",
      mask: true,
      validate: (text) => text === "" || (passphraseProblem(text) ?? true),
    }),
  );
  const passphrase = typed === "" ? generatedPassphrase() : typed;
  if (typed === "")
    process.stdout.write(`\n    ${passphrase}\n\nWrite it down now: it is not shown again.\n`);
  await answered(
    password({
      message: "The same again:",
      mask: true,
      validate: (text) => text === passphrase || "that is another one; type it again, or stop with Ctrl-C",
    }),
  );
  return passphrase;
}

async function refuseExisting(out: string, page: string): Promise<void> {
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
