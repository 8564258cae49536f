import { type Document, isCollection, isMap, isPair, isScalar, type Node, visit } from "yaml";
import { schemaAt } from "./schema.ts";

/** What stands in a message where a secret stood in the file. */
export const HIDDEN = "(hidden)";

/** The keys of the desired state under which a secret is named. */
export const SECRET_KEYS: readonly string[] = ["access_key_id", "secret_access_key", "slack"];
/** The URLs of webhooks: whoever knows one can write there. */
const WEBHOOKS: readonly string[] = ["ntfy", "slack", "healthchecks"];

/** Half-open, in UTF-16 units. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What must not be repeated of one file. */
export interface Secrets {
  readonly hidden: readonly Range[];
  readonly secrets: readonly string[];
}

// the identities of age (bech32, in capitals by its specification) and every PEM or OpenSSH private key
const PRIVATE_KEY =
  /AGE-SECRET-KEY-(?:PQ-)?1[02-9AC-HJ-NP-Z]{6,}|-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:[\s\S]*?-----END [A-Z0-9 ]*-----|[\s\S]*)/gi;
const URL_LOGIN = /(:\/\/)[^/\s"'@]*@/g;
const KEY_NAME = /secret|passw|passphrase|token|credential|access_?key|private|apikey/i;
/** A line that names a secret, the lines below it that are further in, and the next one where nothing follows the name. */
const SECRET_LINES =
  /^([ \t]*)(?![ \t])(?:.*?(?:secret|passw|passphrase|token|credential|key|private|ntfy|slack|healthchecks)[\w-]*["']?[ \t]*[:=]?)((?:[ \t]*\r?\n)*.*(?:\r?\n(?:\1[ \t]+.*|[ \t]*(?=\r?\n)))*)/gim;
const SHORTEST_SECRET = 6;

/** Where private keys stand in the text, comments included. */
export const privateKeysIn = (text: string): readonly Range[] =>
  [...text.matchAll(PRIVATE_KEY)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }));

export const hidePrivateKeys = (text: string): string =>
  text.replace(PRIVATE_KEY, HIDDEN).replace(URL_LOGIN, `$1${HIDDEN}@`);

/**
 * What a message about this file must not show: private keys, and whatever stands under a key that sounds like
 * a secret, misspelt or not. Hides too much rather than too little; `broken` says that the nodes of the document
 * cannot be relied on.
 */
export function secretsIn(text: string, document: Document, broken: boolean): Secrets {
  const hidden: Range[] = [...privateKeysIn(text)];
  const secrets = new Set<string>();
  visit(document, {
    Pair(_, pair, ancestors) {
      const value = pair.value as Node | null;
      if (!isScalar(pair.key) || !value?.range || !mayBeSecret(String(pair.key.value), value, ancestors))
        return;
      // from the colon on: a tag or an anchor before the value may be the secret
      const colon = text.indexOf(":", pair.key.range?.[1]);
      hidden.push({
        start: colon + (text[colon + 1] === " " ? 2 : 1),
        end: Math.max(value.range[1], colon + 2),
      });
      for (const word of wordsUnder(value)) if (word.length >= SHORTEST_SECRET) secrets.add(word);
      return visit.SKIP;
    },
  });
  if (broken) {
    for (const match of text.matchAll(SECRET_LINES)) {
      const end = match.index + match[0].length;
      hidden.push({ start: end - (match[2]?.length ?? 0), end });
    }
  }
  return { hidden, secrets: [...secrets].sort((a, b) => b.length - a.length) };
}

/**
 * Every key that sounds like one, and every key of the cloud that is not known: it may be a secret's, maimed. But a
 * host or dataset may be called `token-server`; what stands below its name is no secret for that.
 */
function mayBeSecret(key: string, value: Node, ancestors: readonly unknown[]): boolean {
  const section = ancestors.find(isPair)?.key;
  const name = isScalar(section) ? section.value : undefined;
  const depth = ancestors.filter(isMap).length;
  if (depth === 2 && (name === "hosts" || name === "datasets") && isMap(value))
    return SECRET_KEYS.includes(key);
  if (name === "notify" && WEBHOOKS.includes(key)) return true;
  return KEY_NAME.test(key) || (depth === 2 && name === "cloud" && schemaAt(["cloud", key]) === undefined);
}

function wordsUnder(value: Node): readonly string[] {
  const words: string[] = isScalar(value) ? [String(value.value)] : [];
  if (!isCollection(value)) return words;
  visit(value, { Scalar: (_, scalar) => void words.push(String(scalar.value)) });
  return words.filter((word) => word !== "env" && word !== "file" && word !== "command");
}
