import assert from "node:assert/strict";
import { atEveryAction, atRandom, type Bench, randomOf, work } from "./bench.ts";
import { BLOWS, type Blow } from "./blows.ts";
import type { Journey, Torture } from "./journey.ts";
import { type Dataset, standing } from "./standing.ts";

/** Days of backups that are cut off, against a dataset of which none was; so many of them inside their actions. */
export function backups(blows: readonly Blow[] = BLOWS, days = 4): Torture {
  /** What stands of the undisturbed dataset after each day. */
  const calm: string[] = [];
  let undisturbed: Dataset | undefined;

  /** Lives through the undisturbed dataset's days up to that one, as far as it has not. */
  async function standsAfter(bench: Bench, day: number): Promise<string> {
    undisturbed ??= await bench.dataset("calm");
    while (calm.length < day) {
      const label = await work(bench, undisturbed);
      await bench.run(backup(undisturbed, label));
      calm.push(await standing(bench.lab, undisturbed, ["--label", label]));
    }
    return calm[day - 1] ?? assert.fail();
  }

  const every = blows.map(
    (blow, index): Journey => ({
      name: `backup, ${blow.name} at every action`,
      run: async (bench) => {
        const uncut = await standsAfter(bench, 1);
        const dataset = await bench.dataset(`every${index}`);
        await forgetPackages(bench);
        const label = await work(bench, dataset);
        await atEveryAction(bench, backup(dataset, label), blow);
        assert.equal(await standing(bench.lab, dataset, ["--label", label]), uncut);
      },
    }),
  );
  const random = (round: number): Journey => ({
    name: `backup, inside actions, ${round}`,
    run: async (bench) => {
      await standsAfter(bench, 1);
      const dataset = await bench.dataset(`rand${String(round).padStart(3, "0")}`);
      const numbers = randomOf(bench, dataset.name);
      for (let day = 1; day <= days; day += 1) {
        const label = await work(bench, dataset);
        await atRandom(bench, backup(dataset, label), numbers);
        assert.equal(await standing(bench.lab, dataset, ["--label", label]), await standsAfter(bench, day));
      }
    },
  });
  return { every, random, last: [] };
}

const backup = ({ config }: Dataset, label: string): string[] => ["--config", config, "--label", label];

/** So that they have to be installed again. */
async function forgetPackages({ lab }: Bench): Promise<void> {
  const script = "dpkg --remove --force-depends age >/dev/null 2>&1";
  await Promise.all([lab.must("ws", script), lab.must("ls", script)]);
}
