import type { DatasetSpec } from "../desired-state/desired-state.ts";
import type { Label } from "../domain/label.ts";
import { BYTES, SHA256 } from "../reconcilers/recorder.ts";

/**
 * What only a run knows, as a script shows it that is rendered beforehand. None of it needs quoting, as what it
 * stands for does not either: so the words around it are quoted here as they will be there.
 */
export const STAND_IN = {
  label: "hole.label.hole" as Label,
  sha256: SHA256,
  uuid: "hole.uuid.hole",
  /** Of an object or an upload, as a store gives them out. */
  token: "hole.token.hole",
  /** Inside a word that is quoted for another reason. */
  text: "hole.text.hole",
  nonce: "hole.nonce.hole",
  /** A line that a script has in front of it while a lock is held; patterns keep it as it is. */
  preface: "hole-preface-hole",
  /** Any number of this size; sums of it and a small one are still told. */
  number: BYTES,
  now: new Date("2001-02-03T04:05:06Z"),
} as const;

const LABEL: Record<DatasetSpec["cadence"], string> = {
  monthly: "[0-9]{4}-[0-9]{2}",
  weekly: "[0-9]{4}-W[0-9]{2}",
  daily: "[0-9]{4}-[0-9]{2}-[0-9]{2}",
};

/** How a newline stands in a pattern and in the script that is held against it: grep(1) reads lines. */
export const NEWLINE = "\u0001";
/** Stands between a pattern and the end that is looked at first. */
export const BEHIND_END = "\u0002";

type Kind = "label" | "hash" | "uuid" | "token" | "text" | "number" | "month" | "stamp";

/** By the group that finds it. No hash is known beforehand; some numbers follow from what is sent, and by how many at once. */
const HOLE = new RegExp(
  [
    "(?<label>hole\\.label\\.hole)",
    "(?<hash>\\b[0-9a-f]{64}\\b|hole\\.nonce\\.hole)",
    "(?<uuid>hole\\.uuid\\.hole)",
    "(?<token>hole\\.token\\.hole)",
    "(?<text>hole\\.text\\.hole)",
    "(?<stamp>20010203T040506Z)",
    "(?<month>(?<=apply-)2001-02(?=\\.jsonl))",
    "(?<number>777\\d{10}|(?<=dd bs=)\\d+(?= count=1 )|(?<=--(?:speed-limit|speed-time|limit-rate) )\\d+)",
  ].join("|"),
  "g",
);

const VALUES: Record<Kind, (cadence: DatasetSpec["cadence"]) => string> = {
  label: (cadence) => LABEL[cadence],
  hash: () => "[0-9a-f]+",
  uuid: () => "[0-9a-f-]+",
  token: () => "[A-Za-z0-9._~+/=:-]+",
  // between quotes, where nothing but a quote means anything
  text: () => `([^'${NEWLINE}]|'\\\\'')*`,
  number: () => "[0-9]+",
  month: () => "[0-9]+-[0-9]+",
  stamp: () => "[0-9]+T[0-9]+Z",
};

/**
 * A POSIX extended regular expression that a script matches as a whole where it is `script` with other values in
 * the places of the stand-ins. Only literal text, and classes of characters that mean nothing to sh where they stand.
 */
export function patternOf(script: string, { cadence }: Pick<DatasetSpec, "cadence">): string {
  if (script.includes(NEWLINE) || script.includes(BEHIND_END))
    throw new RangeError("a script cannot hold U+0001 or U+0002");
  let pattern = "";
  let from = 0;
  for (const match of script.matchAll(HOLE)) {
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] as Kind;
    pattern += literal(script.slice(from, match.index)) + VALUES[kind](cadence);
    from = match.index + match[0].length;
  }
  return pattern + literal(script.slice(from));
}

/** What a script that matches ends with: most of the others do not. Newlines as they stand in a pattern. */
export function endOf(script: string): string {
  const behindHoles = script.split(HOLE).at(-1) ?? "";
  return (behindHoles.split(STAND_IN.preface).at(-1) ?? "").replaceAll("\n", NEWLINE);
}

/** POSIX leaves it open what a backslash before any other character means. */
const literal = (text: string): string => text.replace(/[.[\\()*+?{|^$]/g, "\\$&").replaceAll("\n", NEWLINE);
