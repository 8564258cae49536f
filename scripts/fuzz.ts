/**
 * `npm run fuzz -- [--seconds N] [--only NAME] [--seed N]`: each parser for ten minutes (or N seconds) with inputs that
 * are almost those that it was really given, and the properties of plans for as long. Ends with 1 where a promise is
 * broken; the input is in fuzz-NAME.txt then.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { TARGETS } from "../test/fuzz/targets.ts";
import { tryOut } from "../test/fuzz/try.ts";

interface Job {
  readonly name: string;
  readonly seed: number;
  readonly seconds: number;
  /** How many inputs were begun, how long the present one is in bytes, and its bytes: for one that never ends. */
  readonly present: SharedArrayBuffer;
}

const LONGEST_BYTES = 1024 * 1024;
/** An input that takes longer is taken for one that never ends. */
const HANGS_SECONDS = 60;
const MANY = 1_000_000_000;

if (isMainThread) await main();
else await work(workerData as Job);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "600" },
      only: { type: "string" },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    },
  });
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  const names = [...TARGETS.map(({ name }) => name), "properties"].filter(
    (name) => values.only === undefined || name === values.only,
  );
  if (names.length === 0)
    throw new Error(`one of: ${TARGETS.map(({ name }) => name).join(", ")}, properties`);
  for (const name of names) {
    const held = name === "properties" ? properties(seed) : await parser({ name, seed, seconds });
    if (!held) process.exitCode = 1;
  }
}

async function parser({ name, seed, seconds }: Omit<Job, "present">): Promise<boolean> {
  const present = new SharedArrayBuffer(8 + LONGEST_BYTES);
  const [counts, bytes] = [new Int32Array(present, 0, 2), new Uint8Array(present, 8)];
  const worker = new Worker(new URL(import.meta.url), { workerData: { name, seed, seconds, present } });
  const ended = Promise.withResolvers<{ cases: number; broken: { input: string; why: string } | null }>();
  worker.on("message", ended.resolve);
  worker.on("error", ended.reject);
  let [before, since] = [-1, Date.now()];
  const watch = setInterval(() => {
    if (counts[0] !== before) [before, since] = [counts[0] ?? 0, Date.now()];
    else if (Date.now() - since > HANGS_SECONDS * 1000) {
      const input = Buffer.from(bytes.slice(0, counts[1])).toString("utf8");
      ended.resolve({ cases: before, broken: { input, why: `no end after ${HANGS_SECONDS} s` } });
    }
  }, 1000);
  const { cases, broken } = await ended.promise.finally(() => {
    clearInterval(watch);
    return worker.terminate();
  });
  if (broken === null) {
    console.log(`${name}: ${cases} inputs, seed ${seed}: held`);
    return true;
  }
  const file = `fuzz-${name}.txt`;
  writeFileSync(file, broken.input);
  console.log(
    `${name}: BROKEN after ${cases} inputs, seed ${seed}: ${broken.why}\n  the input is in ${file}`,
  );
  return false;
}

async function work({ name, seed, seconds, present }: Job): Promise<void> {
  const [counts, bytes] = [new Int32Array(present, 0, 2), new Uint8Array(present, 8)];
  const target = TARGETS.find((one) => one.name === name);
  if (target === undefined) throw new RangeError(name);
  const before = (input: string): void => {
    counts[1] = new TextEncoder().encodeInto(input, bytes).written;
    counts[0] = (counts[0] ?? 0) + 1;
  };
  parentPort?.postMessage(await tryOut(target, { seed, seconds, cases: MANY, before }));
}

/** These print their own seeds and, where one fails, the smallest story that breaks it. */
function properties(seed: number): boolean {
  const { status } = spawnSync(
    process.execPath,
    ["--import", import.meta.resolve("tsx"), "--test", "test/properties/*.test.ts"],
    { stdio: "inherit", env: { ...process.env, PROPERTY_SEED: String(seed), PROPERTY_RUNS: "2000" } },
  );
  return status === 0;
}
