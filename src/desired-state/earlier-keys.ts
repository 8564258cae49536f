import { parseAbsolutePath } from "../domain/names.ts";
import { nearest } from "./nearest.ts";
import { type Position, positionAt, problemAt, type StateProblem } from "./problem.ts";
import type { TomlSource } from "./read-toml.ts";
import { wrongFor } from "./schema.ts";

/** Every key of the earlier program's configuration, each a string, with an example. */
export const EARLIER_KEYS = {
  "paths.dataset": 'dataset = "/home/chuck/code"',
  "paths.snapshots": 'snapshots = "/home/chuck/snapshots"',
  "paths.ls_root": 'ls_root = "/srv/btrfs-backups/dev"',
  "cloud.endpoint": 'endpoint = "https://ACCOUNT_ID.r2.cloudflarestorage.com"',
  "cloud.bucket": 'bucket = "dev-backups"',
  "cloud.access_key": 'access_key = "…"',
  "cloud.secret_key": 'secret_key = "…"',
  "crypto.age_public_key": 'age_public_key = "age1…"',
  "crypto.age_private_key_path": 'age_private_key_path = "/srv/btrfs-backups/dev/keys/ls_dev_backup.key"',
  "remote.ls_host": 'ls_host = "backup.lan"',
  "remote.ls_user": 'ls_user = "chuck"',
} as const;
export type EarlierKey = keyof typeof EARLIER_KEYS;
const KEYS = Object.keys(EARLIER_KEYS) as EarlierKey[];

/** Something to see to, and where the file gives cause for it. Holds no secret. */
export interface ImportNote extends Position {
  readonly text: string;
}

/** The values of one file; what is wrong with them is kept, for all of it to be told at once. */
export interface EarlierConfig {
  readonly has: (name: EarlierKey | "cloud") => boolean;
  /** Undefined where the key is not there; "" where it is wrong. */
  readonly text: (key: EarlierKey) => string | undefined;
  /** A problem where the key is not there. */
  readonly needed: (key: EarlierKey) => string;
  /** The same, for an absolute path. */
  readonly path: (key: EarlierKey) => string;
  readonly refuse: (key: EarlierKey, wrong: string, right: string) => void;
  readonly note: (key: EarlierKey, text: string) => void;
  readonly problems: () => readonly StateProblem[];
  readonly notes: () => readonly ImportNote[];
}

export function earlierConfig(source: TomlSource): EarlierConfig {
  const problems: StateProblem[] = [];
  const notes: ImportNote[] = [];
  const found = new Map(source.entries.map((entry) => [entry.path, entry]));
  const refuse: EarlierConfig["refuse"] = (key, wrong, right) => {
    problems.push(problemAt(source, found.get(key)?.valueAt ?? 0, wrong, right));
  };
  const text: EarlierConfig["text"] = (key) => {
    const entry = found.get(key);
    if (entry === undefined) return undefined;
    if (entry.text === null) refuse(key, `${key} is no string`, EARLIER_KEYS[key]);
    return entry.text ?? "";
  };
  const needed: EarlierConfig["needed"] = (key) => {
    if (!found.has(key))
      problems.push(problemAt(source, tableOf(source, key), `${key} is missing`, EARLIER_KEYS[key]));
    return text(key) ?? "";
  };
  for (const { path, keyAt } of source.entries)
    if (!KEYS.some((key) => key === path))
      notes.push({ ...positionAt(source, keyAt), text: unknownKey(path) });
  return {
    has: (name) => found.has(name) || source.tables.has(name),
    text,
    needed,
    path: (key) => {
      const written = needed(key).replace(/(?<=.)\/+$/, "");
      if (written !== "" && parseAbsolutePath(written) === undefined)
        refuse(
          key,
          `${key} is no absolute path`,
          wrongFor("absolutePath", written)?.right ?? EARLIER_KEYS[key],
        );
      return written;
    },
    refuse,
    note: (key, said) => {
      notes.push({ ...positionAt(source, found.get(key)?.keyAt ?? tableOf(source, key)), text: said });
    },
    problems: () => problems.toSorted(byPlace),
    notes: () => notes.toSorted(byPlace),
  };
}

/** What was ignored then is ignored now, but not in silence. */
function unknownKey(path: string): string {
  const known = KEYS.find((key) => path.startsWith(`${key}.`));
  // what stands below one that is a string may be a secret without its equals sign
  if (known !== undefined) return `${known} is no string here, and nothing was made of what stands below it`;
  const near = nearest(path, KEYS);
  const meant = near === undefined ? "" : `. Was ${near} meant?`;
  return `the earlier program knew no key ${path}, and nothing was made of it${meant}`;
}

const tableOf = ({ tables }: TomlSource, key: string): number => tables.get(key.split(".")[0] ?? "") ?? 0;

const byPlace = (a: Position, b: Position): number => a.line - b.line || a.col - b.col;
