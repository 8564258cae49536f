import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fromOutside } from "../lab/from-outside.ts";
import { release } from "../lab/hold.ts";
import { type Lab, whyNoLab } from "../lab/lab.ts";
import { HYDRATED, LATEST, type Losing, SNAPSHOTS, SOURCE, startLosing } from "../lab/losing.ts";
import { whyNoSwift } from "../lab/s3/servers.ts";

describe("a restore of the workstation that is cut off anywhere", {
  skip: whyNoLab() || whyNoSwift(),
}, () => {
  let lab: Lab;
  let at: Losing;

  before(async () => {
    at = await startLosing();
    lab = at.lab;
    await at.restoredUncut();
  });
  after(() => lab?.stop());
  afterEach(() => at.endAll());

  /** Of what a receive takes in, on either machine. */
  const RECEIVED = "zstd -q -d -c";

  test("killed, while its receive goes on there: the next run waits for that", async () => {
    await at.lose.ws();
    await at.killed(await at.heldAt("ws", "half", RECEIVED));
    const again = at.start(LATEST);
    await again.said(/receive:dev@\S+ {2}started/);
    await sleep(3_000);
    assert.doesNotMatch(again.output(), /receive:dev@\S+ {2}(done|failed)/);
    await release(lab, "ws");
    await at.ends(again, 0, /was waited for/);
    await at.allIsThere();
  });

  test("killed, and what goes on there comes to nothing: the next run does it", async () => {
    await at.lose.ws();
    await at.killed(await at.heldAt("ws", "half", RECEIVED));
    const again = at.start(LATEST);
    await again.said(/receive:dev@\S+ {2}started/);
    await lab.must("ws", "pkill -KILL -x btrfs");
    await release(lab, "ws");
    await at.ends(again, 0, /receive:dev@\S+ done/);
    await at.allIsThere();
  });

  test("the cable is pulled: what waits there for bytes that never come is ended by the next run", async () => {
    await at.lose.ws();
    await lab.netem("ws", 1, 40);
    const started = at.start(LATEST);
    await started.said(/receive:dev@\S+ {2}started/);
    await lab.must(
      "ws",
      `timeout 60 sh -c 'until [ -s ${SNAPSHOTS}/dev@${at.newest()}/large ]; do sleep 0.1; done'`,
    );
    await lab.cut("ws");
    await at.ends(started, 4, /connection/);
    // it still waits there: once the cable is in again, it may be told at any moment that the other end is gone
    await fromOutside(lab, "ws", ["pgrep", "-x", "btrfs"]);
    await lab.netem("ws", 0);
    await lab.heal("ws");
    await at.endsTheSame();
  });

  test("Ctrl-C: 130, and nothing is left of what had come", async () => {
    await at.lose.ws();
    const started = await at.heldAt("ws", "half", RECEIVED);
    started.signal("SIGINT");
    await at.ends(started, 130, /interrupted/);
    assert.equal(await lab.must("ws", `ls -A ${SNAPSHOTS}`), ".receive.lock\ndev@2090-01x\ndev@2090-09\n");
    await release(lab, "ws");
    await at.endsTheSame();
  });

  test("the send breaks off: behind a whole command too, it is not taken for the end", async () => {
    await at.lose.ws();
    const started = await at.heldAt("ws", "half", RECEIVED);
    await lab.must("ls", "pkill -KILL -x btrfs");
    await release(lab, "ws");
    await at.ends(started, 1);
    assert.equal(await lab.must("ws", `ls -A ${SNAPSHOTS}`), ".receive.lock\ndev@2090-01x\ndev@2090-09\n");
    await at.endsTheSame();
  });

  test("its disk is full", async () => {
    await at.lose.ws();
    await at.diskFull(
      "ws",
      await at.heldAt("ws", "half", RECEIVED),
      /No space left on device.*safe to run again/,
    );
    await at.endsTheSame();
  });

  test("power cut half way, then behind the end of the receive, before it is on the disk", async () => {
    await at.lose.ws();
    await at.powerCut("ws", await at.heldAt("ws", "half", RECEIVED));
    await at.powerCut("ws", await at.heldAt("ws", "before", "btrfs filesystem sync*"));
    await at.endsTheSame();
  });

  describe("its dataset, brought to another label", () => {
    const OLDER = ["apply", "--yes", "--restore", "2090-02", "--approve", "worktree"];
    const SECOND_MOVE = "mv -T -- ./code.devbackup-restored* ./code";
    let [former, older] = ["", ""];
    before(async () => {
      former = await at.treeAt("ws", SOURCE);
      older = await at.treeAt("ls", `${HYDRATED}/dev@2090-02`);
    });
    const broughtBack = async (): Promise<void> => {
      assert.equal(await at.treeAt("ws", SOURCE), older);
      const kept = (await lab.must("ws", `ls -d ${SOURCE}.set-aside/*`)).trimEnd();
      assert.equal(await at.treeAt("ws", kept), former);
      assert.equal(await lab.must("ws", `btrfs property get -ts '${kept}' ro`), "ro=true\n");
      const beside = await lab.must("ws", `cd ${SOURCE}/..; ls -d code*`);
      assert.equal(beside, "code\ncode.devbackup-restored\ncode.set-aside\n");
      await at.decoysStand();
      assert.deepEqual((await at.plannedFor(OLDER.slice(2, 4))).actions, []);
    };

    test("power cut between the two moves", async () => {
      await at.powerCut("ws", await at.heldAt("ws", "before", SECOND_MOVE, OLDER));
      assert.equal((await lab.run("ws", `test -e ${SOURCE}`)).exitCode, 1);
      await at.done(OLDER);
      await broughtBack();
    });

    test("killed between them, while the script there is still to make the second", async () => {
      await at.lose.ws();
      await at.done(LATEST);
      await at.killed(await at.heldAt("ws", "before", SECOND_MOVE, OLDER));
      const again = at.start(OLDER);
      await again.said(/worktree:dev@2090-02 {2}started/);
      await release(lab, "ws");
      await at.ends(again, 0, /worktree:dev@2090-02 done/);
      await broughtBack();
    });
  });

  test("the next month is an increment", async () => {
    await at.lose.ws();
    await at.done(LATEST);
    await at.nextMonth();
  });
});
