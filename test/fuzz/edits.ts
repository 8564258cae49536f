import fc from "fast-check";

/** One change to a text; positions are taken modulo its length. */
type Edit =
  | { readonly kind: "cut"; readonly at: number; readonly length: number }
  | { readonly kind: "put"; readonly at: number; readonly text: string }
  | { readonly kind: "flip"; readonly at: number; readonly bit: number }
  /** What stands there, once more and somewhere else. */
  | { readonly kind: "copy"; readonly at: number; readonly length: number; readonly to: number }
  | { readonly kind: "repeat"; readonly at: number; readonly length: number; readonly times: number };

/** A recorded input, and what is done to it. */
export interface Mutation {
  readonly of: number;
  readonly edits: readonly Edit[];
}

/** What parsers stumble over: ends of lines and words, numbers too large, escapes, half of a character. */
const BITS = [
  ...[
    "\n",
    "\r\n",
    "\0",
    "\t",
    " ",
    "-",
    "--",
    "..",
    "/",
    "'",
    '"',
    "`",
    "$(id)",
    "\\",
    "\\n",
    "#",
    ":",
    "@",
  ],
  ...[
    "0",
    "-1",
    "1e999",
    "99999999999999999999",
    "NaN",
    "null",
    "true",
    "[]",
    "{}",
    "[",
    "{",
    "*a",
    "&a ",
    "!!js",
  ],
  ...[
    "\u001b[2J",
    "\u009b",
    "\u202e",
    "\u2028",
    "\ud800",
    "\ufeff",
    "é",
    "漢",
    "🦊",
    "__proto__",
    "constructor",
  ],
  ...["2026-02", "2026-W53", "2026-02-30", "9999-99", "age1", "ssh-ed25519 ", "<", ">", "&#0;", "absent\n"],
];

const at = fc.nat({ max: 1 << 20 });
const length = fc.nat({ max: 60 });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("put" as const), at, text: fc.constantFrom(...BITS) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("flip" as const), at, bit: fc.nat({ max: 7 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("cut" as const), at, length }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("copy" as const), at, length, to: at }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("put" as const), at, text: fc.string({ maxLength: 8 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("repeat" as const),
      at,
      length,
      times: fc.oneof(
        { weight: 9, arbitrary: fc.nat({ max: 9 }) },
        { weight: 1, arbitrary: fc.nat({ max: 2000 }) },
      ),
    }),
  },
);

/** Of `recorded` inputs; smaller ones have fewer edits. */
export const mutations = (recorded: number): fc.Arbitrary<Mutation> =>
  fc.record({
    of: fc.nat({ max: Math.max(0, recorded - 1) }),
    edits: fc.array(edit, { maxLength: 6 }),
  });

/** Longer ones only cost time: what grows with the square of a length shows at a hundredth of it. */
const LONGEST = 256 * 1024;

export function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce((now, one) => apply(now, one).slice(0, LONGEST), text);
}

function apply(text: string, one: Edit): string {
  const place = one.at % (text.length + 1);
  switch (one.kind) {
    case "put":
      return text.slice(0, place) + one.text + text.slice(place);
    case "cut":
      return text.slice(0, place) + text.slice(place + one.length);
    case "flip":
      return place === text.length
        ? text
        : text.slice(0, place) +
            String.fromCharCode(text.charCodeAt(place) ^ (1 << one.bit)) +
            text.slice(place + 1);
    case "copy": {
      const to = one.to % (text.length + 1);
      return text.slice(0, to) + text.slice(place, place + one.length) + text.slice(to);
    }
    case "repeat":
      return (
        text.slice(0, place) + text.slice(place, place + one.length).repeat(one.times) + text.slice(place)
      );
  }
}
