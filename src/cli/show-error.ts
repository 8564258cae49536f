import { printableText } from "../domain/printable.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

/**
 * Shows what went wrong the way the user asked for, and gives the exit code. A defect of ours keeps its stack. `typed`,
 * a command and its own words, is what is suggested where `error` asks for the same once more.
 */
export async function showError(thrown: unknown, flags: CommonFlags, typed?: string): Promise<number> {
  const error = thrown instanceof DevbackupError ? await inTheirWords(thrown, flags, typed) : thrown;
  if (!(error instanceof DevbackupError)) {
    process.stderr.write(
      printableText(
        `devbackup: this is a defect of devbackup, please report it\n${error instanceof Error ? error.stack : String(error)}\n`,
      ),
    );
    return 1;
  }
  const { troubleText, troubleJson } = await import("../report/trouble-text.ts");
  const terminal = openTerminal(flags);
  if (terminal.json) await terminal.document(troubleJson(error.trouble));
  const color = flags.color && process.stderr.isTTY === true && (process.env.NO_COLOR ?? "") === "";
  process.stderr.write(troubleText(error.trouble, { color, width: process.stderr.columns || 100 }));
  return error.trouble.exitCode;
}

async function inTheirWords(error: DevbackupError, flags: CommonFlags, typed: string | undefined) {
  if (typed === undefined) return error;
  const [{ inWords }, { typedBy }] = await Promise.all([
    import("../apply/in-words.ts"),
    import("./command-line.ts"),
  ]);
  return inWords(error, typedBy(typed, flags));
}
