import type { Bench } from "./bench.ts";

/** Something that is cut off again and again, and has to end as if it had not been. */
export interface Journey {
  readonly name: string;
  /** @throws where it does not */
  readonly run: (bench: Bench) => Promise<void>;
}

export interface Torture {
  /** Every action, in every way. */
  readonly every: readonly Journey[];
  /** Anywhere inside; as many rounds as one likes. */
  readonly random: (round: number) => Journey;
  /** What has to be possible after all of it. */
  readonly last: readonly Journey[];
}

/** Runs one. Where it fails, says how to see that again, and brings the machines back for the next. */
export async function attempt(bench: Bench, { name, run }: Journey): Promise<void> {
  const { lab, seed } = bench;
  try {
    await run(bench);
  } catch (error) {
    for (const machine of ["ws", "ls"] as const) {
      await lab.heal(machine);
      await lab.start(machine);
    }
    throw new Error(`to see it again: npm run torture -- --seed ${seed} --only "${name}"`, { cause: error });
  }
}

export const cutsOf = ({ cuts }: Pick<Bench, "cuts">): number =>
  [...cuts.values()].reduce((sum, count) => sum + count, 0);

/** What was cut off how often, as a line for people. */
export function tally(bench: Pick<Bench, "seed" | "cuts">): string {
  const blows = new Map<string, number>();
  const kinds = new Set<string>();
  for (const [of, count] of bench.cuts) {
    const [kind = "", ...words] = of.split(" ");
    kinds.add(kind);
    blows.set(words.join(" "), (blows.get(words.join(" ")) ?? 0) + count);
  }
  const each = [...blows].map(([blow, count]) => `${blow} ${count}`).join(", ");
  return `seed ${bench.seed}: ${cutsOf(bench)} cuts in ${kinds.size} kinds of actions (${each})`;
}
