import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { whyNoLab } from "../lab/lab.ts";
import { whyNoSwift } from "../lab/s3/servers.ts";
import { type Bench, startBench } from "./bench.ts";
import { attempt, cutsOf, type Torture, tally } from "./journey.ts";

/** A torture as tests: all that is cut at every action, these rounds inside actions, and at least so many cuts in all. */
export function tortureSuite(
  title: string,
  torture: Torture,
  { rounds, atLeast }: { readonly rounds: readonly number[]; readonly atLeast: number },
): void {
  // the same in each run of the tests, so that a failure is the change's; `npm run torture` tries others
  const seed = Number(process.env.TORTURE_SEED ?? 1);
  describe(title, { skip: whyNoLab() || whyNoSwift() }, () => {
    let bench: Bench;
    before(async () => {
      bench = await startBench(seed);
    });
    after(() => bench?.lab.stop());
    for (const journey of [...torture.every, ...rounds.map(torture.random), ...torture.last])
      test(journey.name, () => attempt(bench, journey));
    test(`at least ${atLeast} cuts`, (context) => {
      context.diagnostic(tally(bench));
      assert.ok(cutsOf(bench) >= atLeast, tally(bench));
    });
  });
}
