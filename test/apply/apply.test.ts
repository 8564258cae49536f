import assert from "node:assert/strict";
import { test } from "node:test";
import { apply } from "../../src/apply/apply.ts";
import type { ApplyEvent } from "../../src/apply/events.ts";
import { known, unknown } from "../../src/domain/fact.ts";
import type { HostName } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import type { DatasetFacts } from "../../src/reconcilers/facts.ts";
import type { Host, RunResult } from "../../src/transport/host.ts";
import { lookAt, planOf, SRV, settled } from "../reconcilers/world.ts";

const ROWS = "2026-01 full 100, 2026-02 incr 10";
const { facts } = settled(ROWS);
const folders = facts.serverLayout.kind === "known" ? facts.serverLayout.value.present : assert.fail();
const source = facts.source.kind === "known" ? facts.source.value : assert.fail();

/** Two things to mend that have nothing to do with each other: `layout:ls/dev`, then `manifest:dev`. */
const BOTH: Partial<DatasetFacts> = {
  serverLayout: known({ place: SRV, present: new Map([...folders, ["/srv/dev", "755 0 0"]]) }),
  stateEnv: known("LATEST_LABEL=2026-01\n"),
};
const { serverLayout: _, ...ONE } = BOTH;
const DOUBTFUL =
  facts.manifest.kind === "known"
    ? known({ ...facts.manifest.value, signature: "wrong" as const })
    : assert.fail();
const LOST = new DevbackupError({
  code: "link-lost",
  exitCode: 4,
  what: "the link is gone",
  host: "ls" as HostName,
});

type Look = Partial<DatasetFacts> | DevbackupError;
interface Row {
  readonly name: string;
  /** What each look finds, in turn: the first is under the lock, and each action has one behind it. */
  readonly looks: readonly Look[];
  readonly exitCode: number;
  readonly result: string;
  readonly events: readonly string[];
  readonly unseen?: readonly string[];
  /** Scripts that exit 1, by something that stands in them. */
  readonly fails?: RegExp;
  readonly abortAt?: RegExp;
}

const rows: readonly Row[] = [
  {
    name: "all is done, and looked at once more",
    looks: [BOTH, ONE, {}, {}],
    exitCode: 0,
    result: "done",
    events: ["layout:ls/dev done", "manifest:dev done"],
  },
  {
    name: "what an earlier run has ended meanwhile is done already",
    looks: [ONE, ONE, {}, {}],
    fails: /chmod 750/,
    exitCode: 0,
    result: "done",
    events: ["layout:ls/dev done", "manifest:dev done"],
  },
  {
    name: "a problem that comes up on the way stops the rest: nested subvolumes are seen once btrfs-progs is there",
    looks: [BOTH, { ...ONE, source: known({ ...source, holes: ["docker"] }) }],
    exitCode: 5,
    result: "failed",
    events: ["layout:ls/dev done", "manifest:dev blocked"],
    unseen: ["dev: inside /home/dev/code lie 1 subvolume or mount that a snapshot leaves out: docker"],
  },
  {
    name: "what can't be looked at is not taken for done",
    looks: [BOTH, { ...ONE, manifest: unknown("input/output error") }],
    exitCode: 5,
    result: "failed",
    events: ["layout:ls/dev done", "manifest:dev blocked"],
    unseen: ["dev: the manifest could not be looked at: input/output error"],
  },
  {
    name: "a manifest that comes in doubt on the way is not built on",
    looks: [BOTH, { ...ONE, manifest: DOUBTFUL }],
    exitCode: 5,
    result: "failed",
    events: ["layout:ls/dev done", "manifest:dev drift"],
  },
  {
    name: "nothing is verified while the second plan has a problem",
    looks: [BOTH, ONE, {}, { key: unknown("input/output error") }],
    exitCode: 1,
    result: "left-undone",
    events: ["layout:ls/dev done", "manifest:dev done"],
    unseen: ["dev: the keys could not be looked at: input/output error"],
  },
  {
    name: "what the second plan finds anew is left undone",
    looks: [BOTH, ONE, {}, ONE],
    exitCode: 1,
    result: "left-undone",
    events: ["layout:ls/dev done", "manifest:dev done"],
  },
  {
    name: "why the second plan could not be made is told",
    looks: [BOTH, ONE, {}, LOST],
    exitCode: 1,
    result: "failed",
    events: ["layout:ls/dev done", "manifest:dev done"],
    unseen: ["ls: the link is gone"],
  },
  {
    name: "a host that is lost after a failure ends the run",
    looks: [BOTH, LOST, {}],
    fails: /chmod 750/,
    exitCode: 1,
    result: "failed",
    events: ["layout:ls/dev layout-failed", "manifest:dev skipped: failed-before"],
  },
  {
    name: "a failure alone stops only what depends on it",
    looks: [BOTH, BOTH, { serverLayout: BOTH.serverLayout ?? assert.fail() }],
    fails: /chmod 750/,
    exitCode: 1,
    result: "failed",
    events: ["layout:ls/dev layout-failed", "manifest:dev done"],
  },
  {
    name: "Ctrl-C while a short action runs: it is finished, and the rest is interrupted",
    looks: [BOTH, ONE],
    abortAt: /chmod 750/,
    exitCode: 130,
    result: "interrupted",
    events: ["layout:ls/dev done", "manifest:dev skipped: interrupted"],
  },
];

for (const { name, looks, exitCode, result, events, unseen, fails, abortAt } of rows)
  test(name, async () => {
    const { desired, request } = lookAt({ rows: ROWS, target: "2026-02" });
    const told: ApplyEvent[] = [];
    const controller = new AbortController();
    const queue = [...looks];
    let last = looks[0] ?? {};
    const code = await apply({
      desired,
      request,
      plan: planOf({ rows: ROWS, target: "2026-02", change: BOTH }),
      saved: false,
      approval: { all: false, named: new Set() },
      command: "devbackup apply",
      planCommand: "devbackup plan",
      holder: { who: "dev@ws", pid: 1, since: "2026-06-01T00:00:00Z" },
      host: async (host) =>
        answering(host, (script) => {
          if (abortAt?.test(script)) controller.abort(new Error("interrupted"));
          return fails?.test(script) ? 1 : 0;
        }),
      bucket: () => Promise.reject(new RangeError("nothing here goes to the bucket")),
      escrow: () => Promise.reject(new RangeError("nothing here opens the escrow")),
      trust: async () => {},
      keepEscrow: async () => {},
      look: async () => {
        last = queue.shift() ?? last;
        if (last instanceof DevbackupError) throw last;
        return lookAt({ rows: ROWS, target: "2026-02", change: last }).observed;
      },
      emit: (event) => told.push(event),
      now: () => new Date("2026-06-01T00:00:00Z"),
      signal: controller.signal,
    });
    assert.equal(code, exitCode);
    assert.deepEqual(told.flatMap(ending), events);
    const end = told.at(-1);
    if (end?.event !== "finished") assert.fail("no end");
    assert.equal(end.result, result);
    assert.deepEqual(end.unseen, unseen);
  });

function ending(event: ApplyEvent): string[] {
  switch (event.event) {
    case "action-done":
      return [`${event.id} done`];
    case "action-failed":
      return [`${event.id} ${event.trouble.code}`];
    case "action-skipped":
      return [`${event.id} skipped: ${event.because}`];
    default:
      return [];
  }
}

/** A host whose scripts do nothing but end with `exitCodeOf` them: what is there is told by the looks. */
function answering(name: HostName, exitCodeOf: (script: string) => number): Host {
  const ended: RunResult = { exitCode: 0, stdout: "held\n", stderr: "" };
  return {
    name,
    run: async (script) => ({ exitCode: exitCodeOf(script), stdout: "", stderr: "" }),
    start: async () => ({
      firstLine: Promise.resolve("held"),
      ended: Promise.resolve(ended),
      alive: () => true,
      silentMs: () => 0,
      stop: async () => {},
    }),
    shellArgv: () => ["sh"],
    close: async () => {},
  };
}
