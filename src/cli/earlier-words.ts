import type { HostSpec } from "../desired-state/desired-state.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { quote } from "../transport/quote.ts";

const LABEL = Symbol("the label that was typed");
const SERVER = Symbol("the name of the server");
const WORKSTATION = Symbol("the name of the workstation");
type Word = string | typeof LABEL | typeof SERVER | typeof WORKSTATION;

/** What the earlier tool's users type, and what that is today. */
const TODAY: Readonly<Record<string, readonly Word[]>> = {
  "init ls": ["apply", "--only", "provision", "--host", SERVER],
  "init ws": ["apply", "--only", "provision", "--host", WORKSTATION],
  "ws run-month": ["apply", "--label", LABEL],
  "sync push": ["apply", "--only", "cloud"],
  // where the server has lost its manifest, that comes from the bucket as well
  "sync pull": ["apply", "--restore", LABEL, "--only", "provision,artifact,register", "--host", SERVER],
  "restore plan": ["plan", "--restore", LABEL],
  "restore hydrate": ["apply", "--restore", LABEL, "--only", "hydrate", "--host", SERVER],
  "restore apply": ["apply", "--restore", LABEL],
};

/** Words of the earlier tool, as they came. */
export interface Earlier {
  /** `ws run-month`. */
  readonly words: string;
  /** What was typed behind them, the label left out. */
  readonly rest: readonly string[];
  readonly label: string | undefined;
  /** Of `--config`. */
  readonly config: string | undefined;
}

/** Undefined where `argv` (without Node and the program) is not the earlier tool's, which also took `--config` in front. */
export function earlierWords(argv: readonly string[]): Earlier | undefined {
  const [first = "", second = ""] = argv;
  const inFront = first === "--config" ? 2 : first.startsWith("--config=") ? 1 : 0;
  const [command = "", action = "", ...behind] = argv.slice(inFront);
  const words = `${command} ${action}`;
  if (!Object.hasOwn(TODAY, words)) return undefined;
  const rest: string[] = [];
  let label: string | undefined;
  let config = inFront === 0 ? undefined : inFront === 2 ? second : first.slice("--config=".length);
  for (let at = 0; at < behind.length; at++) {
    const word = behind[at] ?? "";
    const [flag, glued] = /^(--label|--config)=(.*)$/s.exec(word)?.slice(1) ?? [word];
    const value = (): string | undefined => glued ?? behind[++at];
    if (flag === "--label") label = value();
    else if (flag === "--config" || flag === "-c") config = value();
    // one of its versions took the label so
    else if (at === 0 && !word.startsWith("-") && TODAY[words]?.includes(LABEL)) label = word;
    else rest.push(word);
  }
  return { words, rest, label, config };
}

/**
 * The words of today; null where `hostOf`, which gives the name of the host of a role, could not tell.
 * @throws DevbackupError where the label is missing, `--config` still names the earlier tool's TOML, or something is named that
 * is no flag, which today's `apply` would take for a plan
 */
export async function todaysWords(
  { words, rest, label, config }: Earlier,
  hostOf: (role: HostSpec["role"]) => Promise<string | null>,
): Promise<string[] | null> {
  if (config?.endsWith(".toml"))
    throw refused(
      words,
      `${config} is the earlier tool's configuration`,
      `devbackup import-config ${quote(config)}`,
    );
  const [stray] = rest;
  if (stray !== undefined && !stray.startsWith("-"))
    throw refused(
      words,
      `${quote(stray)} has no place in devbackup ${words}: what is fetched goes into the repository, and what is restored to where it belongs`,
      `the same without ${quote(stray)}; for a label beside what is there: devbackup restore LABEL --to DIR`,
    );
  const today: string[] = [];
  const helps = rest.some((word) => word === "--help" || word === "-h");
  for (const word of TODAY[words] ?? []) {
    if (typeof word === "string") today.push(word);
    else if (word === LABEL) today.push(label ?? (helps ? "LABEL" : noLabel(words)));
    else {
      const host = helps ? "HOST" : await hostOf(word === SERVER ? "server" : "workstation");
      if (host === null) return null;
      today.push(host);
    }
  }
  return [...today, ...(config === undefined ? [] : ["--config", config]), ...rest];
}

const noLabel = (words: string): never => {
  throw refused(words, `devbackup ${words} wants a label`, `devbackup ${words} --label LABEL`);
};

const refused = (words: string, what: string, next: string): DevbackupError =>
  new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what,
    why: `${words} is a command of the earlier tool`,
    state: "Nothing was contacted",
    next,
  });
