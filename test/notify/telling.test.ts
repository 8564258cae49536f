import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, type TestContext, test } from "node:test";
import type { ApplyEvent } from "../../src/apply/events.ts";
import { openRuns, type Runs } from "../../src/controller/runs.ts";
import { type NotifySpec, OCCASIONS } from "../../src/desired-state/desired-state.ts";
import type { Code } from "../../src/domain/code.ts";
import type { AbsolutePath } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { type AfterRunOptions, afterRun } from "../../src/notify/after-run.ts";
import { beginTelling, type TellingOptions } from "../../src/notify/telling.ts";
import type { Warning } from "../../src/plan/plan.ts";
import { artifact, plan } from "../report/examples.ts";
import { type Heard, type Listener, listen } from "./listener.ts";

const FILES = ["/etc/devbackup/desired-state/devbackup.yaml"];
const UNIT = "3f2504e04f8941d39a0c0305e82c3301";
const TIMES = { tryMs: 1_000, allMs: 3_000, patience: { attempts: 2, firstDelayMs: 10, longestDelayMs: 20 } };

let home = "";
let runs: Runs;
before(async () => {
  home = await mkdtemp(join(tmpdir(), "devbackup-runs-"));
});
beforeEach(async () => {
  await rm(join(home, ".local"), { recursive: true, force: true });
  runs = openRuns({ home, env: {} });
});
after(() => rm(home, { recursive: true, force: true }));

const begin = (ways: readonly NotifySpec[], some: Partial<TellingOptions> = {}) =>
  beginTelling({
    run: { what: "apply", command: "devbackup apply", who: "root@ls" },
    ways,
    runs,
    files: FILES,
    datasets: ["dev"],
    whole: true,
    byHand: false,
    times: TIMES,
    env: {},
    secretEnv: {},
    now: () => new Date(),
    warn: (text) => assert.fail(text),
    ...some,
  });

const everybody = ({ url }: Listener): NotifySpec[] => [
  { on: OCCASIONS, way: { kind: "ntfy", url: `${url}/people` } },
  { on: OCCASIONS, way: { kind: "healthchecks", url: `${url}/check` } },
];

/** `people: TITLE` or `check/start`. */
const short = ({ url, headers }: Heard): string =>
  url.startsWith("/people") ? `people: ${headers.title}` : url.replace(/^\/|\?.*/g, "");
const shorts = ({ heard }: Listener): string[] => heard.map(short).sort();
const recordsOf = async (): Promise<string[]> =>
  (await readdir(join(home, ".local/state/devbackup/runs"))).filter((name) => name.endsWith(".json"));

const started = (): ApplyEvent => ({ event: "started", plan: plan([artifact]), approved: [] });
const done = (): ApplyEvent => ({ event: "action-done", id: artifact.id, durationMs: 1, outcome: null });
const idle = (): ApplyEvent => ({ event: "started", plan: plan([]), approved: [] });
const finished = (): ApplyEvent => ({
  event: "finished",
  result: "done",
  done: 1,
  durationMs: 1,
  remaining: [],
  warnings: [],
});
const asleep = () =>
  new DevbackupError({ code: "host-unreachable", exitCode: 4, what: "ws cannot be reached" });

test("a run is told when it begins and when it ends, and leaves no record", async (context) => {
  const listener = await listen(context);
  const at = new Date("2026-03-01T03:00:00Z");
  const { witness, end } = await begin(everybody(listener), { now: () => at });
  assert.equal((await recordsOf()).length, 1);
  for (const event of [started(), done(), finished()]) {
    witness.note(event);
    // as long as an action takes, so that the start is not overtaken
    if (event.event === "started")
      while (listener.heard.length < 2) await new Promise((go) => setTimeout(go, 5));
  }
  await end(0);
  assert.deepEqual(shorts(listener), [
    "check",
    "check/start",
    "people: devbackup: backup of dev@2026-03 begins",
    "people: devbackup: dev@2026-03 backed up (0 s)",
  ]);
  assert.equal(
    new Set(listener.heard.filter(({ url }) => url.includes("rid=")).map(({ url }) => url.split("rid=")[1]))
      .size,
    1,
  );
  assert.deepEqual(await recordsOf(), []);
});

test("nothing to do: monitors see that the run took place, people are left in peace", async (context) => {
  const listener = await listen(context);
  const { witness, end } = await begin(everybody(listener));
  witness.note(idle());
  witness.note(finished());
  await end(0);
  assert.deepEqual(shorts(listener).at(0), "check");
  assert.ok(shorts(listener).every((each) => each.startsWith("check")));
});

test("a part of a backup, and a restore, are no monitor's business; who says no or presses Ctrl-C is told nothing", async (context) => {
  const listener = await listen(context);
  const part = await begin(everybody(listener), { whole: false });
  part.witness.note(started());
  part.witness.note(done());
  part.witness.note(finished());
  await part.end(0);
  assert.match(shorts(listener).at(-1) ?? "", /^people: devbackup: dev@2026-03 backed up/);
  assert.ok(shorts(listener).every((each) => each.startsWith("people")));
  listener.heard.length = 0;
  await (await begin(everybody(listener), { byHand: true })).end(0);
  await (await begin(everybody(listener), { byHand: true })).end(130);
  assert.deepEqual(listener.heard, []);
  await (await begin(everybody(listener))).end(130);
  assert.ok(shorts(listener).includes("people: devbackup: backup was interrupted"));
});

test("what a run throws before there is a plan is told, and again only after a day, or by hand", async (context) => {
  const listener = await listen(context);
  const day = Date.parse("2026-03-01T03:00:00Z");
  const at = async (
    hours: number,
    end: number | Error,
    byHand = false,
    ...events: ApplyEvent[]
  ): Promise<string[]> => {
    listener.heard.length = 0;
    const run = await begin(everybody(listener), { now: () => new Date(day + hours * 3_600_000), byHand });
    for (const event of events) run.witness.note(event);
    await run.end(end);
    return shorts(listener).filter((each) => each !== "check/start");
  };
  const failed = "people: devbackup: backup failed: ws cannot be reached";
  assert.deepEqual(await at(0, asleep()), ["check/fail", failed]);
  assert.deepEqual(await at(0.25, asleep()), ["check/fail"]);
  assert.deepEqual(await at(1, asleep(), true), ["check/fail", failed]);
  assert.deepEqual(await at(23.5, asleep()), ["check/fail", failed]);
  assert.deepEqual(await at(24, new Error("another")), [
    "check/fail",
    "people: devbackup: backup failed: a defect of devbackup ended the run",
  ]);
  // and that it is well again, although this run had nothing to do
  assert.deepEqual(await at(25, 0, false, idle(), finished()), ["check", "people: devbackup: nothing to do"]);
  assert.deepEqual(await at(26, 0, false, idle(), finished()), ["check"]);
  assert.deepEqual(await at(27, asleep()), ["check/fail", failed]);
});

test("a way that fails is warned of by its name, and holds up nothing for ever", async (context) => {
  const [silent, fine] = [await listen(context, null), await listen(context)];
  const warnings: string[] = [];
  const ways: NotifySpec[] = [...everybody(silent), ...everybody(fine)];
  const run = await begin(ways, { warn: (text) => warnings.push(text) });
  run.witness.note(started());
  await run.end(asleep());
  assert.deepEqual(warnings, [
    "notify.0 (ntfy): the message did not arrive: no answer within 1 s",
    "notify.1 (healthchecks): the message did not arrive: no answer within 1 s",
  ]);
  assert.ok(shorts(fine).includes("check/fail"));
});

test("where no record can be written, the run goes on, and that is said", async (context) => {
  const listener = await listen(context);
  await writeFile(join(home, "file"), "");
  const warnings: string[] = [];
  const run = await begin(everybody(listener), {
    runs: openRuns({ home: join(home, "file"), env: {} }),
    warn: (text) => warnings.push(text),
  });
  await run.end(asleep());
  assert.match(
    warnings.join(),
    /^\S+\.json can't be written \(ENOTDIR\): were this run killed, nobody would be told$/,
  );
  assert.ok(shorts(listener).includes("check/fail"));
});

/** A real process, in the middle of a run, that SIGKILL ends. */
async function killed(context: TestContext, listener: Listener): Promise<void> {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", join(import.meta.dirname, "dies.ts"), home, `${listener.url}/people`, ...FILES],
    { env: { ...process.env, INVOCATION_ID: UNIT }, stdio: ["ignore", "pipe", "inherit"] },
  );
  context.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

const afterwards = (
  ways: readonly NotifySpec[],
  env: NodeJS.ProcessEnv,
  some: Partial<AfterRunOptions> = {},
) =>
  afterRun({
    ways,
    runs,
    files: FILES,
    datasets: ["dev"],
    times: TIMES,
    now: new Date(),
    who: "root@ls",
    command: "devbackup apply",
    secretEnv: {},
    env: { INVOCATION_ID: UNIT, ...env },
    ...some,
  });
/** What systemd says of a main process that SIGKILL ended (systemd.exec(5)). */
const SIGKILLED = { SERVICE_RESULT: "signal", EXIT_CODE: "killed", EXIT_STATUS: "KILL" };

test("a run that was killed is told of by what systemd starts behind it, once", async (context) => {
  const listener = await listen(context);
  await killed(context, listener);
  const textfile = join(home, "devbackup.prom") as AbsolutePath;
  const ways: NotifySpec[] = [
    ...everybody(listener),
    { on: OCCASIONS, way: { kind: "prometheus", file: textfile } },
  ];
  await afterwards(ways, SIGKILLED);
  assert.deepEqual(shorts(listener), [
    "check/fail",
    "people: devbackup: backup died: it was killed by SIGKILL",
  ]);
  assert.match(
    listener.heard.find(({ url }) => url.startsWith("/people"))?.body ?? "",
    /begun \S+; it did not tell/,
  );
  assert.match(await readFile(textfile, "utf8"), /^devbackup_last_exit_code 137$/m);
  assert.deepEqual(await recordsOf(), []);
  listener.heard.length = 0;
  await (await begin(everybody(listener), { byHand: true })).end(0);
  assert.deepEqual(listener.heard, []);
});

test("a run that was killed where nobody looked is told of by the next one, and no other desired state's", async (context) => {
  const listener = await listen(context);
  await killed(context, listener);
  await (await begin(everybody(listener), { byHand: true, files: ["/another.yaml"] })).end(0);
  assert.deepEqual(listener.heard, []);
  await (await begin(everybody(listener), { byHand: true })).end(0);
  assert.deepEqual(shorts(listener), [
    "check/fail",
    "people: devbackup: backup died: it never ended; it was killed, or the machine went down",
  ]);
  listener.heard.length = 0;
  await (await begin(everybody(listener), { byHand: true })).end(0);
  assert.deepEqual(listener.heard, []);
});

test("a run that goes on is not taken for a dead one", async (context) => {
  const listener = await listen(context);
  const going = await begin(everybody(listener));
  await (await begin(everybody(listener), { byHand: true })).end(0);
  assert.deepEqual(listener.heard, []);
  await going.end(130);
});

test("a run that told its end itself is not told of again, whatever it ended with", async (context) => {
  const listener = await listen(context);
  await (await begin(everybody(listener), { env: { INVOCATION_ID: UNIT } })).end(asleep());
  listener.heard.length = 0;
  // another one that begins in between leaves what the unit will ask for
  await (await begin(everybody(listener), { byHand: true })).end(0);
  assert.deepEqual(
    await afterwards(everybody(listener), {
      SERVICE_RESULT: "exit-code",
      EXIT_CODE: "exited",
      EXIT_STATUS: "4",
    }),
    [],
  );
  assert.deepEqual(
    await afterwards(everybody(listener), {
      SERVICE_RESULT: "success",
      EXIT_CODE: "exited",
      EXIT_STATUS: "0",
    }),
    [],
  );
  assert.deepEqual(listener.heard, []);
  assert.deepEqual(await recordsOf(), []);
});

for (const { env, says } of [
  {
    env: { SERVICE_RESULT: "oom-kill", EXIT_CODE: "killed", EXIT_STATUS: "KILL" },
    says: /ran out of memory/,
  },
  {
    env: { SERVICE_RESULT: "timeout", EXIT_CODE: "killed", EXIT_STATUS: "TERM" },
    says: /longer than its unit allows/,
  },
  {
    env: { SERVICE_RESULT: "exit-code", EXIT_CODE: "exited", EXIT_STATUS: "203" },
    says: /ended with exit code 203/,
  },
  { env: { SERVICE_RESULT: "resources" }, says: /systemd calls its end resources/ },
])
  test(`what systemd says of a run that left no record: ${env.SERVICE_RESULT}`, async (context) => {
    const listener = await listen(context);
    await afterwards(everybody(listener), env);
    assert.match(shorts(listener).at(-1) ?? "", says);
  });

const NOBODY: NotifySpec[] = [{ on: OCCASIONS, way: { kind: "ntfy", url: "http://127.0.0.1:9/people" } }];

test("a message that reached nobody is told by the next run that does", async (context) => {
  const listener = await listen(context);
  const people: NotifySpec[] = [{ on: OCCASIONS, way: { kind: "ntfy", url: `${listener.url}/people` } }];
  const at = (ways: readonly NotifySpec[], hour: number) =>
    begin(ways, { now: () => new Date(Date.UTC(2026, 2, 1, hour)), warn: () => undefined });
  const id = crypto.randomUUID();
  await runs.write({
    id,
    what: "apply",
    command: "devbackup apply",
    who: "root@ls",
    whole: true,
    files: FILES,
    begunAt: "2026-03-01T02:00:00Z",
    invocation: null,
    exitCode: null,
    process: { pid: 1, bootId: "another-boot", startedAt: "1" },
  });
  await (await at(NOBODY, 3)).end(asleep());
  await (await at(people, 4)).end(asleep());
  await (await at(people, 5)).end(asleep());
  const titles = shorts(listener);
  assert.equal(titles.length, 2, titles.join("\n"));
  assert.match(titles.join("\n"), /died[\s\S]*ws cannot be reached|ws cannot be reached[\s\S]*died/);
  assert.deepEqual(await recordsOf(), []);
});

test("a monitor that heard of it stands in for nobody: people are told as soon as they can be", async (context) => {
  const listener = await listen(context);
  const monitors: NotifySpec[] = [
    { on: OCCASIONS, way: { kind: "prometheus", file: join(home, "stands-in.prom") as AbsolutePath } },
    { on: OCCASIONS, way: { kind: "healthchecks", url: `${listener.url}/check` } },
  ];
  const people: NotifySpec[] = [{ on: OCCASIONS, way: { kind: "ntfy", url: `${listener.url}/people` } }];
  const at = async (hour: number, ways: readonly NotifySpec[], end: number | Error): Promise<string[]> => {
    listener.heard.length = 0;
    const now = () => new Date(Date.UTC(2026, 2, 1, hour));
    const run = await begin([...monitors, ...ways], { now, warn: () => undefined });
    for (const event of typeof end === "number" ? [idle(), finished()] : []) run.witness.note(event);
    await run.end(end);
    return shorts(listener).filter((each) => each.startsWith("people"));
  };
  await at(3, NOBODY, asleep());
  assert.deepEqual(await at(4, people, asleep()), ["people: devbackup: backup failed: ws cannot be reached"]);
  await at(5, NOBODY, 0);
  assert.deepEqual(await at(6, people, 0), ["people: devbackup: nothing to do"], "that it is over, too");
  // where there are monitors alone, they are who is told
  await at(7, [], asleep());
  assert.notEqual(await runs.lastWrong(FILES, "apply"), null);

  await killed(context, listener);
  await afterwards([...monitors, ...NOBODY], SIGKILLED);
  assert.equal((await recordsOf()).length, 1, "a run that was killed is kept for the next one to tell");
  await afterwards([...monitors, ...people], SIGKILLED);
  assert.deepEqual(await recordsOf(), []);
});

test("another thing that goes wrong is told, though as many are as before", async (context) => {
  const listener = await listen(context);
  const people: NotifySpec[] = [{ on: OCCASIONS, way: { kind: "ntfy", url: `${listener.url}/people` } }];
  const run = async (hour: number, code: Code) => {
    const now = () => new Date(Date.UTC(2026, 2, 1, hour));
    const { witness, end } = await begin(people, { now });
    witness.note(idle());
    const warning = { code, host: null, dataset: null, text: `it is so at ${hour}` };
    witness.note({
      event: "finished",
      result: "done",
      done: 0,
      durationMs: 1,
      remaining: [],
      warnings: [warning],
    });
    await end(0);
  };
  await run(3, "clock-skew");
  await run(4, "clock-skew");
  assert.equal(listener.heard.length, 1);
  await run(5, "artifact-lost");
  assert.equal(listener.heard.length, 2);
});

test("that something is over is told by a run of the kind that told of it", async (context) => {
  const listener = await listen(context);
  const told = async (what: "apply" | "verify" | "drill", end: number | Error): Promise<string[]> => {
    listener.heard.length = 0;
    const { witness, end: tell } = await begin(everybody(listener), {
      run: { what, command: `devbackup ${what}`, who: "root@ls" },
      whole: false,
    });
    if (what === "apply" && typeof end === "number")
      for (const each of [idle(), finished()]) witness.note(each);
    await tell(end);
    return shorts(listener);
  };
  const failed = ["people: devbackup: drill failed: ws cannot be reached"];
  assert.deepEqual(await told("drill", asleep()), failed);
  assert.deepEqual(await told("apply", 0), [], "an apply with nothing to do is no drill that went well");
  assert.deepEqual(await told("drill", asleep()), [], "nor is what was told forgotten by it");
  assert.deepEqual(await told("apply", asleep()), ["people: devbackup: backup failed: ws cannot be reached"]);
  assert.deepEqual(await told("drill", 0), ["people: devbackup: drill"]);
  assert.deepEqual(await told("verify", 0), ["people: devbackup: verify"]);
  assert.deepEqual(await told("apply", asleep()), []);
  assert.deepEqual(await told("apply", 0), ["people: devbackup: nothing to do"]);
});

test("what is lost everywhere is no success to a monitor, though the run went well", async (context) => {
  const listener = await listen(context);
  const { witness, end } = await begin(everybody(listener));
  witness.note(idle());
  const lost: Warning = { code: "artifact-lost", host: null, dataset: null, text: "it is nowhere" };
  witness.note({
    event: "finished",
    result: "nothing-to-do",
    done: 0,
    durationMs: 1,
    remaining: [],
    warnings: [lost],
  });
  await end(0);
  assert.deepEqual(
    shorts(listener).filter((each) => each !== "check/start"),
    ["check/fail", "people: devbackup: nothing to do; 1 warning"],
  );
});

test("monitors count the warnings that somebody has to see to, and no advice", async () => {
  const file = join(home, "counted.prom") as AbsolutePath;
  const { witness, end } = await begin([{ on: OCCASIONS, way: { kind: "prometheus", file } }]);
  const warnings = (["no-cloud", "clock-skew", "no-escrow"] as const).map((code) => ({
    code,
    host: null,
    dataset: null,
    text: "it is so",
  }));
  witness.note(idle());
  witness.note({
    event: "finished",
    result: "nothing-to-do",
    done: 0,
    durationMs: 1,
    remaining: [],
    warnings,
  });
  await end(0);
  assert.match(await readFile(file, "utf8"), /^devbackup_warnings 1$/m);
});
