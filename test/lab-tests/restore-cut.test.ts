import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { holdNoMore, release } from "../lab/hold.ts";
import { type Lab, type Machine, whyNoLab } from "../lab/lab.ts";
import { HYDRATED, LATEST, type Losing, REPOSITORY, startLosing } from "../lab/losing.ts";
import { noResidue } from "../lab/residue.ts";
import { whyNoSwift } from "../lab/s3/servers.ts";

describe("a restore that is cut off anywhere", { skip: whyNoLab() || whyNoSwift() }, () => {
  let lab: Lab;
  let at: Losing;

  before(async () => {
    at = await startLosing();
    lab = at.lab;
  });
  after(() => lab?.stop());
  afterEach(() => at.endAll());

  /** Of what comes from the bucket; of what a receive takes in, on either machine. */
  const [FETCHED, RECEIVED] = ["curl *If-Match*", "zstd -q -d -c"];

  describe("the server", () => {
    before(async () => {
      await at.restoredUncut();
      await at.lose.ls();
    });

    // one restore: each run finds what the cut before it left
    test("its disk is full while it fetches", async () => {
      await at.diskFull("ls", await at.heldAt("ls", "half", FETCHED), /no room|No space left/);
    });

    test("its cable is pulled while it fetches, and its curl goes on", async () => {
      const started = await at.heldAt("ls", "half", FETCHED);
      await lab.cut("ls");
      await at.ends(started, 4, /connection/);
      await lab.heal("ls");
      await release(lab, "ls");
    });

    test("its disk is full while it receives", async () => {
      await at.diskFull(
        "ls",
        await at.heldAt("ls", "half", RECEIVED),
        /No space left on device.*safe to run again/,
      );
      assert.equal(
        await lab.must("ls", `ls -A ${HYDRATED} ${REPOSITORY}/tmp`),
        `${HYDRATED}:\n.dev\ndev@2090-01x\ndev@2090-09\n\n${REPOSITORY}/tmp:\nmine\n`,
      );
    });

    test("power cut while it receives, then before what it received is on the disk", async () => {
      await at.powerCut("ls", await at.heldAt("ls", "half", RECEIVED));
      await at.powerCut("ls", await at.heldAt("ls", "before", "btrfs filesystem sync*"));
    });

    test("killed while it receives: the next run waits for that, and all is there", async () => {
      await at.killed(await at.heldAt("ls", "half", RECEIVED));
      const again = at.start(LATEST);
      await again.said(/hydrate:dev@\S+ {2}started/);
      await release(lab, "ls");
      await at.ends(again, 0, /was waited for/);
      await at.allIsThere();
    });

    test("the next month is an increment", () => at.nextMonth());
  });

  describe("both", () => {
    before(async () => {
      await at.restoredUncut();
      await Promise.all([at.lose.ws(), at.lose.ls()]);
    });

    test("power cut between signature and manifest; killed while it fetches, and at once begun again", async () => {
      const second = `mv -T -- ${REPOSITORY}/manifests/snapshots_v2.tsv.new *`;
      await at.powerCut("ls", await at.heldAt("ls", "before", second));
      await at.killed(await at.heldAt("ls", "half", FETCHED));
    });

    test("then killed on the way to the workstation, whose power is cut as well", async () => {
      const onTheWay = at.heldAt("ws", "half", RECEIVED);
      await sleep(2_000);
      await release(lab, "ls");
      await at.killed(await onTheWay);
      await lab.crash("ws");
      await lab.start("ws");
      await at.endsTheSame();
    });

    test("the next month is an increment", () => at.nextMonth());
  });

  describe("beside what is there", () => {
    const to = (folder: string, ...more: string[]) => [
      "restore",
      "2090-02",
      ...more,
      "--to",
      folder,
      "--yes",
    ];
    const stands = async (
      machine: Machine,
      folder: string,
      tree: string,
      ...more: string[]
    ): Promise<void> => {
      const args = to(folder, ...more);
      await at.done(args);
      assert.equal(await at.treeAt(machine, folder), tree);
      assert.match(await at.done(args), /[Nn]othing to do/);
      assert.equal(await lab.must(machine, `ls -d ${folder}*`), `${folder}\n`);
      await noResidue(lab, 10_000);
      await at.decoysStand();
    };
    let tree: string;
    before(async () => {
      tree = await at.treeAt("ls", `${HYDRATED}/dev@2090-02`);
    });

    test("killed while it takes in: what goes on there is ended, and it is begun anew", async () => {
      await at.killed(await at.heldAt("ws", "half", RECEIVED, to("/home/dev/half")));
      await holdNoMore(lab, "ws");
      await stands("ws", "/home/dev/half", tree);
    });

    test("power cut before and behind the last step", async () => {
      await at.powerCut(
        "ws",
        await at.heldAt("ws", "before", "btrfs -q subvolume snapshot *", to("/home/dev/cut")),
      );
      await at.powerCut(
        "ws",
        await at.heldAt("ws", "before", "btrfs -q subvolume delete *", to("/home/dev/cut")),
      );
      await stands("ws", "/home/dev/cut", tree);
    });

    test("a file out of it, onto a machine whose power is cut", async () => {
      const some = ["large", "--host", "ls"];
      await at.powerCut("ls", await at.heldAt("ls", "half", RECEIVED, to("/srv/some", ...some)));
      await lab.must("ls", `mkdir /srv/as-it-was && cp -p ${HYDRATED}/dev@2090-02/large /srv/as-it-was`);
      await stands("ls", "/srv/some", await at.treeAt("ls", "/srv/as-it-was"), ...some);
    });

    test("what has the name of its workplace and is not its own stays", async () => {
      const said = await at.devbackup(to("/home/dev/old"));
      assert.equal(said.exitCode, 1);
      assert.match(said.stderr, /old\.devbackup-part is in the way/);
      await at.decoysStand();
    });
  });
});
