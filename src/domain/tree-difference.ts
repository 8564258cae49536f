/** How a path of one tree stands in another: `missing` is not there, `added` was not in the first. */
export interface TreeDifference {
  /** Relative to the tree; `.` for itself. As it was read, to be made printable. */
  readonly path: string;
  readonly what: "missing" | "added" | readonly Aspect[];
}

const ASPECTS = [
  "contents",
  "type",
  "mode",
  "owner",
  "group",
  "size",
  "hard links",
  "modification time",
  "target",
] as const;
export type Aspect = (typeof ASPECTS)[number];

/**
 * Of records as a fingerprint has them (see `reconcilers/proof/listing.ts`), each behind `- ` where it stands in the
 * expected tree alone, or `+ ` in the one that was found. `records`: a character a byte, each record ended by NUL.
 */
export function differencesIn(records: string): TreeDifference[] {
  const found = new Map<string, { expected?: readonly string[]; found?: readonly string[] }>();
  for (const record of records.split("\0")) {
    const [sign, ...fields] = record.split(" ");
    const [path = "", target = ""] = splitOnce(fields.slice(ASPECTS.length - 1).join(" "), "//");
    const values = [...fields.slice(0, ASPECTS.length - 1), target];
    const side = { "-": "expected", "+": "found" }[sign ?? ""];
    if (side !== undefined) found.set(path, { ...found.get(path), [side]: values });
  }
  return [...found].map(([path, sides]) => ({ path: asPath(path), what: compared(sides) }));
}

/** `photos/a.jpg: other contents, size`. */
export function differenceInWords({ path, what }: TreeDifference): string {
  if (what === "missing") return `${path}: missing`;
  if (what === "added") return `${path}: not in what was backed up`;
  return `${path}: other ${what.join(", ")}`;
}

function compared(sides: {
  readonly expected?: readonly string[];
  readonly found?: readonly string[];
}): TreeDifference["what"] {
  const { expected, found } = sides;
  if (found === undefined) return "missing";
  if (expected === undefined) return "added";
  return ASPECTS.filter((_, at) => expected[at] !== found[at]);
}

function splitOnce(text: string, at: string): [string, string] | [string] {
  const index = text.indexOf(at);
  return index === -1 ? [text] : [text.slice(0, index), text.slice(index + at.length)];
}

/** Bytes that are no UTF-8 become U+FFFD. */
const asPath = (bytes: string): string =>
  new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))).replace(/^\.\//, "");
