import { jsonLine, printable, printableText } from "../domain/printable.ts";
import { DevbackupError } from "../domain/trouble.ts";

/** The flags that every command has. */
export interface CommonFlags {
  readonly config?: string;
  readonly json?: boolean;
  readonly color: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** How this run talks to whoever reads it. */
export interface Terminal {
  readonly color: boolean;
  readonly width: number;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Someone can be asked. */
  readonly interactive: boolean;
  /** Lines that are already on the screen can be drawn anew. */
  readonly live: boolean;
  /** What was asked for. To stdout; with `--json` the document is that, and this goes to stderr unless `--quiet`. */
  readonly answer: (text: string) => void;
  /** Words beside the answer, on the same way; `--quiet` leaves them out. */
  readonly say: (text: string) => void;
  /** What keeps the answer from being given: on the same way, and with `--quiet` on stderr. */
  readonly refuse: (text: string) => void;
  /** One line about something to mend that stops nothing. To stderr. */
  readonly warn: (text: string) => void;
  /** The one JSON document of `--json`. */
  readonly document: (value: unknown) => Promise<void>;
}

export function openTerminal(flags: CommonFlags): Terminal {
  const json = flags.json ?? false;
  const people = json ? process.stderr : process.stdout;
  const noColor = (process.env.NO_COLOR ?? "") !== "" || process.env.TERM === "dumb";
  return {
    color: flags.color && !noColor && people.isTTY === true,
    live: people.isTTY === true && process.env.TERM !== "dumb" && !json,
    // 0 where a terminal does not know its size: a serial console, script(1)
    width: people.columns || 100,
    json,
    quiet: flags.quiet ?? false,
    verbose: flags.verbose ?? false,
    interactive: process.stdin.isTTY === true && process.stdout.isTTY === true && !json,
    answer: (text) => {
      if (!(json && flags.quiet)) people.write(printableText(text));
    },
    say: (text) => {
      if (!flags.quiet) people.write(printableText(text));
    },
    refuse: (text) => {
      (flags.quiet ? process.stderr : people).write(printableText(text));
    },
    warn: (text) => {
      process.stderr.write(`warning: ${printable(text)}\n`);
    },
    document: async (value) => {
      process.stdout.write(`${jsonLine(value)}\n`);
    },
  };
}

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
