/**
 * `run.ts unit|lab|all [FILE…]`: unit tests side by side, then lab tests in two labs, told as one run.
 * With CI=true a skipped test is a failure.
 */
import { globSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join, relative } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";

/** What `run()` yields, as far as it is of use here. */
interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly file?: string;
    readonly nesting?: number;
    readonly message?: string;
    readonly skip?: string | boolean;
    readonly success?: boolean;
  };
}

const ROOT = join(import.meta.dirname, "..");
/** No file holds the whole up: one that hangs fails after this, and what it leaves running does not keep it. */
const LIMITS = ["--test-timeout=2400000", "--test-force-exit"];
/** `tests 12`, `duration_ms 31.4`: the lines that close a run. */
const CLOSING_LINE = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

/** What tells two labs apart that stand at the same time. */
const LABS = labs(process.env.LAB_ID ?? "lab", process.env.LAB_NET ?? "10.77.0");

const [which = "all", ...named] = process.argv.slice(2);
const files = (named.length > 0 ? named : globSync("test/**/*.test.ts", { cwd: ROOT }).sort()).map((file) =>
  join(ROOT, relative(ROOT, file)),
);
const isLab = (file: string): boolean => relative(ROOT, file).startsWith("test/lab-tests/");

const begunAt = performance.now();
const totals = new Map<string, number>();
const labFileMs = new Map<string, number>();
const skipped: string[] = [];
let success = true;

async function* told(): AsyncGenerator<TestEvent> {
  if (which !== "lab")
    // they wait for other processes more than they compute
    yield* counted(
      files.filter((file) => !isLab(file)),
      availableParallelism() + 1,
    );
  if (which !== "unit") yield* inLabs(files.filter(isLab));
  const slowest = [...labFileMs].sort(([, a], [, b]) => b - a).slice(0, 10);
  const closing = [
    ...slowest.map(([file, ms]) => `${(ms / 1000).toFixed(0)} s in ${relative(ROOT, file)}`),
    ...[...totals].map(([name, count]) => `${name} ${count}`),
    // labs stand side by side: their times add up to more
    `duration_ms ${(performance.now() - begunAt).toFixed(0)}`,
  ];
  for (const message of closing) yield { type: "test:diagnostic", data: { nesting: 0, message } };
  // the reporter answers this with the failures in full
  yield { type: "test:summary", data: { success } };
}

/** What a torture takes, or one restore after the other, does not stand in its file. */
const weightOf = (file: string): number =>
  /^(torture|restore-cut)/.test(basename(file)) ? Number.POSITIVE_INFINITY : statSync(file).size;

/** Each lab takes the next file when it has done with one, the longest first; a file is told as a whole when it has ended. */
async function* inLabs(labFiles: readonly string[]): AsyncGenerator<TestEvent> {
  const waiting = labFiles.toSorted((a, b) => weightOf(b) - weightOf(a) || 0);
  const told = new ReadableStream<TestEvent[]>({
    start: async (out) => {
      await Promise.all(
        LABS.map(async (env) => {
          for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
            const fileBegunAt = performance.now();
            out.enqueue(await Array.fromAsync(counted([file], 1, env)));
            labFileMs.set(file, performance.now() - fileBegunAt);
          }
        }),
      );
      out.close();
    },
  });
  for await (const events of told) yield* events;
}

/** One run, its closing lines and summary added to the whole's instead of told. */
async function* counted(
  testFiles: string[],
  concurrency: number,
  env: Readonly<Record<string, string>> = {},
): AsyncGenerator<TestEvent> {
  if (testFiles.length === 0) return;
  const setEnv = `data:text/javascript,Object.assign(process.env,${JSON.stringify(env)})`;
  const events: AsyncIterable<TestEvent> = run({
    files: testFiles,
    concurrency,
    execArgv: [...LIMITS, "--import", setEnv, "--import", import.meta.resolve("tsx")],
  });
  for await (const event of events) {
    const { data, type } = event;
    const [, name, count] = (data.nesting === 0 && CLOSING_LINE.exec(data.message ?? "")) || [];
    if (type === "test:summary" && data.file === undefined) success &&= data.success === true;
    else if (type === "test:diagnostic" && name === "duration_ms") continue;
    else if (type === "test:diagnostic" && name) totals.set(name, (totals.get(name) ?? 0) + Number(count));
    else yield event;
    if (type === "test:pass" && data.skip !== undefined) skipped.push(`${data.name}: ${data.skip}`);
  }
}

await pipeline(Readable.from(told()).compose(new spec()), process.stdout, { end: false });
if ((totals.get("tests") ?? 0) === 0) {
  console.error("no tests were found");
  success = false;
}
if (skipped.length > 0) {
  const inCi = process.env.CI === "true";
  console.error(`skipped${inCi ? ", which is a failure in CI" : ""}:\n  ${skipped.join("\n  ")}`);
  success &&= !inCi;
}
process.exitCode = success ? 0 : 1;

/** The second one's /24 is the next but one hundred. */
function labs(id: string, net: string) {
  const [, front, third] = /^(.*\.)(\d+)$/.exec(net) ?? [];
  const beside = `${front}${(Number(third) + 100) % 256}`;
  return [
    { LAB_ID: id, LAB_NET: net },
    { LAB_ID: `${id.slice(0, 5)}2`, LAB_NET: beside },
  ];
}
