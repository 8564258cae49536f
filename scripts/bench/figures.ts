/** One line of the table. Every figure in it was measured in this run. */
export interface Row {
  readonly what: string;
  readonly figure: string;
  /** What it is compared with, measured in turn with it. */
  readonly against: string;
  readonly ratio: string;
  /** Null where the line is for information. */
  readonly goal: { readonly text: string; readonly met: boolean } | null;
  /** Greatest by least of the figures behind it: how quiet the machine was. */
  readonly spread: number | null;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;

export const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(0)} MiB`;

export const times = (ratio: number): string => `${ratio.toFixed(2)} times`;

export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  if (low === undefined || high === undefined) throw new RangeError("no figures");
  return (low + high) / 2;
}

/** The median of each round's A by the same round's B: what weighs on a round weighs on both. */
export const ratio = (a: readonly number[], b: readonly number[]): number =>
  median(a.map((figure, round) => figure / (b[round] ?? Number.NaN)));

export const spread = (figures: readonly number[]): number => Math.max(...figures) / Math.min(...figures);

/** Runs the ways one after the other, A B C A B C…, so that a change of load meets all alike. */
export async function inTurn<Way extends string>(
  rounds: number,
  ways: Readonly<Record<Way, () => Promise<number>>>,
): Promise<Record<Way, number[]>> {
  const names = Object.keys(ways) as Way[];
  const none = names.map((name): [Way, number[]] => [name, []]);
  const figures = Object.fromEntries(none) as Record<Way, number[]>;
  for (let round = 0; round < rounds; round += 1)
    for (const name of names) figures[name].push(await ways[name]());
  return figures;
}
