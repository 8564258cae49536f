import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { published } from "./schema.ts";

let compiled: ValidateFunction | undefined;

/**
 * The published schema as a function, compiled once. Compiling takes longer than all else about a desired state:
 * in the bundle `scripts/build.mjs` puts what {@link compileSchema} gives in this file's place, as code.
 */
export function validator(): ValidateFunction {
  compiled ??= compileSchema().validate;
  return compiled;
}

/** @param source whether the function is to be written out */
export function compileSchema({ source = false } = {}): { ajv: Ajv2020; validate: ValidateFunction } {
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    strictTypes: false,
    strictRequired: false,
    // shown by editors where a pattern does not match
    keywords: ["patternErrorMessage"],
    // the schema is ours and a test holds it against its own; with these three, compiling takes a third of the time
    meta: false,
    validateSchema: false,
    code: { optimize: false, source, esm: source },
  });
  return { ajv, validate: ajv.compile(published) };
}
