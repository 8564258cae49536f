import type { HostSpec } from "../desired-state/desired-state.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { quote } from "../transport/quote.ts";
import { type Earlier, earlierWords, todaysWords } from "./earlier-words.ts";
import type { CommonFlags } from "./terminal.ts";

/**
 * What was typed in the earlier tool's words, in today's, which a line on stderr says; null where it was not, and an exit code
 * where it can't be carried over, and why has been said.
 */
export async function inTodaysWords(argv: readonly string[]): Promise<readonly string[] | number | null> {
  const earlier = earlierWords(argv);
  if (earlier === undefined) return null;
  const flags = flagsOf(earlier);
  try {
    const today = await todaysWords(earlier, (role) => nameOfHost(role, flags));
    if (today === null) return 1;
    if (!flags.quiet)
      process.stderr.write(
        `devbackup ${earlier.words} is today: ${["devbackup", ...today.map(quote)].join(" ")}\n`,
      );
    return today;
  } catch (error) {
    return (await import("./show-error.ts")).showError(error, flags);
  }
}

function flagsOf({ rest, config }: Earlier): CommonFlags {
  return {
    color: !rest.includes("--no-color"),
    json: rest.includes("--json"),
    quiet: rest.includes("--quiet") || rest.includes("-q"),
    ...(config !== undefined && { config }),
  };
}

/** Null where the desired state is not valid, and why has been shown. */
async function nameOfHost(role: HostSpec["role"], flags: CommonFlags): Promise<string | null> {
  const { load } = await import("./load.ts");
  const { openTerminal } = await import("./terminal.ts");
  const loaded = await load(flags, openTerminal(flags));
  if (loaded === null) return null;
  const [name, another] = [...loaded.desired.hosts.values()].flatMap((host) =>
    host.role === role ? [host.name] : [],
  );
  if (name !== undefined && another === undefined) return name;
  throw new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what: `the earlier tool knew one ${role}, and the desired state has several`,
    state: "Nothing was contacted",
    next: "devbackup apply --only provision --host NAME",
  });
}
