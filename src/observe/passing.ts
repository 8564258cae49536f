import { type Fact, unknown } from "../domain/fact.ts";
import { DevbackupError } from "../domain/trouble.ts";

const PASSING = new Set(["cloud-unreachable", "cloud-unavailable"]);

/** For a store that can't be reached today. @throws the error where it is of another kind */
export function unknownWhilePassing(error: unknown): Fact<never> {
  if (!(error instanceof DevbackupError && PASSING.has(error.trouble.code))) throw error;
  return unknown([error.trouble.what, error.trouble.why].filter((text) => text !== undefined).join(": "));
}
