import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { actionIn, expectExit, manifestOf, planned } from "../lab/expect.ts";
import { type Lab, type Machine, startLab, whyNoLab } from "../lab/lab.ts";
import { changeTree, fingerprint, installTreeTools, plantTree } from "../lab/tree.ts";

const SCRIPTS = "/usr/local/lib/devbackup";
const SOURCE = "/home/dev/code";
const SNAPSHOTS = "/home/dev/snapshots";
const REPOSITORY = "/srv/btrfs-backups/dev";
const WORKING_COPY = "/srv/work/dev";
const SECOND = `${REPOSITORY}/artifacts/incr/dev@2026-02.incr.from_2026-01.send.zst.age`;

/**
 * The months as the older suite's manual tells them. The server has devbackup, as its schedule has installed it; the
 * workstation has none: what a script there says is typed, is typed.
 */
describe("two months and two losses by the scripts alone", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let config: string[];
  let declared: string;
  before(async () => {
    lab = await startLab();
    await Promise.all([installTreeTools(lab, "ws"), installTreeTools(lab, "ls")]);
    declared = await lab.desiredState({ scripts: true, schedule: { on: "ls", calendar: "*-*-01 03:00:00" } });
    config = ["--config", declared];
    await lab.must("ws", "btrfs -q subvolume create code", { user: "dev" });
    await plantTree(lab, ["ws", SOURCE]);
    await expectExit(lab, 0, ["apply", "--yes", "--only", "provision", ...config]);
  });
  after(() => lab?.stop());

  const script = (machine: Machine, typed: string) => lab.run(machine, `${SCRIPTS}/${typed}`);
  const ok = async (machine: Machine, typed: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await script(machine, typed);
    lab.heard(stdout + stderr);
    assert.equal(exitCode, 0, `${typed}\n${stdout}${stderr}`);
    return stdout;
  };
  /** A script of a machine without devbackup says what to type where there is one: that. */
  const asItSays = async (typed: string): Promise<void> => {
    const { exitCode, stderr } = await script("ws", typed);
    assert.equal(exitCode, 1, stderr);
    const [, said = assert.fail(stderr)] = /next: where you apply from: devbackup (.+)\n/.exec(stderr) ?? [];
    await expectExit(lab, 0, [...said.split(" "), ...config]);
  };
  const same = async (...places: readonly (readonly [Machine, string])[]): Promise<void> => {
    const [first, ...others] = await Promise.all(places.map((place) => fingerprint(lab, place)));
    for (const [index, other] of others.entries())
      assert.equal(other, first, `${places[index + 1]} is as ${places[0]}`);
  };
  const left = async (label: string) =>
    (await planned(lab, ["--label", label, ...config])).actions.map(({ id }) => id);

  test("they stand on both machines as apply has put them there, and nothing is due for them", async () => {
    const listing = (machine: Machine) =>
      lab.must(machine, `cd ${SCRIPTS}; stat -c '%U:%G %a %n' *.sh | sed 's/root:root 755 //'`);
    assert.equal(
      await listing("ws"),
      "LS_request.sh\ninit_WS.sh\nws_dev_export_and_push.sh\nws_dev_run_month.sh\nws_dev_snapshot.sh\n",
    );
    assert.equal(
      await listing("ls"),
      "LS_send.sh\ninit_LS.sh\nls_dev_latest_label.sh\nls_dev_plan_restore.sh\nls_dev_register_artifact.sh\nmigrate_manifest_to_v2.sh\npull_from_cloud.sh\npush_to_cloud.sh\nrestore_backup_LS.sh\nstore_on_LS.sh\n",
    );
    assert.equal(await ok("ls", "ls_dev_latest_label.sh"), "none\n");
    assert.equal((await lab.run("ls", `${SCRIPTS}/ls_dev_latest_label.sh`, { user: "dev" })).exitCode, 1);
  });

  test("the first month: snapshot, export, push", async () => {
    await asItSays("ws_dev_snapshot.sh 2026-01");
    await asItSays("ws_dev_export_and_push.sh 2026-01");
    assert.equal(await ok("ls", "ls_dev_latest_label.sh"), "2026-01\n");
    await asItSays("ws_dev_run_month.sh 2026-01");
    assert.deepEqual(await left("2026-01"), []);
    await same(["ws", SOURCE], ["ws", `${SNAPSHOTS}/dev@2026-01`], ["ls", WORKING_COPY]);
  });

  test("the second month, its artifact made by hand, registered and pushed on the server alone", async () => {
    await changeTree(lab, ["ws", SOURCE]);
    await asItSays("ws_dev_snapshot.sh 2026-02");
    const name = SECOND.slice(SECOND.lastIndexOf("/") + 1);
    await lab.must(
      "ws",
      `cd ${SNAPSHOTS}; btrfs -q send -p dev@2026-01 dev@2026-02 | zstd -q | age -R /etc/devbackup/ls_dev_backup.pub >/root/${name}`,
    );
    await lab.must("ls", `base64 -d >/root/${name}`, {
      input: await lab.must("ws", `base64 /root/${name}`),
    });
    assert.match(await ok("ls", `ls_dev_register_artifact.sh /root/${name}`), /dev@2026-02 is registered/);
    assert.equal(
      await lab.must("ls", `stat -c '%U %a' ${SECOND}; ls /root/*.age 2>/dev/null; :`),
      "root 440\n",
    );
    assert.equal(await ok("ls", "ls_dev_latest_label.sh"), "2026-02\n");
    await ok("ls", "push_to_cloud.sh");
    const [, row = assert.fail()] = await manifestOf(lab);
    assert.equal(row.objectKey, `dev/artifacts/incr/${name}`);
    assert.ok(
      (await lab.bucket.list()).some(
        ({ key, sizeBytes }) => key === row.objectKey && sizeBytes === row.bytes,
      ),
    );
    assert.equal(await ok("ls", "ls_dev_plan_restore.sh latest"), `${SECOND}\n`, "on what stands here");
    await asItSays("ws_dev_run_month.sh 2026-02");
    await same(["ws", `${SNAPSHOTS}/dev@2026-02`], ["ls", WORKING_COPY]);
    assert.deepEqual(await left("2026-02"), []);
  });

  test("the server has lost its artifacts and snapshots: pull, store, restore", async () => {
    const hydrated = `${REPOSITORY}/restore/worktree_receive`;
    await lab.must(
      "ls",
      `mkdir /root/usb; cp ${SECOND} /root/usb; rm ${REPOSITORY}/artifacts/*/*
       for s in ${hydrated}/dev@*; do btrfs property set -f "$s" ro false; btrfs -q subvolume delete "$s"; done
       btrfs -q subvolume delete ${WORKING_COPY}`,
    );
    await ok("ls", "store_on_LS.sh /root/usb");
    assert.equal(await lab.must("ls", `cmp /root/usb/* ${SECOND}; stat -c %a ${SECOND}`), "440\n");
    await ok("ls", "pull_from_cloud.sh latest");
    assert.match(await ok("ls", "store_on_LS.sh /tmp/dev-backup-cloud-pull"), /into the repository itself/);
    assert.match(
      await ok("ls", "ls_dev_plan_restore.sh"),
      /anchors\/dev@2026-01.*\n.*incr\/dev@2026-02.*\n$/,
    );
    await lab.must("ls", `mkdir /srv/by-hand; ${SCRIPTS}/LS_send.sh latest | btrfs -q receive /srv/by-hand`);
    await ok("ls", "restore_backup_LS.sh latest");
    await same(
      ["ws", `${SNAPSHOTS}/dev@2026-02`],
      ["ls", WORKING_COPY],
      ["ls", `${hydrated}/dev@2026-02`],
      ["ls", "/srv/by-hand/dev@2026-02"],
    );
    await lab.must("ls", "btrfs -q subvolume delete /srv/by-hand/*; rmdir /srv/by-hand");
    assert.deepEqual(await left("2026-02"), []);
  });

  test("the workstation has lost everything: what LS_request.sh says brings it back", async () => {
    const before = await fingerprint(lab, ["ls", WORKING_COPY]);
    await lab.must(
      "ws",
      `btrfs -q subvolume delete ${SOURCE}; for s in ${SNAPSHOTS}/dev@*; do btrfs property set -f "$s" ro false; btrfs -q subvolume delete "$s"; done`,
    );
    await asItSays("LS_request.sh latest");
    assert.equal(await fingerprint(lab, ["ws", SOURCE]), before);
    assert.deepEqual(await left("2026-02"), []);
  });

  test("left out of the desired state, they go, and nothing else of that folder", async () => {
    await lab.must("ls", `echo mine >${SCRIPTS}/mine.sh`);
    const without = [
      "--config",
      await lab.desiredState({ schedule: { on: "ls", calendar: "*-*-01 03:00:00" } }),
    ];
    actionIn(await planned(lab, ["--label", "2026-02", ...without]), "scripts:ls");
    await expectExit(lab, 0, ["apply", "--yes", "--only", "provision", "--label", "2026-02", ...without]);
    assert.equal(await lab.must("ws", `ls -A ${SCRIPTS} 2>/dev/null; :`), "");
    assert.match(await lab.must("ls", `ls ${SCRIPTS}`), /^\S+-[0-9a-f]{12}\ncurrent\nmine\.sh\n$/);
  });
});
