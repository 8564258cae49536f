import { createHash } from "node:crypto";

/** Numbers that are the same again for the same seed and name. */
export interface Random {
  /** 0 … n - 1 */
  below(n: number): number;
  of<Thing>(things: readonly Thing[]): Thing;
}

export function seeded(seed: number, name: string): Random {
  let count = 0;
  const below = (n: number): number => {
    count += 1;
    return createHash("sha256").update(`${seed} ${name} ${count}`).digest().readUInt32BE() % n;
  };
  return {
    below,
    of: (things) => {
      const thing = things[below(things.length)];
      if (thing === undefined) throw new RangeError("nothing to choose from");
      return thing;
    },
  };
}
