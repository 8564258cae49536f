import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openJournal } from "../../src/apply/journal.ts";
import { absent } from "../../src/domain/fact.ts";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { journalFile, journalProbe } from "../../src/reconcilers/machine/journal.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { desired } from "./world.ts";

test("journal: nothing is nothing; of ten years the newest runs are read, whole", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "journal-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const [found = assert.fail()] = desired().datasets;
  const spec = { ...found, repository: folder as AbsolutePath };
  const probe = journalProbe(spec);
  const look = () => probe.parse(execFileSync("sh", ["-euc", probe.script], { encoding: "utf8" }));
  assert.deepEqual(look(), absent);
  mkdirSync(join(folder, "logs"));
  assert.deepEqual(look(), absent);

  const months = Array.from({ length: 120 }, (_, at) =>
    new Date(Date.UTC(2020, at)).toISOString().slice(0, 7),
  );
  const write = (month: string, entry: object) =>
    appendFileSync(
      journalFile(spec, month),
      `${JSON.stringify({ ts: `${month}-01T03:00:00Z`, who: "chuck@ws", pid: 7, dataset: "dev", ...entry })}\n`,
    );
  for (const month of months) {
    const actions = Array.from({ length: 30 }, (_, at) => `upload:dev@${month}-${at}`);
    write(month, { event: "apply-started", actions });
    for (const id of actions)
      write(month, {
        event: "action",
        id,
        summary: "x".repeat(400),
        result: "done",
        durationMs: 1,
        outcome: null,
      });
    write(month, { event: "apply-finished", result: "done", durationMs: 60_000 });
  }
  const runs = look();
  if (runs.kind !== "known") return assert.fail(JSON.stringify(runs));
  // some fifteen of them, since each takes 16 KiB here; the oldest of these may be cut off in its middle
  assert.ok(runs.value.length >= 10 && runs.value.length < 24, String(runs.value.length));
  for (const [back, run] of runs.value.slice(1).toReversed().entries())
    assert.deepEqual(run, {
      startedAt: `${months.at(-1 - back)}-01T03:00:00Z`,
      who: "chuck@ws",
      result: "done",
      durationMs: 60_000,
      planned: 30,
      done: 30,
      failed: null,
      why: null,
      exitCode: null,
    });
});

test("journal: an entry that was cut off spoils no other", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "journal-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const [found = assert.fail()] = desired().datasets;
  const spec = { ...found, repository: folder as AbsolutePath };
  const host = localHost({ name: "ls" as HostName, become: "none", env: process.env });
  const at = new Date("2026-03-01T03:00:00Z");
  const note = openJournal(host, spec, { who: "chuck@ws", pid: 7, since: at.toISOString() }, () => at);
  await note({ event: "apply-started", actions: ["a"] });
  appendFileSync(journalFile(spec, "2026-03"), '{"ts":"2026-03-01T03');
  await note({ event: "apply-finished", result: "done", durationMs: 5 });
  const probe = journalProbe(spec);
  const runs = probe.parse(execFileSync("sh", ["-euc", probe.script], { encoding: "utf8" }));
  assert.ok(runs.kind === "known");
  assert.deepEqual(
    runs.value.map(({ result, durationMs }) => [result, durationMs]),
    [["done", 5]],
  );
});
