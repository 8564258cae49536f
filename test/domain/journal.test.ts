import assert from "node:assert/strict";
import { test } from "node:test";
import { type JournalRun, runsIn } from "../../src/domain/journal.ts";

const line = (at: string, pid: number, entry: object): string =>
  `${JSON.stringify({ ts: `2026-03-01T03:${at}.000Z`, who: "chuck@ws", pid, dataset: "dev", ...entry })}\n`;
const started = (at: string, pid: number, ...actions: string[]) =>
  line(at, pid, { event: "apply-started", actions });
const did = (at: string, pid: number, id: string, result = "done") =>
  line(at, pid, {
    event: "action",
    id,
    summary: "",
    result,
    durationMs: 5000,
    outcome: result === "failed" ? "ls: no room" : null,
  });
/** An earlier devbackup did not note the exit code. */
const finished = (at: string, pid: number, result: string, exitCode?: number) =>
  line(at, pid, { event: "apply-finished", result, durationMs: 60_000, exitCode });

const run = (some: Partial<JournalRun>): JournalRun => ({
  startedAt: "2026-03-01T03:00:00.000Z",
  who: "chuck@ws",
  result: "done",
  durationMs: 60_000,
  planned: 2,
  done: 2,
  failed: null,
  why: null,
  exitCode: null,
  ...some,
});

const rows: readonly { name: string; text: string; runs: readonly JournalRun[] }[] = [
  { name: "nothing", text: "", runs: [] },
  {
    name: "one apply",
    text:
      started("00:00", 1, "a", "b") +
      did("00:10", 1, "a") +
      did("00:20", 1, "b") +
      finished("01:00", 1, "done"),
    runs: [run({})],
  },
  {
    name: "one that failed, and one that told of no end",
    text:
      started("00:00", 1, "a", "b") +
      did("00:10", 1, "a", "failed") +
      finished("01:00", 1, "failed", 6) +
      started("10:00", 2, "a"),
    runs: [
      run({ result: "failed", done: 0, failed: "a", why: "ls: no room", exitCode: 6 }),
      run({ startedAt: "2026-03-01T03:10:00.000Z", result: "open", durationMs: null, planned: 1, done: 0 }),
    ],
  },
  {
    name: "two at once, of two datasets in one journal",
    text:
      started("00:00", 1, "a") +
      started("00:00", 2, "b", "c") +
      finished("01:00", 2, "done") +
      did("01:00", 1, "a"),
    runs: [run({ result: "open", durationMs: null, planned: 1, done: 1 }), run({ done: 0 })],
  },
  {
    name: "a rebuild: actions without an apply",
    text: did("00:05", 1, "rebuild:dev") + did("00:10", 1, "sign:dev", "failed"),
    runs: [
      run({
        result: "failed",
        durationMs: 10_000,
        planned: 2,
        done: 1,
        failed: "sign:dev",
        why: "ls: no room",
      }),
    ],
  },
  {
    name: "a process id that comes again is another run",
    text: started("00:00", 1, "a") + finished("01:00", 1, "done") + did("10:05", 1, "rebuild:dev"),
    runs: [
      run({ planned: 1, done: 0 }),
      run({ startedAt: "2026-03-01T03:10:00.000Z", durationMs: 5000, planned: 1, done: 1 }),
    ],
  },
  {
    name: "what was cut off, and what others wrote, is passed over",
    text: `ed","actions":["a"]}\nnull\n[1]\n{"ts":"yesterday"}\n${started("00:00", 1, "a")}${finished("01:00", 1, "done")}{"ts":"2026-`,
    runs: [run({ planned: 1, done: 0 })],
  },
];

for (const { name, text, runs } of rows) test(`journal: ${name}`, () => assert.deepEqual(runsIn(text), runs));
