import type { ErrorObject } from "ajv/dist/2020.js";
import { stringify } from "yaml";
import { privateKeysIn, SECRET_KEYS } from "./hide-secrets.ts";
import { nearest } from "./nearest.ts";
import type { Path } from "./schema.ts";
import { placesOf, type SchemaNode, schemaAt } from "./schema.ts";

/** A fault of shape, not yet at its place in a file. */
export interface ShapeWords {
  readonly path: Path;
  /** Whether the caret belongs under the key or under its value. */
  readonly at: "key" | "value";
  readonly wrong: string;
  readonly right: string;
}

/** What the three forms of a secret look like. */
export const SECRET_FORMS = "one of {env: NAME}, {file: PATH} or {command: [program, argument]}";
const SHOWN_LENGTH = 60;
const TYPES: Readonly<Record<string, string>> = {
  string: "a text",
  integer: "a whole number",
  number: "a number",
  array: "a list, as in [a, b]",
  object: "a mapping of keys",
  null: "null",
};

/** `path` as people write it: `datasets.dev.owner`. */
export const dotted = (path: Path): string => (path.length === 0 ? "the desired state" : path.join("."));

/** An error of the schema in the words of a person; undefined where another message says it already. */
export function wordsForShapeError(error: ErrorObject, path: Path): ShapeWords | undefined {
  const found: unknown = error.data;
  if (typeof found === "string" && privateKeysIn(found).length > 0) return undefined;
  const known = schemaAt(path) ?? {};
  const say = (at: "key" | "value", wrong: string, right: string): ShapeWords => ({ path, at, wrong, right });
  const depth = path[0] === "cloud" ? 2 : path[0] === "notify" ? 3 : 0;
  if (depth > 0 && SECRET_KEYS.includes(path[depth - 1] ?? "") && error.keyword !== "required") {
    return secretWords(error, path, depth, say);
  }
  const name = `\`${dotted(path)}\``;
  switch (error.keyword) {
    case "additionalProperties":
      return say("key", `\`${path.at(-1)}\` is no key of ${holderOf(path)}`, knownKey(path));
    case "required":
      return missing(path, String(error.params.missingProperty));
    case "false schema":
      return say(
        "key",
        `${name} says something about SSH, but the connection is local`,
        "connection: ssh, or without this key",
      );
    case "pattern":
      return error.propertyName === undefined
        ? say("value", `${name} is ${shown(found)}`, expected(known, path))
        : say("key", `\`${path.at(-1)}\` is no valid name`, String(error.parentSchema?.patternErrorMessage));
    case "minProperties":
      return say("value", `${name} is empty`, expected(known, path));
    case "maxProperties":
      return say("value", `${name} holds more than one rule`, expected(known, path));
    case "uniqueItems":
      return say("value", `${name} holds the same entry twice`, "each entry once");
    case "enum":
      return say("value", `${name} is ${shown(found)}`, oneOf(known.enum ?? [], found));
    case "maxLength":
      return say("value", `${name} is too long`, `at most ${known.maxLength} characters`);
    default:
      return say("value", `${name} is ${shown(found)}`, expected(known, path));
  }
}

/** A value as a message may repeat it: in YAML's flow style, one line, cut where it is long. */
export function shown(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping of keys";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

function secretWords(
  error: ErrorObject,
  path: Path,
  depth: number,
  say: (at: "key" | "value", wrong: string, right: string) => ShapeWords,
): ShapeWords {
  const name = `\`${dotted(path.slice(0, depth))}\``;
  const right = `${SECRET_FORMS}, for example \`${path[depth - 1]}: ${flow(schemaAt(path.slice(0, depth))?.examples?.[0])}\``;
  if (error.keyword === "additionalProperties") {
    const meant = nearest(path.at(-1) ?? "", ["env", "file", "command"]);
    // a key that is near none of the three may be the secret itself
    return say(
      "key",
      `${name} is read from no place that is known`,
      meant ? `\`${meant}\`: ${right}` : right,
    );
  }
  if (error.keyword === "maxProperties")
    return say("value", `${name} is read from more than one place`, right);
  if (error.keyword === "minProperties") return say("value", `${name} is read from nowhere`, right);
  if (path.length > depth) {
    const expectedHere = expected(schemaAt(path) ?? {}, path);
    return say(
      "value",
      `\`${dotted(path.slice(0, depth + 1))}\` is not ${whatItNames(path[depth])}`,
      expectedHere,
    );
  }
  return error.data === null
    ? say("value", `${name} is empty`, right)
    : say(
        "value",
        `${name} is written in the clear`,
        `${right}; and a new secret, if others could read this file`,
      );
}

const whatItNames = (form: string | undefined): string =>
  form === "env"
    ? "the name of an environment variable"
    : form === "file"
      ? "the path of a file"
      : "a command";

function missing(path: Path, key: string): ShapeWords {
  const known = schemaAt([...path, key]);
  const right = SECRET_KEYS.includes(key) ? SECRET_FORMS : (known?.description ?? "").replace(/\.$/, "");
  return {
    path,
    at: "key",
    wrong: `${holderOf([...path, key])} has no \`${key}\``,
    right: `${right}${example(known, key)}`,
  };
}

const holderOf = (path: Path): string =>
  path.length < 2 ? "the desired state" : `\`${dotted(path.slice(0, -1))}\``;

function knownKey(path: Path): string {
  const key = path.at(-1) ?? "";
  const keys = Object.keys(schemaAt(path.slice(0, -1))?.properties ?? {});
  const meant = nearest(key, keys);
  if (meant !== undefined) return `\`${meant}\`, if that was meant`;
  const places = placesOf(key);
  const elsewhere = places.length > 0 ? `it is known in ${places.slice(0, 2).join(" and ")}; ` : "";
  return `${elsewhere}known here: ${keys.join(", ")}`;
}

function oneOf(allowed: readonly unknown[], found: unknown): string {
  const meant = typeof found === "string" ? nearest(found, allowed.map(String)) : undefined;
  const list = allowed.length === 1 ? String(allowed[0]) : `one of ${allowed.join(", ")}`;
  return meant === undefined ? list : `${meant}, if that was meant; ${list}`;
}

/** What belongs at `path`, with an example. */
function expected(known: SchemaNode, path: Path): string {
  if (known.enum) return oneOf(known.enum, undefined);
  const types = [known.type ?? []].flat().map((type) => TYPES[type] ?? type);
  const words = known.patternErrorMessage ?? (types.join(" or ") || known.description || "");
  const key = path.at(-1) ?? "";
  return `${words}${range(known)}${/^\d+$/.test(key) ? "" : example(known, key)}`;
}

function range({ minimum, maximum }: SchemaNode): string {
  if (minimum === undefined) return "";
  return maximum === undefined ? ` of at least ${minimum}` : ` from ${minimum} to ${maximum}`;
}

function example(known: SchemaNode | undefined, key: string): string {
  const [first] = known?.examples ?? [];
  return first === undefined ? "" : `, for example \`${key}: ${flow(first)}\``;
}

const flow = (value: unknown): string =>
  stringify(value, { collectionStyle: "flow", flowCollectionPadding: false, lineWidth: 0 }).trim();
