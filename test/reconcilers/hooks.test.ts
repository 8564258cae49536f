import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { Argv } from "../../src/desired-state/desired-state.ts";
import type { AbsolutePath, DatasetName, HostName } from "../../src/domain/names.ts";
import type { DevbackupError } from "../../src/domain/trouble.ts";
import { type Around, takeBetween } from "../../src/reconcilers/hooks/around-snapshot.ts";
import type { Hook } from "../../src/reconcilers/hooks/hook.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { processesWith, until } from "../transport/processes.ts";
import { troubleOf } from "../transport/trouble.ts";

const noRoot = process.getuid?.() !== 0 ? "needs root: hooks are run by root, in /run" : false;
const host = localHost({ name: "ws" as HostName, become: "none", env: process.env });
let datasets = 0;

interface Case {
  readonly before?: Argv;
  readonly after?: Argv;
  readonly timeoutMs?: number;
  /** Lines of sh in the place of those that take the snapshot. */
  readonly takes?: string;
}

/** What is run around something that writes `taken` into the folder's `log`, where the hooks write, too. */
function setUp(context: TestContext) {
  const folder = mkdtempSync("/tmp/hooks-");
  // of this process alone: its lock is a file of this machine
  const dataset = `t${process.pid}-${++datasets}` as DatasetName;
  context.after(() => {
    rmSync(folder, { recursive: true });
    rmSync(`/run/devbackup-hooks-${dataset}.lock`, { force: true });
  });
  const at = (name: string) => join(folder, name) as AbsolutePath;
  const says = (word: string): Argv => ["sh", "-c", 'echo "$1" >>"$2"', "sh", word, at("log")];
  const abort = new AbortController();
  const told: DevbackupError[] = [];
  const env = { DEVBACKUP_DATASET: dataset, DEVBACKUP_LABEL: "2026-03", DEVBACKUP_SNAPSHOT: at("snapshot") };
  const take = ({ before, after = says("after"), timeoutMs = 60_000, takes = "" }: Case) => {
    const hook = (name: Hook["name"], argv: Argv | undefined) => argv && { name, argv, timeoutMs, env };
    const around: Around = {
      dataset,
      before: hook("before_snapshot", before) ?? null,
      after: hook("after_snapshot", after) ?? null,
    };
    const script = `${takes}\necho taken >>${at("log")}`;
    const tools = {
      host: () => host,
      signal: abort.signal,
      besides: (error: DevbackupError) => told.push(error),
    };
    return takeBetween(host.name, { snapshot: at("snapshot"), script, around }, tools as unknown as Tools);
  };
  const log = (): string[] =>
    existsSync(at("log")) ? readFileSync(at("log"), "utf8").trim().split("\n") : [];
  return { at, says, take, log, told, abort, env };
}

describe("hooks around a snapshot", { skip: noRoot, concurrency: true }, () => {
  test("one is run before it and one after it, in this order", async (context) => {
    const { take, says, log, told } = setUp(context);
    assert.equal(await take({ before: says("before") }), null);
    assert.deepEqual(log(), ["before", "taken", "after"]);
    assert.deepEqual(told, []);
  });

  test("arguments reach it as they are written, and of the environment nothing but what it is told", async (context) => {
    const { take, at, env: declared } = setUp(context);
    const odd = ["a b", "it's", '"$HOME"', "two\nlines\n", "*", "-n", "ä", "\\", ""];
    const script = 'printf "[%s]" "$@" >"$0.argv"; env >"$0.env"; pwd >"$0.pwd"; cat >"$0.stdin"';
    process.env.R2_SECRET_ACCESS_KEY = "not for hooks";
    context.after(() => delete process.env.R2_SECRET_ACCESS_KEY);
    await take({ before: ["sh", "-c", script, at("said"), ...odd] });
    const said = (what: string) => readFileSync(at(`said.${what}`), "utf8");
    assert.equal(said("argv"), odd.map((word) => `[${word}]`).join(""));
    const { PATH, PWD, _, SHLVL, ...env } = Object.fromEntries(
      said("env")
        .trim()
        .split("\n")
        .map((line) => line.split("=")),
    );
    assert.deepEqual(env, {
      HOME: "/root",
      USER: "root",
      LOGNAME: "root",
      SHELL: "/bin/sh",
      LC_ALL: "C",
      ...declared,
    });
    assert.match(PATH ?? "", /sbin/);
    assert.deepEqual([said("pwd"), said("stdin")], ["/\n", ""]);
  });

  const failing: readonly {
    readonly name: string;
    readonly before: Argv;
    readonly what: RegExp;
    readonly why: RegExp;
  }[] = [
    {
      name: "fails",
      before: ["sh", "-c", "echo begun; echo 'no \u001b[31mdatabase' >&2; exit 3"],
      what: /^before_snapshot of t\S+ ended with exit code 3$/,
      why: /^begun\nno \S*\[31mdatabase$/,
    },
    {
      name: "fails with what a time-out fails with",
      before: ["sh", "-c", "exit 124"],
      what: /ended with exit code 124$/,
      why: /^it said nothing$/,
    },
    {
      name: "is not there",
      before: ["/nowhere/dump"],
      what: /ended with exit code 127 \(not found\)$/,
      why: /\/nowhere\/dump/,
    },
    {
      name: "says more than anyone reads",
      before: ["sh", "-c", "seq 1 2000000; exit 1"],
      what: /ended with exit code 1$/,
      why: /^1999989\n(\d+\n){10}2000000$/,
    },
  ];
  for (const { name, before, what, why } of failing)
    test(`where the first ${name}, nothing is taken, what it has begun is ended, and both are told`, async (context) => {
      const { take, log } = setUp(context);
      const trouble = await troubleOf(take({ before }));
      assert.equal(trouble.code, "hook-failed");
      assert.match(trouble.what, what);
      assert.match(trouble.why ?? "", why);
      assert.match(trouble.state ?? "", /^No snapshot was taken; after_snapshot was run\./);
      assert.match(
        trouble.next ?? "",
        /^on ws, as root: cd \/ && DEVBACKUP_DATASET=.*, then: devbackup apply$/,
      );
      assert.deepEqual(log(), ["after"]);
    });

  test("its time-out ends all that it has started, what does not want to end, too", async (context) => {
    const { take, log, env } = setUp(context);
    const marker = `hook-${env.DEVBACKUP_DATASET}-late`;
    const script = `(trap '' TERM; M=${marker} sleep 600) & M=${marker} sleep 600`;
    const trouble = await troubleOf(take({ before: ["sh", "-c", script], timeoutMs: 1000 }));
    assert.match(trouble.what, /was ended by its time-out, after 1 s \(`hooks.timeout`\)$/);
    assert.deepEqual(log(), ["after"]);
    assert.deepEqual(processesWith(marker), []);
  });

  test("where the snapshot can't be taken, the second is run all the same", async (context) => {
    const { take, says, log } = setUp(context);
    const trouble = await troubleOf(take({ before: says("before"), takes: "echo busy >&2; false" }));
    assert.deepEqual([trouble.code, trouble.why], ["snapshot-failed", "busy"]);
    assert.match(trouble.state ?? "", /after_snapshot was run/);
    assert.deepEqual(log(), ["before", "after"]);
  });

  test("where the second fails, the snapshot stands, and that is told", async (context) => {
    const { take, log, told } = setUp(context);
    assert.equal(
      await take({ after: ["sh", "-c", "echo still frozen; exit 5"] }),
      "after_snapshot ended with exit code 5",
    );
    assert.deepEqual(log(), ["taken"]);
    assert.deepEqual(
      told.map(({ trouble: { code, why } }) => [code, why]),
      [["hook-failed", "still frozen"]],
    );
  });

  test("where both fail, both are told", async (context) => {
    const { take, told } = setUp(context);
    const trouble = await troubleOf(take({ before: ["false"], after: ["sh", "-c", "exit 6"] }));
    assert.match(trouble.state ?? "", /after_snapshot ended with exit code 6, too: .* may stand still/);
    assert.deepEqual(told, []);
  });

  test("what it leaves running on purpose is not waited for", async (context) => {
    const { take, env, log } = setUp(context);
    const marker = `hook-${env.DEVBACKUP_DATASET}-daemon`;
    await take({ before: ["sh", "-c", `M=${marker} sleep 600 & exit 0`] });
    assert.deepEqual(log(), ["taken", "after"]);
    // it holds no lock, either: the next one gets it
    await take({});
    const left = processesWith(marker);
    assert.equal(left.length, 1);
    for (const pid of left) process.kill(pid, "SIGKILL");
  });

  test("Ctrl-C during the first ends it, takes nothing, and runs the second", async (context) => {
    const { take, abort, log, env } = setUp(context);
    const marker = `hook-${env.DEVBACKUP_DATASET}-abort`;
    const taking = take({ before: ["sh", "-c", `M=${marker} sleep 600`] });
    await until(() => processesWith(marker).length > 0);
    abort.abort(new Error("enough"));
    await assert.rejects(taking, /enough/);
    assert.deepEqual([processesWith(marker), log()], [[], ["after"]]);
  });

  test("whoever interrupts it is answered when the second has been run", async (context) => {
    const { take, abort, log, env } = setUp(context);
    const marker = `hook-${env.DEVBACKUP_DATASET}-slow`;
    // longer than another script is given that is told to end
    const slowly = `trap 'sleep 7; exit 0' TERM; M=${marker} sleep 600 & wait`;
    const taking = take({ before: ["sh", "-c", slowly] });
    await until(() => processesWith(marker).length > 0);
    abort.abort(new Error("enough"));
    await assert.rejects(taking, /enough/);
    assert.deepEqual([log(), processesWith(marker)], [["after"], []]);
  });

  test("killed with all of its group, the script still runs the second", async (context) => {
    const { take, log, env } = setUp(context);
    const marker = `hook-${env.DEVBACKUP_DATASET}-killed`;
    const taking = take({ before: ["sh", "-c", `M=${marker} sleep 2`] });
    await until(() => processesWith(marker).length > 0);
    // proc(5): the fourth is the parent, the fifth the group, the sixth the session
    const stat = (pid: number | undefined) =>
      readFileSync(`/proc/${pid}/stat`, "utf8").split(" ").map(Number);
    const guard = stat(processesWith(marker)[0])[5];
    const outer = stat(guard)[3];
    process.kill(-(stat(outer)[4] ?? assert.fail()), "SIGKILL");
    await assert.rejects(taking);
    await until(() => log().includes("after"));
    assert.deepEqual(log(), ["taken", "after"]);
  });

  test("a second run waits for the first one's hooks, and does not take again what they took", async (context) => {
    const { take, says, log, at } = setUp(context);
    const slowly = (word: string): Argv => ["sh", "-c", 'sleep 1; echo "$1" >>"$2"', "sh", word, at("log")];
    const takes = `mkdir ${at("snapshot")}`;
    await Promise.all([
      take({ before: slowly("before"), after: slowly("after"), takes }),
      take({ before: says("before"), takes }),
    ]);
    assert.deepEqual(log(), ["before", "taken", "after"]);
  });

  test("nothing but its lock is left in /run", async (context) => {
    const { take, at } = setUp(context);
    const where = 'exec 3>&1; readlink /proc/self/fd/3 >"$0"; exit 1';
    await troubleOf(take({ before: ["sh", "-c", where, at("where")] }));
    const folder = dirname(readFileSync(at("where"), "utf8"));
    assert.match(folder, /^\/run\/devbackup\./);
    assert.equal(existsSync(folder), false);
  });
});
