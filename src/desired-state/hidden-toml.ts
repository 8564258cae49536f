import { privateKeysIn, type Range } from "./hide-secrets.ts";

/** Keys of the earlier program whose values may be shown. Any other may be a secret's, misspelt or in another table. */
const SHOWN: ReadonlySet<string> = new Set([
  ...["paths.dataset", "paths.snapshots", "paths.ls_root"],
  ...["cloud.endpoint", "cloud.bucket", "remote.ls_host", "remote.ls_user"],
]);
/** Nor is theirs where it sounds like a secret, or holds a login or another value: an @, a ?, a =, a colon before what is no port. */
const DOUBTFUL =
  /secret|passw|passphrase|token|credential|access|private|[@?=]|:(?!\/\/|\d{1,5}(?:["'/\s]|$))/i;
const TABLE = /^[ \t]*\[[ \t]*([\w-]+)[ \t]*\]\s*$/;
const KEY = /^[ \t]*([\w-]+(?:\.[\w-]+)*)[ \t]*=[ \t]*/;

/**
 * What an excerpt of the earlier program's file must not show: everything but tables, bare keys, and what stands on the
 * line of a key that is known to be harmless. Hides too much rather than too little, for the file may be broken.
 */
export function hiddenInToml(text: string): readonly Range[] {
  const hidden: Range[] = [...privateKeysIn(text)];
  let table = "";
  for (let start = 0; start < text.length; ) {
    const line = text.slice(start).split("\n", 1)[0] ?? "";
    const end = start + line.length;
    const [key = "", name] = KEY.exec(line) ?? [];
    if (name === undefined) {
      const header = TABLE.exec(line)?.[1];
      if (header === undefined) hidden.push({ start, end });
      // below a header that can't be read, no key is known
      if (/^\s*\[/.test(line)) table = `${header ?? "?"}.`;
      start = end + 1;
      continue;
    }
    const value = start + key.length;
    const ending = valueEnd(text, value);
    const shown = SHOWN.has(table + name) && !DOUBTFUL.test(line.slice(key.length));
    // of a shown one, the lines below its first
    const from = shown ? end + 1 : value;
    if (ending > from) hidden.push({ start: from, end: ending });
    start = ending + 1;
  }
  return hidden;
}

/** Strings, closed or not, comments, brackets and line ends (TOML 1.0.0). */
const TOKEN =
  /"""[^"\\]*(?:(?:\\[\s\S]?|"(?!""))[^"\\]*)*(?:"""|$)|'''(?:(?!''')[\s\S])*(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'[^'\n]*'?|#[^\n]*|[[\]{}\n]/g;

/** The end of the line that the value at `from` ends on, or of the text where a string or an array has none. */
function valueEnd(text: string, from: number): number {
  let depth = 0;
  TOKEN.lastIndex = from;
  for (let token = TOKEN.exec(text); token !== null; token = TOKEN.exec(text)) {
    const [found] = token;
    if (found === "[" || found === "{") depth += 1;
    else if (found === "]" || found === "}") depth -= 1;
    else if (found === "\n" && depth <= 0) return token.index;
  }
  return text.length;
}
