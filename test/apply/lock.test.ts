import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Lock, takeLock } from "../../src/apply/lock.ts";
import type { Holder } from "../../src/apply/locked.ts";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { LET_GO } from "../../src/transport/fence.ts";
import type { Host } from "../../src/transport/host.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { pipe } from "../../src/transport/pipe.ts";
import { desired } from "../reconcilers/world.ts";
import { troubleOf } from "../transport/trouble.ts";

const [declared = assert.fail()] = desired().datasets;
const OURS: Holder = { who: "dev@ws", pid: 7, since: "2026-06-01T00:00:00.000Z" };
const THEIRS: Holder = { who: "root@ls", pid: 8, since: "2026-06-01T00:00:05.000Z" };
/** Makes a lock that waits six seconds for a word. */
const IMPATIENT_MS = 3_000;

function place(context: TestContext) {
  const top = mkdtempSync("/tmp/lock-");
  const hosts: Host[] = [];
  const host = (): Host => {
    const made = localHost({ name: "ls" as HostName, become: "none", env: process.env });
    hosts.push(made);
    return { ...made, patienceMs: IMPATIENT_MS };
  };
  context.after(async () => {
    await Promise.all(hosts.map((each) => each.close()));
    rmSync(top, { recursive: true });
  });
  const dataset = { ...declared, repository: join(top, "data/backups/dev") as AbsolutePath };
  const locks = join(dataset.repository, "locks");
  /** Of the process that holds the lock there. */
  const keeper = (): number =>
    Number(readFileSync(join(locks, "apply.lock"), "utf8").split("\n")[1]?.split(" ")[0]);
  return { top, host, dataset, locks, keeper };
}

const heldNot = (lock: Lock): string => {
  try {
    lock.assertHeld();
  } catch (error) {
    if (error instanceof DevbackupError) return error.trouble.why ?? "";
  }
  return assert.fail("it is still held");
};

describe("a lock", { concurrency: true }, () => {
  test("one at a time; the folders that it makes above the repository can be walked through", async (context) => {
    const { top, host, dataset } = place(context);
    const there = host();
    const lock = await takeLock(there, dataset, OURS);
    const { exitCode, why, next } = await troubleOf(takeLock(there, dataset, THEIRS));
    assert.equal(exitCode, 3);
    assert.match(
      why ?? "",
      /^held by dev@ws, process 7, since 2026-0\d-\d\dT\d\d:\d\d:0\d[+-]\d\d:\d\d \(just now\)$/,
    );
    assert.equal(next, "wait for it to end, then: devbackup apply");
    lock.assertHeld();
    await lock.release();
    await (await takeLock(there, dataset, OURS)).release();
    const mode = (path: string) => (statSync(join(top, path)).mode & 0o777).toString(8);
    assert.deepEqual(["data", "data/backups", "data/backups/dev"].map(mode), ["755", "755", "750"]);
  });

  test("a holder that says nothing any more loses it, and knows that by itself when it goes on", async (context) => {
    const { host, dataset } = place(context);
    const [ours, theirs] = [host(), host()];
    // a controller that is stopped: its newlines do not come
    const silent: Host = { ...ours, start: (script) => ours.start(script, { heartbeatMs: 3_600_000 }) };
    const lock = await takeLock(silent, dataset, OURS);
    const other = await troubleOf(takeLock(theirs, dataset, THEIRS));
    assert.equal(other.exitCode, 3);
    await sleep(4_500);
    const { why, next } = await troubleOf(takeLock(theirs, dataset, THEIRS));
    assert.match(why ?? "", /; not heard of for [4-6] s$/);
    assert.match(next ?? "", /it is stopped, or cut off from ls: after 6 s without a word it loses the lock/);
    await sleep(2_500);
    const taken = await takeLock(theirs, dataset, THEIRS);
    assert.match(heldNot(lock), /has ended|nothing was heard/);
    taken.assertHeld();
    await taken.release();
  });

  test("what is not answered in time counts as lost, though nobody has said so", async (context) => {
    const { host, dataset, keeper } = place(context);
    const lock = await takeLock(host(), dataset, OURS);
    process.kill(keeper(), "SIGSTOP");
    await sleep(6_500);
    assert.match(heldNot(lock), /nothing was heard of its holder there for 6 s: this program was stopped/);
    process.kill(keeper(), "SIGKILL");
  });

  test("a keeper that is stopped is named, with what ends it", async (context) => {
    const { host, dataset, keeper } = place(context);
    await takeLock(host(), dataset, OURS);
    const pid = keeper();
    process.kill(pid, "SIGSTOP");
    const { exitCode, next } = await troubleOf(takeLock(host(), dataset, THEIRS));
    assert.equal(exitCode, 3);
    assert.equal(
      next,
      `the lock is kept there by process ${pid}, which is stopped. If that run is over, on ls: kill -KILL ${pid}, then: devbackup apply`,
    );
    process.kill(pid, "SIGKILL");
    await (await takeLock(host(), dataset, THEIRS)).release();
  });

  test("once it is another's, no script runs any more, and none at either end of a pipe", async (context) => {
    const { host, dataset, keeper } = place(context);
    const [ours, theirs] = [host(), host()];
    const lock = await takeLock(ours, dataset, OURS);
    const fencedHost = lock.fenced(ours);
    assert.equal((await fencedHost.run("echo works")).stdout, "works\n");
    const through = () => pipe({ from: fencedHost, source: "echo works", to: fencedHost, sink: "cat" });
    assert.equal((await through()).sink.stdout, "works\n");
    const pid = keeper();
    // as where the news of its end has not been read yet
    const late = { ...fencedHost, run: (script: string) => ours.run(`${fencedHost.preface}${script}`) };
    process.kill(pid, "SIGKILL");
    const taken = await takeLock(theirs, dataset, THEIRS);
    const refused = await late.run("echo works");
    assert.equal(refused.stdout, "");
    assert.equal(refused.stderr, "the lock is no longer this run's: nothing was begun\n");
    const { source, sink } = await through();
    assert.deepEqual([source.exitCode, sink.exitCode, sink.stdout], [76, 76, ""]);
    assert.equal((await troubleOf(fencedHost.run("echo works"))).code, "lock-lost");
    assert.equal((await fencedHost.run("echo ended", { regardless: true })).stdout, "ended\n");
    await taken.release();
    assert.equal((await late.run("echo works")).stdout, "", "given back, it is nobody's");
  });

  test("a step that an earlier run began is waited for; one that does not end is told; one that lets go is not", async (context) => {
    const { top, host, dataset, keeper } = place(context);
    const [ours, theirs] = [host(), host()];
    const go = join(top, "go");
    const waits = `until [ -e '${go}' ]; do sleep 0.05; done; echo done`;
    const begun = async (script: string) => {
      rmSync(go, { force: true });
      const lock = await takeLock(ours, dataset, OURS);
      const ended = lock.fenced(ours).run(`echo >'${go}.begun'\n${script}`);
      for (rmSync(`${go}.begun`, { force: true }); !isThere(`${go}.begun`); ) await sleep(20);
      process.kill(keeper(), "SIGKILL");
      await sleep(300);
      return { ended };
    };
    const first = await begun(waits);
    const waiting = takeLock(theirs, dataset, THEIRS);
    await sleep(300);
    writeFileSync(go, "");
    await (await waiting).release();
    assert.equal((await first.ended).stdout, "done\n");

    const second = await begun(waits);
    const { exitCode, what, next } = await troubleOf(takeLock(theirs, dataset, THEIRS));
    assert.equal(exitCode, 3);
    assert.match(what, /a step of an earlier run on dev has not ended yet/);
    assert.match(next ?? "", /ps -o pid,stat,etime,args -p \d+(,\d+)*\), then: devbackup apply$/);
    const soon = takeLock(theirs, dataset, THEIRS);
    writeFileSync(go, "");
    await (await soon).release();
    await second.ended;

    const apart = await begun(`${LET_GO}\n${waits}`);
    await (await takeLock(theirs, dataset, THEIRS)).release();
    writeFileSync(go, "");
    await apart.ended;
  });
});

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;
