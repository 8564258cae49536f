import assert from "node:assert/strict";
import { test } from "node:test";
import { apply } from "../../src/apply/apply.ts";
import type { ApplyEvent } from "../../src/apply/events.ts";
import type { Argv, DatasetSpec } from "../../src/desired-state/desired-state.ts";
import type { Label } from "../../src/domain/label.ts";
import type { DatasetName, HostName } from "../../src/domain/names.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import type { DatasetFacts } from "../../src/reconcilers/facts.ts";
import type { Host } from "../../src/transport/host.ts";
import { lookAt, remembered, settled, taken } from "../reconcilers/world.ts";

const ROWS = "2026-01 full 100";
const LABEL = "2026-02" as Label;
const OTHER = "other" as DatasetName;

/** Two datasets that want a snapshot; `answers` says how a script ends, and what it prints. */
async function run(
  hooks: Partial<DatasetSpec["hooks"]>,
  answers: (script: string) => readonly [number, string],
) {
  const { desired, observed, request } = lookAt({ rows: ROWS, target: LABEL, cloud: false });
  const [first = assert.fail()] = desired.datasets;
  const dev = { ...first, hooks: { ...first.hooks, ...hooks } };
  const other = { ...dev, name: OTHER };
  const state = { ...desired, datasets: [dev, other] };
  const asked = {
    ...request,
    labels: new Map([dev, other].map(({ name }) => [name, LABEL])),
    selection: { host: null, stages: ["snapshot" as const] },
  };
  const { facts } = settled(ROWS, false);
  const done = new Set<DatasetName>();
  const factsOf = ({ name }: DatasetSpec): DatasetFacts =>
    done.has(name)
      ? { ...facts, snapshots: takenAs(name, "2026-01", LABEL) }
      : { ...facts, snapshots: takenAs(name, "2026-01") };
  const look = async () => ({
    ...observed,
    datasets: new Map([dev, other].map((spec) => [spec.name, factsOf(spec)])),
    memory: new Map([dev, other].map(({ name }) => [name, remembered()])),
  });
  const scripts: string[] = [];
  const host = (name: HostName): Host => ({
    name,
    run: async (script) => {
      scripts.push(script);
      const [exitCode, stdout] = answers(script);
      if (exitCode === 0 && script.includes("subvolume snapshot"))
        done.add(script.includes("other@") ? OTHER : dev.name);
      return { exitCode, stdout, stderr: "" };
    },
    start: async () => ({
      firstLine: Promise.resolve("held"),
      ended: Promise.resolve({ exitCode: 0, stdout: "held\n", stderr: "" }),
      alive: () => true,
      silentMs: () => 0,
      stop: async () => {},
    }),
    shellArgv: () => ["sh"],
    close: async () => {},
  });
  const told: ApplyEvent[] = [];
  const nothing = () => Promise.reject(new RangeError("nothing here asks for that"));
  const exitCode = await apply({
    desired: state,
    request: asked,
    plan: planFrom(state, await look(), asked),
    saved: false,
    look,
    approval: { all: false, named: new Set() },
    command: "devbackup apply --yes",
    planCommand: "devbackup plan",
    holder: { who: "dev@ws", pid: 1, since: "2026-06-01T00:00:00Z" },
    host: async (name) => host(name),
    bucket: nothing,
    escrow: nothing,
    trust: async () => {},
    keepEscrow: async () => {},
    emit: (event) => told.push(event),
    now: () => new Date("2026-06-01T00:00:00Z"),
    signal: new AbortController().signal,
  });
  return { exitCode, events: told.flatMap(ending), told, scripts };
}

const takenAs = (name: DatasetName, ...labels: string[]): DatasetFacts["snapshots"] => {
  const folder = taken(...labels);
  if (folder.kind !== "known") return folder;
  const entries = [...folder.value.entries].map(
    ([at, entry]) => [at.replace("dev@", `${name}@`), entry] as const,
  );
  return { ...folder, value: { ...folder.value, entries: new Map(entries) } };
};

function ending(event: ApplyEvent): string[] {
  switch (event.event) {
    case "action-done":
      return [`${event.id} done`];
    case "action-failed":
      return [`${event.id} ${event.trouble.code}`];
    case "trouble":
      return [`${event.dataset}: ${event.trouble.what}`];
    case "finished":
      return [event.result];
    default:
      return [];
  }
}

/** Those that run after_apply, without their quotes. */
const behindIn = (scripts: readonly string[]): string[] =>
  scripts
    .filter((script) => script.includes("hook after_apply"))
    .map((script) => script.replace(/['\\]/g, ""));

const HOOK: Argv = ["quiesce"];
const failing = (where: string, name: string, exitCode: number) => (script: string) =>
  script.includes(name) && script.includes(where)
    ? ([exitCode, `${name} 3\n| no\n\n`] as const)
    : ([0, ""] as const);

test("a before_snapshot that fails stops the backup of its dataset alone", async () => {
  const { exitCode, events } = await run(
    { beforeSnapshot: HOOK },
    failing("DEVBACKUP_DATASET=dev", "before_snapshot", 1),
  );
  assert.deepEqual(events, ["snapshot:dev@2026-02 hook-failed", "snapshot:other@2026-02 done", "failed"]);
  assert.equal(exitCode, 1);
});

test("an after_snapshot that fails leaves nothing undone, and is not silent", async () => {
  const { exitCode, events, told } = await run(
    { afterSnapshot: HOOK },
    failing("DEVBACKUP_DATASET=dev", "after_snapshot", 0),
  );
  assert.deepEqual(events, [
    "dev: after_snapshot of dev ended with exit code 3",
    "snapshot:dev@2026-02 done",
    "snapshot:other@2026-02 done",
    "done",
  ]);
  assert.equal(exitCode, 1);
  const done = told.find((event) => event.event === "action-done");
  assert.equal(done?.event === "action-done" && done.outcome, "after_snapshot ended with exit code 3");
});

test("after_apply is run for each dataset of which something was done, and what it says is not lost", async () => {
  const answers = failing("DEVBACKUP_DATASET=other", "after_apply", 1);
  const { exitCode, events, scripts, told } = await run({ afterApply: HOOK }, answers);
  assert.deepEqual(events, [
    "snapshot:dev@2026-02 done",
    "snapshot:other@2026-02 done",
    "other: after_apply of other ended with exit code 3",
    "done",
  ]);
  assert.equal(exitCode, 1);
  const hooks = behindIn(scripts);
  assert.equal(hooks.length, 2);
  for (const script of hooks)
    assert.match(script, /DEVBACKUP_LABEL=2026-02 DEVBACKUP_RESULT=done timeout -k 10 600 quiesce/);
  const trouble = told.find((event) => event.event === "trouble");
  assert.match(
    trouble?.event === "trouble" ? (trouble.trouble.next ?? "") : "",
    /^on ls, as root: cd \/ && DEVBACKUP_DATASET=other .* quiesce$/,
  );
});

test("after_apply is not run for a dataset of which nothing was done, and hears how the apply ended", async () => {
  const hooks = { beforeSnapshot: HOOK, afterApply: HOOK };
  const { scripts } = await run(hooks, failing("DEVBACKUP_DATASET=dev", "before_snapshot", 1));
  const behind = behindIn(scripts);
  assert.deepEqual(
    behind.map(
      (script) => /DEVBACKUP_DATASET=\S+ DEVBACKUP_LABEL=\S+ DEVBACKUP_RESULT=\S+/.exec(script)?.[0],
    ),
    ["DEVBACKUP_DATASET=other DEVBACKUP_LABEL=2026-02 DEVBACKUP_RESULT=failed"],
  );
});
