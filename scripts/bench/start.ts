import type { Lab } from "../../test/lab/lab.ts";
import { inTurn, median, type Row, ratio, seconds, spread, times } from "./figures.ts";
import { devbackup, measured } from "./measure.ts";

/** What is to answer at once, against a Node that does nothing. */
export async function benchStart(lab: Lab, config: string, rounds: number): Promise<Row[]> {
  const ours =
    (...args: string[]) =>
    async () =>
      (await devbackup(lab, args)).wallMs;
  const validate = ours("validate", "--config", config);
  // the first start fills Node's compile cache
  await validate();
  const figures = await inTurn(rounds, {
    help: ours("--help"),
    validate,
    node: async () => (await measured(process.execPath, ["-e", "0"])).wallMs,
  });
  const line = (what: string, walls: number[]): Row => ({
    what,
    figure: seconds(median(walls)),
    against: `\`node -e 0\`: ${seconds(median(figures.node))}`,
    ratio: times(ratio(walls, figures.node)),
    goal: null,
    spread: spread(walls),
  });
  return [line("`devbackup --help`", figures.help), line("`devbackup validate`", figures.validate)];
}
