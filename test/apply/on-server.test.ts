import assert from "node:assert/strict";
import { test } from "node:test";
import { underLock } from "../../src/apply/on-server.ts";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import type { HostName } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import type { Action, Plan } from "../../src/plan/plan.ts";
import type { View } from "../../src/reconcilers/view.ts";
import type { Host } from "../../src/transport/host.ts";
import { desired } from "../reconcilers/world.ts";
import { action, id, notBtrfs } from "../report/examples.ts";

const [spec] = desired().datasets as [DatasetSpec];
const ONE = action({ id: id("import:dev@2026-01") });
const REFUSED = new DevbackupError({ code: "layout-failed", exitCode: 1, what: "it was refused" });

type Planned = Pick<Plan, "actions" | "problems">;
const rows: readonly {
  readonly name: string;
  readonly run?: () => Promise<string | null>;
  /** What is to be done by what is there afterwards. */
  readonly planned?: Partial<Planned>;
  /** What happens to it while the action runs. */
  readonly lock?: "lost" | "interrupted";
  /** Left out: it is done. */
  readonly code?: string;
  readonly entered: readonly [result: string, outcome: RegExp];
}[] = [
  { name: "what is gone is done", entered: ["done", /^1 file$/] },
  {
    name: "what another action is still needed for is done",
    planned: { actions: [action({ id: id("import:dev@2026-02") })] },
    entered: ["done", /^1 file$/],
  },
  {
    name: "what is still there is not done, whatever the run said",
    planned: { actions: [ONE] },
    code: "not-in-effect",
    entered: ["failed", /ran without an error, and what it was to mend is still there/],
  },
  {
    name: "what a problem may hide is not taken for done",
    planned: { problems: [notBtrfs] },
    code: notBtrfs.code,
    entered: ["failed", /after import:dev@2026-01, something new stands in the way/],
  },
  {
    name: "what the run refuses is thrown",
    run: () => Promise.reject(REFUSED),
    code: "layout-failed",
    entered: ["failed", /it was refused/],
  },
  {
    name: "without the lock whatever else went wrong may be another run's doing",
    run: () => Promise.reject(REFUSED),
    lock: "lost",
    code: "lock-lost",
    entered: ["failed", /the lock of dev is gone/],
  },
  {
    name: "what Ctrl-C cut off is entered as that",
    run: () => Promise.reject(REFUSED),
    lock: "interrupted",
    code: "layout-failed",
    entered: ["interrupted", /it was refused/],
  },
];

for (const { name, run = async () => "1 file", planned, lock, code, entered } of rows)
  test(name, async () => {
    const server = fakeServer();
    const controller = new AbortController();
    const told: unknown[] = [];
    const work = underLock(
      {
        spec,
        holder: { who: "dev@ws", pid: 1, since: "2026-06-01T00:00:00Z" },
        host: async () => server.host,
        bucket: never,
        escrow: never,
        trust: never,
        keepEscrow: never,
        lookAgain: async () => ({}) as View,
        told: ({ id: done }: Action, outcome) => told.push([done, outcome]),
        now: () => new Date("2026-06-01T00:00:00Z"),
        signal: controller.signal,
      },
      ({ carryOut }) =>
        carryOut(
          ONE,
          () => {
            if (lock === "lost") server.loseLock();
            if (lock === "interrupted") controller.abort(new Error("interrupted"));
            return run();
          },
          () => ({ actions: [], problems: [], ...planned }),
        ),
    );
    if (code === undefined) await work;
    else
      await assert.rejects(work, (error) => error instanceof DevbackupError && error.trouble.code === code);
    assert.deepEqual(told, code === undefined ? [[ONE.id, "1 file"]] : []);
    const [entry, ...others] = server.journal;
    assert.deepEqual([entry?.id, entry?.result, others], [ONE.id, entered[0], []]);
    assert.match(entry?.outcome ?? "", entered[1]);
    assert.equal(server.released(), true);
  });

const never = () => Promise.reject(new RangeError("nothing here is asked for it"));

/** Its scripts do nothing; what is written to its journal is kept. */
function fakeServer() {
  const journal: { id: string; result: string; outcome: string }[] = [];
  let [alive, stopped] = [true, false];
  const host: Host = {
    name: "ls" as HostName,
    run: async (script, { stdin = "" } = {}) => {
      if (script.includes("/logs")) journal.push(JSON.parse(String(stdin)));
      return { exitCode: 0, stdout: "", stderr: "" };
    },
    start: async () => ({
      firstLine: Promise.resolve("held"),
      ended: Promise.resolve({ exitCode: 0, stdout: "held\n", stderr: "" }),
      alive: () => alive,
      silentMs: () => 0,
      stop: async () => {
        stopped = true;
      },
    }),
    shellArgv: () => ["sh"],
    close: async () => {},
  };
  return {
    host,
    journal,
    loseLock: () => {
      alive = false;
    },
    released: () => stopped,
  };
}
