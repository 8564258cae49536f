import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Argv, DesiredState } from "../../src/desired-state/desired-state.ts";
import type { Label } from "../../src/domain/label.ts";
import {
  afterApplyOf,
  HOOK_RESULTS,
  type HookResult,
  runAfterApplyHook,
} from "../../src/reconcilers/hooks/after-apply.ts";
import { marked } from "../../src/transport/bootstrap.ts";
import type { Host } from "../../src/transport/host.ts";
import { counted } from "../../src/transport/scripted-host.ts";
import { desired } from "../reconcilers/world.ts";
import { type Installed, install } from "./installed.ts";

const noRoot = process.getuid?.() !== 0 ? "needs root: the hook is run by it" : false;

const declaring = (afterApply: Argv): DesiredState => {
  const state = desired();
  return {
    ...state,
    datasets: state.datasets.map((spec) => ({ ...spec, hooks: { ...spec.hooks, afterApply } })),
  };
};

describe("after_apply through a restricted login", { skip: noRoot }, () => {
  const folder = mkdtempSync("/tmp/restricted-hook-");
  const log = join(folder, "log");
  const hook: Argv = [
    "sh",
    "-c",
    'echo "$DEVBACKUP_LABEL $DEVBACKUP_RESULT $1" >>"$0"',
    log,
    "it's\n$(id) *",
  ];
  let installed: Installed;
  before(async () => {
    installed = await install(declaring(hook), "add-only", ["sh"]);
  });
  after(() => {
    installed.remove();
    rmSync(folder, { recursive: true });
  });

  /** What the filter makes of the script that an apply issues. */
  const issue = async (argv: Argv, label: string, result: string): Promise<string | undefined> => {
    const [spec = assert.fail()] = declaring(argv).datasets;
    let refused: string | undefined;
    const server = {
      name: spec.server,
      run: async (script: string) => {
        const sent = installed.send(marked(counted(script, 0)));
        refused = sent.refused;
        return { ...sent, exitCode: sent.exitCode ?? 1 };
      },
    };
    const declared = afterApplyOf(spec, label as Label, result as HookResult) ?? assert.fail();
    const failure = await runAfterApplyHook(
      server as unknown as Host,
      spec,
      declared,
      new AbortController().signal,
    );
    assert.equal(failure === null, refused === undefined);
    return refused;
  };

  test("the declared one is run, with any label and result", async () => {
    for (const result of HOOK_RESULTS) assert.equal(await issue(hook, "2026-03", result), undefined);
    assert.equal(await issue(hook, "2031-12", "done"), undefined);
    const said = [...HOOK_RESULTS.map((result) => `2026-03 ${result}`), "2031-12 done"];
    assert.equal(readFileSync(log, "utf8"), said.map((begin) => `${begin} it's\n$(id) *\n`).join(""));
  });

  for (const [name, argv, label, result] of [
    ["another program", ["sh", "-c", "id"], "2026-03", "done"],
    ["another argument", [...hook.slice(0, -1), "x"] as unknown as Argv, "2026-03", "done"],
    ["one more argument", [...hook, "x"] as const, "2026-03", "done"],
    ["a label that is none", hook, "$(id)", "done"],
    ["a result that is none", hook, "2026-03", "$(id)"],
  ] as const satisfies readonly (readonly [string, Argv, string, string])[])
    test(`${name} is refused`, async () => {
      assert.match((await issue(argv, label, result)) ?? "", /no such script is allowed/);
    });
});
