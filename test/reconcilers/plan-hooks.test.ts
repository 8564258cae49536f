import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import type { HooksSpec } from "../../src/desired-state/desired-state.ts";
import { known } from "../../src/domain/fact.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import { serverHooksProbe } from "../../src/reconcilers/hooks/programs.ts";
import { planText } from "../../src/report/plan-text.ts";
import { type Case, lookAt } from "./world.ts";

const HOOKS: HooksSpec = {
  beforeSnapshot: ["pg_dumpall", "-f", "/home/dev/code/my dump.sql"],
  afterSnapshot: ["rm", "--", "/home/dev/code/my dump.sql"],
  afterApply: ["tell-the-nas", "it's done"],
  timeoutMs: 60_000,
};

function planWith(hooks: Partial<HooksSpec>, given: Partial<Case>): Plan {
  const { desired, observed, request } = lookAt({ rows: "2026-01 full 100", target: "2026-02", ...given });
  const none: HooksSpec = { beforeSnapshot: null, afterSnapshot: null, afterApply: null, timeoutMs: 60_000 };
  const datasets = desired.datasets.map((spec) => ({ ...spec, hooks: { ...none, ...hooks } }));
  return planFrom({ ...desired, datasets }, observed, request);
}

test("a plan shows what is run around the snapshot and behind it all", () => {
  const text = planText(planWith(HOOKS, {}), { color: false, width: 100, verbose: true });
  assert.match(
    text,
    / {4}no snapshot for 2026-02 yet; ws runs before_snapshot and after_snapshot\n {4}· before: pg_dumpall -f '\/home\/dev\/code\/my dump\.sql'\n {4}· after: rm -- '\/home\/dev\/code\/my dump\.sql'\n/,
  );
  const brief = planText(planWith(HOOKS, {}), { color: false, width: 100, verbose: false });
  assert.match(brief, /; ws runs before_snapshot and after_snapshot\n/);
  assert.doesNotMatch(brief, /pg_dumpall|rm --/);
  for (const either of [text, brief])
    assert.match(either, /^ {2}Behind it, ls runs after_apply of dev: tell-the-nas 'it'\\''s done'$/m);
});

test("what a hook has in it is shown, and never obeyed", () => {
  const plan = planWith({ beforeSnapshot: ["x", "\u001b[2J\n"], afterApply: ["\u001b]0;hi\u0007"] }, {});
  const text = planText(plan, { color: false, width: 100, verbose: true });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not come out
  assert.doesNotMatch(text, /\u001b|\u0007/);
});

test("where only one is declared, only that is told", () => {
  const [snapshot] = planWith({ afterSnapshot: ["true"] }, {}).actions;
  assert.equal(snapshot?.reason, "no snapshot for 2026-02 yet; ws runs after_snapshot");
  assert.deepEqual(snapshot?.details, ["after: true"]);
});

test("nothing is run behind an apply that has nothing to do, nor behind a restore", () => {
  assert.deepEqual(planWith(HOOKS, { target: "2026-01" }).notes, []);
  const restore = { label: "latest", to: null } as const;
  const { notes, actions } = planWith(HOOKS, {
    target: "2026-01",
    restore: restore as never,
    change: { hydrated: known({ place: { fsType: "btrfs" } as never, entries: new Map() }) },
  });
  assert.notEqual(actions.length, 0);
  assert.doesNotMatch(notes.join("\n"), /after_apply/);
});

test("a program that is not there, or not root's alone, is told before anything is run", () => {
  const change = {
    workstationHooks: known(
      new Map([
        ["before_snapshot", "missing"],
        ["after_snapshot", "open"],
      ] as const),
    ),
    serverHooks: known(new Map([["after_apply", "missing"]] as const)),
  };
  const told = (hooks: Partial<HooksSpec>) =>
    planWith(hooks, { change }).warnings.map(({ host, code, text }) => [host, code, text.split(/[.,] /)[0]]);
  assert.deepEqual(told(HOOKS), [
    ["ws", "hook-missing", "the program of before_snapshot is not there: pg_dumpall"],
    ["ws", "hook-open", "after_snapshot runs rm as root"],
    ["ls", "hook-missing", "the program of after_apply is not there: tell-the-nas"],
  ]);
  assert.deepEqual(told({}), []);
});

describe("a look at programs", {
  skip: process.getuid?.() !== 0 ? "needs root: its own files" : false,
}, () => {
  const top = mkdtempSync("/tmp/programs-");
  after(() => rmSync(top, { recursive: true }));
  const at = (path: string) => join(top, path);
  const made = (path: string, uid = 0, mode = 0o755) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), "", { mode });
    chmodSync(at(path), mode);
    chownSync(at(path), uid, 0);
  };
  made("own/program");
  made("own/writable", 0, 0o775);
  made("own/theirs", 1000);
  made("own/not-executable", 0, 0o644);
  made("theirs/program");
  chownSync(at("theirs"), 1000, 0);
  symlinkSync(at("own/program"), at("theirs/link"));
  symlinkSync(at("theirs/program"), at("own/link"));
  made("own/folder/program");
  symlinkSync("folder/../folder", at("own/way"));
  // from here on a path goes through a link of theirs, and comes back to what is root's
  symlinkSync("/mnt/own/folder", at("theirs/turn"));
  symlinkSync("../theirs/turn", at("own/turned"));
  symlinkSync("round", at("own/round"));

  // the folder itself lies in one that is everybody's
  const rows = [
    ["sh", undefined],
    ["/usr/bin/env", undefined],
    ["/nowhere/program", "missing"],
    ["no-such-program", "missing"],
    [at("own/not-executable"), "missing"],
    [at("own/program"), "open"],
    [at("theirs/link"), "open"],
  ] as const;
  for (const [program, says] of rows)
    test(`${program.replace(top, "")}: ${says ?? "root's alone"}`, () =>
      assert.equal(lookAtProgram(program, ""), says));

  // as if it lay in none
  for (const [path, says] of [
    ["own/program", undefined],
    ["own/writable", "open"],
    ["own/theirs", "open"],
    ["theirs/program", "open"],
    ["theirs/link", "open"],
    ["own/link", "open"],
    ["own/way/program", undefined],
    ["own/turned/program", "open"],
    ["own/round/program", "missing"],
  ] as const)
    test(`${path}: ${says ?? "root's alone"}`, () =>
      assert.equal(lookAtProgram(`/mnt/${path}`, `mount --bind ${top} /mnt`), says));
});

/** What the probe makes of it, on this machine, behind `before` in a mount namespace of its own. */
function lookAtProgram(program: string, before: string): "missing" | "open" | undefined {
  const [spec = assert.fail()] = lookAt({ rows: "2026-01 full 100", target: "2026-02" }).desired.datasets;
  const probe = serverHooksProbe({ ...spec, hooks: { ...HOOKS, afterApply: [program, "x"] } });
  const stdout = execFileSync("unshare", ["-m", "sh", "-c", `${before}\n${probe.script}`], {
    encoding: "utf8",
  });
  const fact = probe.parse(stdout);
  return fact.kind === "known" ? fact.value.get("after_apply") : assert.fail();
}
