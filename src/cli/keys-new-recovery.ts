import { DevbackupError } from "../domain/trouble.ts";
import { passphraseProblem } from "../recovery/new-identity.ts";
import { quote } from "../transport/quote.ts";
import { askNewPassphrase, makeRecovery, refuseExisting } from "./new-recovery.ts";
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
  const recipient = await makeRecovery(passphrase, out, page);
  if (terminal.json) await terminal.document({ formatVersion: 1, recipient, identityFile: out, page });
  terminal.answer(`Wrote ${out}, which your passphrase opens, and ${page}.

1. Print the page, and put it into a safe; keep the passphrase elsewhere.
2. Put the recipient into the desired state, beside others if there are any:

encryption:
  recovery_recipients:
    - ${recipient}

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
