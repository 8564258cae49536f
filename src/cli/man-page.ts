import { type Argument, type Command, Help } from "commander";
import { everyCommand, examplesOf, type ProgramCommand } from "./commands/program-command.ts";
import { EXIT_CODES } from "./help.ts";

/** What it reads of its environment, beside the variables that a desired state names for its secrets. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  DEVBACKUP_CONFIG: "the desired state, where --config does not name one",
  NO_COLOR: "where it is set and not empty, text is plain",
  TERM: "where it is dumb, text is plain, and nothing is drawn anew",
  XDG_STATE_HOME: "where this machine remembers what it has seen (default: ~/.local/state)",
  SSH_AUTH_SOCK: "the agent that logs in, as for ssh(1)",
  PATH: "where the programs of this machine are looked for",
};

/** What units of systemd and sudo(8) set for it: nobody has to. */
export const SET_BY_OTHERS: readonly string[] = [
  "CREDENTIALS_DIRECTORY",
  "DEVBACKUP_STANDPOINT",
  "EXIT_CODE",
  "EXIT_STATUS",
  "INVOCATION_ID",
  "SERVICE_RESULT",
  "SUDO_UID",
];

const FILES: Readonly<Record<string, string>> = {
  "./desired-state/": "the desired state, *.yaml and *.yml; where it is not there:",
  "/etc/devbackup/desired-state/": "the machine's",
  "~/.local/state/devbackup/": "what this machine remembers of each dataset, and its copy of the escrow",
  "REPOSITORY/": "on the server: artifacts/, manifests/snapshots_v2.tsv, keys/, restore/worktree_receive/",
  "/etc/devbackup/ls_NAME_backup.pub": "on the workstation: whom artifacts are encrypted to",
  "/etc/devbackup/schedule/": "on the schedule's host: what its runs read",
};

/** What it says of a flag or an argument, its choices and its default among it. */
const HELP = new Help();

const SEE_ALSO =
  "btrfs-send(8), btrfs-receive(8), btrfs-subvolume(8), age(1), zstd(1), ssh_config(5), systemd.time(7)";

/** devbackup(1), as man(7) takes it, from the tree of commands. */
export function manPage(program: ProgramCommand): string {
  const [whole, ...commands] = everyCommand(program);
  if (whole === undefined) throw new RangeError("a program without itself");
  // those that only hold others have no flags of their own
  const typed = commands.filter(({ command }) => command.commands.length === 0);
  const everywhere = commonTo(typed.map(({ command }) => command));
  const lines = [
    `.TH DEVBACKUP 1 "" "devbackup ${program.version()}" "User Commands"`,
    // a broken word could not be typed
    ".nh",
    ".ad l",
    ".SH NAME",
    "devbackup \\- declarative backups of Btrfs workstations",
    ".SH SYNOPSIS",
    ".B devbackup",
    ".I command",
    "[\\fIarguments\\fR] [\\fIoptions\\fR]",
    ".SH DESCRIPTION",
    text(program.description()),
    ".PP",
    text(
      "What should be stands in a YAML file, the desired state. devbackup looks at what is there, plans the difference, and on request makes it so; run again, it has nothing left to do. The commands contact hosts over SSH, and need nothing of devbackup on them.",
    ),
    ".SH COMMANDS",
    ...typed.flatMap(({ words, command }) => commandLines(words, command, everywhere)),
    ".SH OPTIONS",
    ...optionLines(whole.command, () => true),
    ".PP",
    "Of every command:",
    ...optionLines(typed[0]?.command ?? program, (flags) => everywhere.has(flags)),
    ".SH EXIT STATUS",
    ...tagged(EXIT_CODES),
    ".SH ENVIRONMENT",
    ...tagged(ENVIRONMENT),
    ".PP",
    text("A secret that the desired state gives as {env: NAME} is read from that variable."),
    ".SH FILES",
    ...tagged(FILES),
    ".SH EXAMPLES",
    ...exampleLines(program),
    ".SH SEE ALSO",
    text(SEE_ALSO),
    ".PP",
    text(
      "docs/manual.md, which comes with devbackup, has every command at length; docs/errors.md every error.",
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function commandLines(words: string, command: ProgramCommand, everywhere: ReadonlySet<string>): string[] {
  const usage = [words, ...command.registeredArguments.map(asTyped)].join(" ");
  return [
    `.SS ${text(usage)}`,
    text(sentence(command.description())),
    ...argumentLines(command.registeredArguments),
    ...optionLines(command, (flags) => !everywhere.has(flags)),
    ...(examplesOf(command).length > 0 ? [".PP", "For example:"] : []),
    ...exampleLines(command),
  ];
}

const argumentLines = (all: readonly Argument[]): string[] =>
  all
    .filter(({ description }) => description !== "")
    .flatMap((argument) => item(asTyped(argument), HELP.argumentDescription(argument)));

const optionLines = (command: Command, wanted: (flags: string) => boolean): string[] =>
  command.options
    .filter(({ flags, hidden }) => !hidden && wanted(flags))
    .flatMap((option) => item(option.flags, HELP.optionDescription(option)));

const exampleLines = (command: ProgramCommand): string[] =>
  examplesOf(command).flatMap(({ typed, does }) => item(typed, does));

const tagged = (all: Readonly<Record<string, string>>): string[] =>
  Object.entries(all).flatMap(([term, means]) => item(term, means));

const item = (term: string, means: string): string[] => [".TP", `\\fB${text(term)}\\fR`, text(means)];

function commonTo(commands: readonly Command[]): ReadonlySet<string> {
  const [first = [], ...others] = commands.map(({ options }) => options.map(({ flags }) => flags));
  return new Set(first.filter((flags) => others.every((each) => each.includes(flags))));
}

const asTyped = (argument: Argument): string => {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
};

const sentence = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;

/** As man(7) takes plain text: a hyphen that can be copied, and nothing at a line's begin that would be a request. */
const text = (plain: string): string =>
  plain
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("`", "")
    .replace(/^(?=[.'])/, "\\&");
