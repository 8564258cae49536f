import type { Argument, Command, Option } from "commander";
import { STAGES } from "../../plan/plan.ts";

/** What may come next on a command line: words, or something that the shell itself knows. */
export type Candidates =
  | { readonly kind: "files" | "folders" }
  | { readonly kind: "words"; readonly words: readonly Word[] };

export interface Word {
  readonly word: string;
  /** A few words about it, "" for none. */
  readonly about: string;
}

/** What only the desired state tells; asked for where it is of use alone, and "" for `config` means that none was typed. */
export type Declared = (what: "hosts" | "datasets", config: string) => readonly string[];

/** What completes the last of `words`, which stand behind the program's name; it may be empty. Loads no command's code. */
export function candidatesFor(program: Command, words: readonly string[], declared: Declared): Candidates {
  // bash takes `--flag=value` for three words
  const before = words.slice(0, -1).filter((word) => word !== "=");
  const last = (words.at(-1) ?? "").replace(/^=$/, "");
  const { command, waiting, operands, given, config, ended } = walk(program, before);
  const known = (what: "hosts" | "datasets"): readonly string[] => declared(what, config);
  if (waiting !== null) return valuesOf(waiting, last, known);
  const [, flag, part] = (!ended && /^(--[\w-]+)=(.*)$/.exec(last)) || [];
  if (flag !== undefined) {
    const option = command.options.find(({ long }) => long === flag);
    if (option === undefined) return NOTHING;
    const values = valuesOf(option, part ?? "", known);
    // a shell completes no path behind a `=`
    return values.kind === "words" ? inFront(`${flag}=`, values.words) : NOTHING;
  }
  if (!ended && last.startsWith("-")) return startingWith(last, flagsOf(command, given));
  const below = command.createHelp().visibleCommands(command);
  if (operands === 0 && below.length > 0)
    return startingWith(
      last,
      below.map((each) => ({ word: each.name(), about: firstLine(each.description()) })),
    );
  return argumentValues(command.registeredArguments, operands, last);
}

interface Walked {
  readonly command: Command;
  /** The option that takes the next word; null for none. */
  readonly waiting: Option | null;
  readonly operands: number;
  readonly given: ReadonlySet<string>;
  readonly config: string;
  /** Behind `--`, nothing is a flag. */
  readonly ended: boolean;
}

function walk(program: Command, words: readonly string[]): Walked {
  let command = program;
  let waiting: Option | null = null;
  let operands = 0;
  let config = "";
  let ended = false;
  const given = new Set<string>();
  for (const word of words) {
    if (waiting !== null) {
      if (waiting.long === "--config") config = word;
      waiting = null;
    } else if (word === "--") ended = true;
    else if (!ended && word.startsWith("-")) {
      const [name, value] = splitFlag(word);
      const option = command.options.find(({ long, short }) => long === name || short === name);
      if (option === undefined) continue;
      given.add(option.attributeName());
      if (value === undefined) waiting = option.required ? option : null;
      else if (option.long === "--config") config = value;
    } else {
      const below = operands === 0 ? command.commands.find((each) => each.name() === word) : undefined;
      if (below === undefined) operands += 1;
      else command = below;
    }
  }
  return { command, waiting, operands, given, config, ended };
}

function splitFlag(word: string): readonly [string, string | undefined] {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

/** Those that were not typed yet; those that may be given several times, always. */
function flagsOf(command: Command, given: ReadonlySet<string>): Word[] {
  const help = command.createHelp();
  return help
    .visibleOptions(command)
    .filter((option) => option.parseArg !== undefined || !given.has(option.attributeName()))
    .map(({ long, short, description }) => ({ word: long ?? short ?? "", about: description }));
}

const NOTHING: Candidates = { kind: "words", words: [] };
const plain = (words: readonly string[]): Word[] => words.map((word) => ({ word, about: "" }));

function valuesOf(
  option: Option,
  last: string,
  known: (what: "hosts" | "datasets") => readonly string[],
): Candidates {
  const { long, flags, argChoices } = option;
  if (argChoices !== undefined) return startingWith(last, plain(argChoices));
  switch (long) {
    case "--dataset":
      return startingWith(last, plain(known("datasets")));
    case "--host":
      return startingWith(last, plain(known("hosts")));
    case "--only":
      return listOf(STAGES, last);
    case "--restore":
      return startingWith(last, [{ word: "latest", about: "the newest label" }]);
    case "--approve":
      return startingWith(last, [{ word: "all", about: "every hazard of this plan" }]);
    default:
      return byPlaceholder(/<([\w-]+)/.exec(flags)?.[1] ?? "");
  }
}

/** A list with commas grows by one that is not in it yet. */
function listOf(all: readonly string[], last: string): Candidates {
  const [taken, part] = [last.slice(0, last.lastIndexOf(",") + 1), last.slice(last.lastIndexOf(",") + 1)];
  const left = all.filter((each) => !taken.split(",").includes(each));
  const found = startingWith(part, plain(left));
  return found.kind === "words" ? inFront(taken, found.words) : found;
}

function argumentValues(all: readonly Argument[], operands: number, last: string): Candidates {
  const argument = all[operands] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined);
  if (argument === undefined) return NOTHING;
  if (argument.argChoices !== undefined) return startingWith(last, plain(argument.argChoices));
  if (argument.name() === "label") return startingWith(last, [{ word: "latest", about: "the newest label" }]);
  return byPlaceholder(argument.name());
}

/** What a value is, by the word that stands for it in the help. */
function byPlaceholder(name: string): Candidates {
  if (/^(?:file|path|planfile)$|\.toml$/i.test(name)) return { kind: "files" };
  return name === "dir" ? { kind: "folders" } : NOTHING;
}

const startingWith = (last: string, words: readonly Word[]): Candidates => ({
  kind: "words",
  words: words.filter(({ word }) => word.startsWith(last)),
});

const inFront = (front: string, words: readonly Word[]): Candidates => ({
  kind: "words",
  words: words.map(({ word, about }) => ({ word: front + word, about })),
});

const firstLine = (text: string): string => text.split("\n")[0] ?? "";
