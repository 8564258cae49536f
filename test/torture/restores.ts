import assert from "node:assert/strict";
import { join } from "node:path";
import { atEveryAction, atRandom, type Bench, randomOf, work } from "./bench.ts";
import { BLOWS, type Blow } from "./blows.ts";
import type { Journey, Torture } from "./journey.ts";
import { type Dataset, newest, placesOf, standing, TREE } from "./standing.ts";

type Loss = "workstation" | "server" | "both";
const LOSSES: readonly Loss[] = ["both", "workstation", "server"];

/** Restores that are cut off, against one that was not: of a dataset with three days of backups, lost anew each time. */
export function restores(blows: readonly Blow[] = BLOWS): Torture {
  let [dataset, count]: [Dataset | undefined, number] = [undefined, 0];
  /** What an undisturbed restore ends in. */
  const calm = new Map<Loss, string>();

  async function backedUp(bench: Bench): Promise<Dataset> {
    if (dataset !== undefined) return dataset;
    const made = await bench.dataset("lost");
    for (let day = 1; day <= 3; day += 1)
      await bench.run(["--config", made.config, "--label", await work(bench, made)]);
    dataset = made;
    return made;
  }

  /** Loses it, has it brought back by `restoring`, and compares. */
  async function losing(
    bench: Bench,
    loss: Loss,
    restoring: (args: readonly string[], env: Readonly<Record<string, string>>) => Promise<unknown>,
  ): Promise<void> {
    const lost = await backedUp(bench);
    const args = ["--restore", "latest", "--identity", bench.identity];
    const back = async (how: typeof restoring): Promise<string> => {
      // a controller that has seen nothing
      count += 1;
      const env = { XDG_STATE_HOME: join(bench.lab.dir, `controller-${count}`) };
      await lose(bench, lost, loss);
      await how(["--config", lost.config, ...args], env);
      return standing(bench.lab, lost, args, { contents: true });
    };
    const uncut = calm.get(loss) ?? (await back((restore, env) => bench.run(restore, { env })));
    calm.set(loss, uncut);
    assert.equal(await back(restoring), uncut);
  }

  const every = blows.map(
    (blow): Journey => ({
      name: `restore, ${blow.name} at every action`,
      run: (bench) => losing(bench, "both", (args, env) => atEveryAction(bench, args, blow, env)),
    }),
  );
  const beside = blows.map(
    (blow, index): Journey => ({
      name: `restore beside what is there, ${blow.name}`,
      run: async (bench) => {
        const { name, config, trees } = await backedUp(bench);
        const folder = `/home/dev/${name}.beside-${index}`;
        await atEveryAction(
          bench,
          ["--config", config, "--restore", "2090-01-02", "--to", folder, "--identity", bench.identity],
          blow,
        );
        const tree = await bench.lab.must("ws", `${TREE}; tree ${folder}; ls -d ${folder}*`);
        assert.equal(tree, `${trees.get("2090-01-02")}\n${folder}\n`);
        await bench.lab.must("ws", `btrfs -q subvolume delete ${folder}`);
      },
    }),
  );
  const random = (round: number): Journey => ({
    name: `restore, inside actions, ${round}`,
    run: (bench) => {
      const numbers = randomOf(bench, `restore ${round}`);
      const loss = LOSSES[round % LOSSES.length] ?? "both";
      return losing(bench, loss, (args, env) => atRandom(bench, args, numbers, env));
    },
  });
  const next: Journey = {
    name: "the next day is an increment",
    run: async (bench) => {
      const lost = await backedUp(bench);
      const before = newest(lost.trees);
      const label = await work(bench, lost);
      await bench.run(["--config", lost.config, "--label", label]);
      assert.match(
        await standing(bench.lab, lost, ["--label", label]),
        new RegExp(`^row ${label} incr ${before}$`, "m"),
      );
    },
  };
  return { every: [...every, ...beside], random, last: [next] };
}

/** All that a machine had of the dataset is gone. */
async function lose({ lab }: Bench, { name }: Dataset, loss: Loss): Promise<void> {
  const { source, snapshots, repository, workingCopy } = placesOf(name);
  const gone = (folders: string, rest: string) => `for s in ${folders}; do
    [ ! -d "$s" ] || [ "$(stat -c %i "$s")" != 256 ] || btrfs -q subvolume delete "$s"; done
    rm -rf ${rest}; sync`;
  const ws = gone(`${snapshots}/* ${source}.*/* ${source}*`, `${source}* /etc/devbackup/*${name}*`);
  const ls = gone(
    `${repository}/restore/*/* ${workingCopy}*/* ${workingCopy}*`,
    `${repository} ${workingCopy}*`,
  );
  await Promise.all([
    loss === "server" ? undefined : lab.must("ws", ws),
    loss === "workstation" ? undefined : lab.must("ls", ls),
  ]);
}
