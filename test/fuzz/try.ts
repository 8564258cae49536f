import fc from "fast-check";
import { edited, mutations } from "./edits.ts";
import type { Target } from "./targets.ts";

/** Much more than any of these inputs takes on a machine that is busy. */
const SLOW_MS = 5_000;

export interface Tried {
  readonly cases: number;
  /** The smallest input that breaks a promise, and how. */
  readonly broken: { readonly input: string; readonly why: string } | null;
}

export interface Trial {
  readonly seed: number;
  /** Whichever comes first. */
  readonly cases: number;
  readonly seconds?: number;
  /** Told of each input before it is tried: one that never ends is known by that. */
  readonly before?: (input: string) => void;
}

/** Tries mutations of what the parser was really given, which first of all has to hold as it stands. */
export async function tryOut({ name, inputs, holds }: Target, trial: Trial): Promise<Tried> {
  const { seed, cases, seconds, before } = trial;
  if (inputs.length === 0) throw new RangeError(`nothing was recorded for ${name}`);
  const one = async (input: string): Promise<void> => {
    before?.(input);
    const begun = performance.now();
    await holds(input);
    const took = performance.now() - begun;
    if (took > SLOW_MS) throw new Error(`${input.length} characters took ${Math.round(took)} ms`);
  };
  for (const input of inputs) await one(input);
  let tried = 0;
  const details = await fc.check(
    fc.asyncProperty(mutations(inputs.length), async ({ of, edits }) => {
      tried++;
      await one(edited(inputs[of] ?? "", edits));
    }),
    {
      seed,
      numRuns: cases,
      ...(seconds === undefined ? {} : { interruptAfterTimeLimit: seconds * 1000 }),
    },
  );
  const [smallest] = details.counterexample ?? [];
  if (!details.failed || smallest === undefined) return { cases: tried, broken: null };
  const { errorInstance: error } = details;
  return {
    cases: tried,
    broken: {
      input: edited(inputs[smallest.of] ?? "", smallest.edits),
      why: error instanceof Error ? (error.stack ?? error.message) : String(error),
    },
  };
}
