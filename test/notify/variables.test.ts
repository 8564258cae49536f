import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type DatasetSpec, OCCASIONS } from "../../src/desired-state/desired-state.ts";
import type { AbsolutePath } from "../../src/domain/names.ts";
import { deliver } from "../../src/notify/deliver.ts";
import { afterApplyOf, HOOK_RESULTS } from "../../src/reconcilers/hooks/after-apply.ts";
import { hooksAround } from "../../src/reconcilers/hooks/around-snapshot.ts";
import { dataset, label } from "../report/examples.ts";

const MANUAL = readFileSync(join(import.meta.dirname, "../../docs/manual.md"), "utf8");

/** The variables that a section's table has, with what it says of each. */
function documented(section: string): Map<string, string> {
  const text = MANUAL.split(/^## /m).find((each) => each.startsWith(`${section}\n`)) ?? assert.fail();
  const rows = text.matchAll(/^\| `(DEVBACKUP_[A-Z_]+)` \| (.+) \|$/gm);
  return new Map([...rows].map(([, name = "", says = ""]) => [name, says]));
}

const wordsIn = (says = ""): string[] => [...says.matchAll(/`([a-z-]+)`/g)].map(([, word = ""]) => word);

test("the manual lists the variables of hooks, and what DEVBACKUP_RESULT may be", () => {
  const argv = ["true"] as const;
  const hooks = { beforeSnapshot: argv, afterSnapshot: argv, afterApply: argv, timeoutMs: 1 };
  const spec = { name: dataset("dev"), hooks } as unknown as DatasetSpec;
  const around = hooksAround(spec, label("2026-03"), "/s" as AbsolutePath);
  const all = [around?.before, around?.after, afterApplyOf(spec, label("2026-03"), "done")];
  const names = new Set(all.flatMap((hook) => Object.keys(hook?.env ?? {})));
  const table = documented("Hooks");
  assert.deepEqual([...table.keys()].sort(), [...names].sort());
  assert.deepEqual(
    wordsIn(table.get("DEVBACKUP_RESULT")).filter((word) => word !== "after_apply"),
    [...HOOK_RESULTS],
  );
});

test("the manual lists the variables of notify's command, and the occasions", async () => {
  const folder = await mkdtemp("/tmp/variables-");
  const out = join(folder, "env");
  const message = { occasion: "failure", title: "a title", text: "", exitCode: 4 } as const;
  const news = { message, run: "1", forMonitors: true, forPeople: true, figures: null };
  const argv = ["sh", "-c", 'env >"$0"', out] as const;
  await deliver(news, [{ on: OCCASIONS, way: { kind: "command", argv } }], {
    env: { PATH: process.env.PATH },
    secretEnv: {},
    now: new Date(),
  });
  const names = [...readFileSync(out, "utf8").matchAll(/^(DEVBACKUP_[A-Z_]+)=/gm)].map(([, name]) => name);
  await rm(folder, { recursive: true });
  const table = documented("Notifications");
  assert.deepEqual([...table.keys()].sort(), names.sort());
  assert.deepEqual(wordsIn(table.get("DEVBACKUP_OCCASION")).sort(), [...OCCASIONS].sort());
});
