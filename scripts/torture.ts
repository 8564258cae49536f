/**
 * `npm run torture [-- --cuts N] [--seed S] [--only NAME]`: backups and restores that are cut off at every action, in
 * every way, and then anywhere inside until there were N cuts. `--only` runs what has that in its name: all of a kind
 * (`backup`, `restore`), or the very one that a failure named.
 */
import { parseArgs } from "node:util";
import { whyNoLab } from "../test/lab/lab.ts";
import { whyNoSwift } from "../test/lab/s3/servers.ts";
import { backups } from "../test/torture/backups.ts";
import { startBench } from "../test/torture/bench.ts";
import { attempt, cutsOf, type Journey, tally } from "../test/torture/journey.ts";
import { restores } from "../test/torture/restores.ts";

const { values } = parseArgs({
  options: { cuts: { type: "string" }, seed: { type: "string" }, only: { type: "string" } },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const wanted = Number(values.cuts ?? 500);
const only = values.only ?? "";
const why = whyNoLab() || whyNoSwift();
if (why) {
  console.error(
    `Two machines and a bucket in namespaces of this one are needed, and can't be had here.\n${why}`,
  );
  process.exit(1);
}

const tortures = [backups(), restores()];
const isWanted = ({ name }: Journey): boolean => name.includes(only);
const failed: string[] = [];
console.log(`seed ${seed}`);
const bench = await startBench(seed);

async function go(journey: Journey): Promise<void> {
  if (!isWanted(journey)) return;
  const begun = Date.now();
  const error = await attempt(bench, journey).then(
    () => null,
    (reason: Error) => reason,
  );
  if (error !== null) failed.push(journey.name);
  const seconds = Math.round((Date.now() - begun) / 1000);
  console.log(
    `${error === null ? "ok  " : "LOST"} ${journey.name} (${seconds} s, ${cutsOf(bench)} cuts so far)`,
  );
  if (error !== null) console.error(error);
}

try {
  for (const { every } of tortures) for (const journey of every) await go(journey);
  for (let round = 1; cutsOf(bench) < wanted && round <= wanted; round += 1)
    for (const { random } of tortures) await go(random(round));
  for (const { last } of tortures) for (const journey of last) await go(journey);
} finally {
  console.log(tally(bench));
  await bench.lab.stop({ all: true });
}
console.log(failed.length === 0 ? "nothing was lost" : `not as if undisturbed:\n  ${failed.join("\n  ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
