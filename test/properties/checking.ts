import type { TestContext } from "node:test";
import fc from "fast-check";

/** How often each property is tried; `npm run fuzz` asks for more, each time with another seed. */
export const RUNS = Number(process.env.PROPERTY_RUNS ?? 40);

/**
 * Tries a property with a seed that is printed, and can be given as PROPERTY_SEED. What a case is in words is
 * printed of the smallest one that fails.
 */
export function check<Case>(
  context: TestContext,
  cases: fc.Arbitrary<Case>,
  inWords: (one: Case) => readonly string[],
  holds: (one: Case) => void,
  runs = RUNS,
): void {
  const seed = Number(process.env.PROPERTY_SEED ?? 20260301);
  context.diagnostic(`seed ${seed}, ${runs} cases`);
  const details = fc.check(
    fc.property(cases, (one) => holds(one)),
    { seed, numRuns: runs },
  );
  if (!details.failed) return;
  const [smallest] = details.counterexample ?? [];
  const why = details.errorInstance instanceof Error ? details.errorInstance.stack : details.errorInstance;
  const story = smallest === undefined ? [] : inWords(smallest);
  throw new Error(
    [
      `PROPERTY_SEED=${seed} (case ${details.numRuns}, made smaller ${details.numShrinks} times):`,
      ...story,
      why,
    ].join("\n  "),
  );
}
