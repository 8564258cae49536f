/**
 * `run.ts unit|lab|all [FILE…]`: unit tests side by side, then lab tests one after the other, told as one run.
 * With CI=true a skipped test is a failure.
 */
import { globSync } from "node:fs";
import { join, relative } from "node:path";
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
const LIMITS = ["--test-timeout=1200000", "--test-force-exit"];
/** `tests 12`, `duration_ms 31.4`: the lines that close a run. */
const CLOSING_LINE = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

const [which = "all", ...named] = process.argv.slice(2);
const files = (named.length > 0 ? named : globSync("test/**/*.test.ts", { cwd: ROOT }).sort()).map((file) =>
  join(ROOT, relative(ROOT, file)),
);
const isLab = (file: string): boolean => relative(ROOT, file).startsWith("test/lab-tests/");

const totals = new Map<string, number>();
const skipped: string[] = [];
let success = true;

async function* told(): AsyncGenerator<TestEvent> {
  if (which !== "lab")
    yield* counted(
      files.filter((file) => !isLab(file)),
      true,
    );
  if (which !== "unit") yield* counted(files.filter(isLab), 1);
  for (const [name, count] of totals) {
    yield { type: "test:diagnostic", data: { nesting: 0, message: `${name} ${count}` } };
  }
  // the reporter answers this with the failures in full
  yield { type: "test:summary", data: { success } };
}

/** One run, its closing lines and summary added to the whole's instead of told. */
async function* counted(testFiles: string[], concurrency: number | true): AsyncGenerator<TestEvent> {
  if (testFiles.length === 0) return;
  const events: AsyncIterable<TestEvent> = run({
    files: testFiles,
    concurrency,
    execArgv: [...LIMITS, "--import", import.meta.resolve("tsx")],
  });
  for await (const event of events) {
    const { data, type } = event;
    const [, name, count] = (data.nesting === 0 && CLOSING_LINE.exec(data.message ?? "")) || [];
    if (type === "test:summary" && data.file === undefined) success &&= data.success === true;
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
