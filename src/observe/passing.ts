import { type Fact, unknown } from "../domain/fact.ts";
import { DevbackupError } from "../domain/trouble.ts";

/** See docs/decisions/0003: weather, and not a mistake in what was declared. */
const PASSING = new Set(["cloud-unreachable", "cloud-unavailable", "cloud-strange", "clock-skew"]);

/** For a store that can't be reached today. @throws the error where it is of another kind */
export function unknownWhilePassing(error: unknown): Fact<never> {
  if (!(error instanceof DevbackupError && PASSING.has(error.trouble.code))) throw error;
  const { what, why, next } = error.trouble;
  return unknown([[what, why].filter(Boolean).join(": "), next].filter(Boolean).join("; "));
}
