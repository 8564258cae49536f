import { homedir, userInfo } from "node:os";
import path from "node:path";
import { hostAnswer, type InitFlags, keyPlace, wrongFlags } from "../desired-state/answers.ts";
import type { ImportNote } from "../desired-state/earlier-keys.ts";
import { importConfig } from "../desired-state/import-config.ts";
import { refuseSecondState, writeStarter } from "../desired-state/init.ts";
import type { StateProblem } from "../desired-state/problem.ts";
import { readToml } from "../desired-state/read-toml.ts";
import { problemsAsData, renderProblems } from "../desired-state/render-problems.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { quote } from "../transport/quote.ts";
import { type CommonFlags, openTerminal, type Terminal } from "./terminal.ts";

/** What the earlier program's file can't say, or says of another machine, and where the secrets are. */
type Asked =
  | "workstation"
  | "server"
  | "user"
  | "serverUser"
  | "owner"
  | "accessKeyIdEnv"
  | "accessKeyIdFile"
  | "secretAccessKeyEnv"
  | "secretAccessKeyFile";

export type ImportFlags = CommonFlags &
  Pick<InitFlags, Asked> & {
    /** The folder to write to. */
    readonly out?: string;
  };

/** `devbackup import-config CONFIG.toml`: a desired state from the earlier program's configuration; contacts nothing. */
export async function importConfigCommand(config: string, flags: ImportFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const folder = flags.out ?? "desired-state";
  refuseFlags(flags);
  refuseSecondState(folder);
  const file = path.relative(process.cwd(), path.resolve(config)).startsWith("..")
    ? config
    : path.normalize(config);
  const read = readToml(config, file);
  if (read.kind === "refused") return refuse(read.problems, terminal);
  const imported = importConfig(
    read.source,
    {
      workstation: hostOf(flags.workstation, flags.user),
      server: hostOf(flags.server, flags.serverUser),
      owner: flags.owner,
      accessKeyId: keyPlace(flags, "accessKeyId"),
      secretAccessKey: keyPlace(flags, "secretAccessKey"),
    },
    { home: homedir(), user: userInfo().username },
  );
  if (imported.kind === "refused") return refuse(imported.problems, terminal);
  const written = writeStarter(folder, imported.text);
  for (const note of imported.notes) terminal.warn(asLine(note));
  if (terminal.json) await terminal.document({ formatVersion: 1, file: written, warnings: imported.notes });
  terminal.say(
    `Wrote ${written}, valid as it stands. What ${file} describes is adopted, not made anew. Look it through, then: devbackup plan${flags.out === undefined ? "" : ` --config ${quote(folder)}`}\n`,
  );
  return 0;
}

const asLine = ({ file, line, col, text }: ImportNote): string => `${file}:${line}:${col}: ${text}`;

async function refuse(problems: readonly StateProblem[], terminal: Terminal): Promise<number> {
  if (terminal.json) await terminal.document(problemsAsData(problems));
  const colour = terminal.color && process.stderr.isTTY === true;
  process.stderr.write(renderProblems(problems, { colour }));
  return 1;
}

const hostOf = (address: string | undefined, user: string | undefined) =>
  address === undefined ? undefined : hostAnswer(address, user);

function refuseFlags(flags: ImportFlags): void {
  const wrong = wrongFlags(flags);
  if (wrong.length === 0) return;
  throw new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what: "the configuration cannot be imported with these flags",
    why: wrong.join("; "),
    state: "Nothing was written",
    next: "devbackup import-config --help",
  });
}
