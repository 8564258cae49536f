import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { type Lab, type Machine, startLab, whyNoLab } from "../lab/lab.ts";
import { type Started, startDevbackup } from "../lab/started.ts";

const TAKEN = "/srv/btrfs-backups/dev/restore/worktree_receive";
/** A service that stands still while it is backed up, with a dump that goes along; slow, or failing, where that is asked for. */
const HOOKS = {
  before_snapshot: [
    "sh",
    "-c",
    'echo "stopped $DEVBACKUP_LABEL" | tee -a /root/log >/home/dev/code/dump; [ ! -e /root/slow ] || sleep 6; [ ! -e /root/fails ]',
  ],
  after_snapshot: ["sh", "-c", 'rm /home/dev/code/dump; echo "started $DEVBACKUP_LABEL" >>/root/log'],
  after_apply: ["sh", "-c", 'echo "$DEVBACKUP_DATASET $DEVBACKUP_LABEL $DEVBACKUP_RESULT" >>/root/log'],
  timeout: "30 s",
};

describe("hooks", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let [config, impatient] = ["", ""];
  let started: Started | undefined;
  before(async () => {
    lab = await startLab();
    config = await lab.desiredState({
      cloud: undefined,
      datasets: {
        dev: { hooks: HOOKS },
        notes: {
          path: "/home/dev/notes",
          snapshots: "/home/dev/snapshots",
          owner: "dev",
          repository: "/srv/btrfs-backups/notes",
        },
      },
    });
    impatient = join(lab.dir, "impatient");
    await writeFile(impatient, "Host *\n  ServerAliveInterval 1\n  ServerAliveCountMax 3\n");
    await lab.must("ws", "btrfs -q subvolume create code; btrfs -q subvolume create notes; date >code/file", {
      user: "dev",
    });
  });
  after(() => lab?.stop());
  afterEach(async () => {
    started?.signal("SIGKILL");
    await lab.must("ws", "rm -f /root/slow /root/fails");
  });

  const apply = (label: string, ...more: string[]) =>
    ["apply", "--yes", "--label", label, "--config", config].concat(more);
  const exits = async (exitCode: number, label: string, ...more: string[]): Promise<string> => {
    const result = await lab.devbackup(apply(label, ...more));
    const said = `${result.stdout}${result.stderr}`;
    assert.equal(result.exitCode, exitCode, said);
    return said;
  };
  /** What the hooks have done since they were last asked. */
  const log = async (machine: Machine): Promise<string[]> =>
    (await lab.must(machine, "touch /root/log; cat /root/log; : >/root/log")).trim().split("\n");
  const has = (machine: Machine, line: string): Promise<string> =>
    lab.must(machine, `timeout 60 sh -c 'until grep -qxF "${line}" /root/log; do sleep 0.1; done'`);

  test("what they make goes into the snapshot, they are run once a label, and told on the server", async () => {
    await exits(0, "2090-01", "--dataset", "dev");
    assert.equal(await lab.must("ls", `cat ${TAKEN}/dev@2090-01/dump`), "stopped 2090-01\n");
    assert.deepEqual(await log("ws"), ["stopped 2090-01", "started 2090-01"]);
    assert.deepEqual(await log("ls"), ["dev 2090-01 done"]);
    await exits(0, "2090-01", "--dataset", "dev");
    assert.deepEqual([await log("ws"), await log("ls")], [[""], [""]]);
  });

  test("where the first fails, the other dataset is backed up, and nothing was taken of this one", async () => {
    await lab.must("ws", "touch /root/fails");
    const said = await exits(1, "2090-02", "--only", "provision,snapshot");
    assert.match(said, /ws: before_snapshot of dev ended with exit code 1/);
    assert.match(said, /snapshot:notes@2090-02 +done/);
    assert.equal(
      await lab.must("ws", "cd /home/dev; ls snapshots; ls code"),
      "dev@2090-01\nnotes@2090-02\nfile\n",
    );
    assert.deepEqual(await log("ws"), ["stopped 2090-02", "started 2090-02"]);
    await lab.must("ws", "rm /root/fails");
    await exits(0, "2090-02", "--dataset", "dev", "--only", "snapshot");
    assert.deepEqual(await log("ws"), ["stopped 2090-02", "started 2090-02"]);
    assert.deepEqual(await log("ls"), ["dev 2090-02 done"]);
  });

  for (const [what, label, strike] of [
    ["the controller is killed", "2090-03", async () => started?.signal("SIGKILL")],
    ["the cable is cut", "2090-04", () => lab.cut("ws")],
  ] as const)
    test(`where ${what} in the middle of the first, the service goes on again, and the backup with the next run`, async () => {
      await lab.must("ws", "touch /root/slow");
      const part = ["--dataset", "dev", "--only", "snapshot"];
      started = startDevbackup(lab, apply(label, ...part), { sshConfig: impatient });
      await has("ws", `stopped ${label}`);
      await strike();
      await started.ended;
      if (what === "the cable is cut") await lab.heal("ws");
      await has("ws", `started ${label}`);
      await exits(0, label, ...part);
      assert.deepEqual(await log("ws"), [`stopped ${label}`, `started ${label}`]);
      const dump = await lab.must("ws", `cat /home/dev/snapshots/dev@${label}/dump`);
      assert.equal(dump, `stopped ${label}\n`);
    });
});
