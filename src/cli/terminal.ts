import { jsonLine, printable, printableText } from "../domain/printable.ts";

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
