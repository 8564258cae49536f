import type { ErrorObject } from "ajv/dist/2020.js";
import { nearest } from "./nearest.ts";
import type { Path } from "./schema.ts";
import { type ShapeWords, wordsForShapeError } from "./shape-words.ts";
import { validator } from "./validator.ts";
import type { Written } from "./written.ts";

/** What is left of the input when everything of the wrong shape is taken away, and what was wrong with it. */
export interface Shaped {
  readonly written: Written;
  readonly faults: readonly ShapeWords[];
}

/**
 * Holds `input` against the published schema. All faults are reported; each refused value is replaced with
 * `undefined`, so that what else there is can still be checked.
 */
export function shape(input: unknown): Shaped {
  const validate = validator();
  const passes: boolean = validate(input);
  if (passes) return { written: input as Written, faults: [] };
  const all = (validate.errors ?? []).filter((error) => !isEcho(error));
  const misspelt = new Set(all.map(meantKey));
  const errors = all.filter(
    (error) => !misspelt.has(`${error.instancePath}/${error.params.missingProperty}`),
  );
  const faults = errors.flatMap((error) => {
    const words = wordsForShapeError(error, pathOf(error));
    return words === undefined ? [] : [words];
  });
  let written = input;
  for (const error of errors) if (error.keyword !== "required") written = without(written, pathOf(error));
  return { written: written as Written, faults };
}

/** These only say that a rule above them failed; `oneOf` in the cloud is told better where the store is resolved. */
const isEcho = (error: ErrorObject): boolean =>
  ["if", "oneOf", "propertyNames"].includes(error.keyword) || error.schemaPath.includes("/oneOf/");

/** The key that a misspelt one was meant to be; it need not be reported as missing too. */
function meantKey(error: ErrorObject): string | undefined {
  if (error.keyword !== "additionalProperties") return undefined;
  const meant = nearest(error.params.additionalProperty, Object.keys(error.parentSchema?.properties ?? {}));
  return meant && `${error.instancePath}/${meant}`;
}

function pathOf(error: ErrorObject): Path {
  const pointer = error.instancePath
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const key = error.keyword === "additionalProperties" ? error.params.additionalProperty : error.propertyName;
  return key === undefined ? pointer : [...pointer, String(key)];
}

function without(input: unknown, path: Path): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return undefined;
  if (Array.isArray(input))
    return input.map((item, index) => (index === Number(step) ? without(item, rest) : item));
  if (typeof input !== "object" || input === null) return input;
  return Object.fromEntries(
    Object.entries(input).map(([key, value]) => [key, key === step ? without(value, rest) : value]),
  );
}
