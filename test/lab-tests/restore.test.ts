import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { expectExit, manifestOf, type Planned, planned } from "../lab/expect.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { whyNoSwift } from "../lab/s3/servers.ts";
import { changeTree, fingerprint, installTreeTools, plantTree } from "../lab/tree.ts";

const SOURCE = "/home/dev/code";
const REPOSITORY = "/srv/btrfs-backups/dev";
const HYDRATED = `${REPOSITORY}/restore/worktree_receive`;
const WORKING_COPY = "/srv/work/dev";

describe("a wiped machine comes back with one command", { skip: whyNoLab() || whyNoSwift() }, () => {
  let lab: Lab;
  let config: string[];
  let identity: string[];
  let month = 0;
  /** What the dataset was like at each label. */
  const was = new Map<string, string>();

  before(async () => {
    lab = await startLab({ store: "swift", disk: "subvolume" });
    await Promise.all([installTreeTools(lab, "ws"), installTreeTools(lab, "ls")]);
    const passphrase = join(lab.dir, "passphrase");
    await writeFile(passphrase, "four sober months of winter\n", { mode: 0o600 });
    const made = await expectExit(lab, 0, [
      ...["keys", "new-recovery", "--json", "--out", "recovery.age", "--passphrase-file", passphrase],
    ]);
    const { recipient } = JSON.parse(made) as { recipient: string };
    const folder = await lab.desiredState({
      encryption: { recovery_recipients: [recipient] },
      datasets: { dev: { anchor: { max_age_months: 5, max_incremental_ratio: 100 } } },
    });
    config = ["--config", folder];
    identity = ["--identity", join(lab.dir, "recovery.age"), "--passphrase-file", passphrase];
    await lab.must("ws", `btrfs -q subvolume create ${SOURCE}; chown dev: ${SOURCE}`);
    await plantTree(lab, ["ws", SOURCE]);
  });
  after(() => lab?.stop());

  const apply = (...more: string[]) => expectExit(lab, 0, ["apply", "--yes", ...config, ...more]);
  const restore = (label: string, ...more: string[]) => apply("--restore", label, ...more);
  const treeOf = (machine: "ws" | "ls", path: string) => fingerprint(lab, [machine, path]);

  const newest = () =>
    `209${Math.floor((month - 1) / 12)}-${String(((month - 1) % 12) + 1).padStart(2, "0")}`;

  /** A further month's work and its backup; gives its label. */
  async function backUp(): Promise<string> {
    month += 1;
    const label = newest();
    if (month > 1)
      await lab.must("ws", `cd ${SOURCE}; echo ${label} >"written in ${label}"; rm -f "written in 2090-01"`);
    if (month === 2) await changeTree(lab, ["ws", SOURCE]);
    await apply("--label", label);
    was.set(label, await treeOf("ws", SOURCE));
    return label;
  }

  /** Two more months on the old chain, each the same on both machines. */
  async function goOn(): Promise<void> {
    for (let more = 0; more < 2; more += 1) {
      const label = await backUp();
      const row = (await manifestOf(lab)).at(-1);
      assert.equal(row?.label, label);
      if (more === 0) assert.equal(row?.type, "incr");
      const tree = was.get(label);
      assert.equal(await treeOf("ls", `${HYDRATED}/dev@${label}`), tree);
      assert.equal(await treeOf("ls", WORKING_COPY), tree);
    }
    const plan = await planned(lab, ["--label", newest(), ...config]);
    assert.deepEqual(plan.actions, []);
  }

  /** Keys of the objects that were read whole or in part since `mark`. */
  async function downloads(mark: number): Promise<string[]> {
    const log = await readFile(join(lab.bucket.dir, "log/swift-proxy-server.log"), "utf8");
    const keys = [
      ...log.slice(mark).matchAll(/ GET \/dev-backups\/(dev\/\S+?)(?:%3F\S*)? HTTP\/1\.[01] 20[06] /g),
    ];
    return [...new Set(keys.map(([, key = ""]) => decodeURIComponent(key).replaceAll("%40", "@")))].sort();
  }
  const logEnd = async () =>
    (await readFile(join(lab.bucket.dir, "log/swift-proxy-server.log"), "utf8")).length;

  test("three months", async () => {
    for (let n = 0; n < 3; n += 1) await backUp();
  });

  describe("the workstation", () => {
    before(async () => {
      await lab.wipe("ws");
      await installTreeTools(lab, "ws");
    });

    test("the plan says what comes back, from where, and needs no identity", async () => {
      const text = await expectExit(lab, 0, ["plan", "--restore", "latest", ...config]);
      assert.match(text, /dev@2090-03 is made from 3 artifacts: 3 hydrated already/);
      assert.match(text, /bring dev@2090-03 from ls to ws/);
      assert.match(text, /put the dataset \/home\/dev\/code at dev@2090-03, writable/);
    });

    test("comes back byte for byte, writable, its owner's", async () => {
      await restore("latest");
      assert.equal(await treeOf("ws", SOURCE), was.get("2090-03"));
      assert.equal(await lab.must("ws", `stat -c '%U %i' ${SOURCE}`), "dev 256\n");
      await lab.must("ws", `touch ${SOURCE}/writable && rm ${SOURCE}/writable`, { user: "dev" });
      const parent = await lab.must("ws", "btrfs subvolume show /home/dev/snapshots/dev@2090-03");
      assert.match(parent, /Received UUID:\s+[0-9a-f]/);
    });

    test("a second one finds nothing to do", async () => {
      const { actions } = await planned(lab, ["--restore", "latest", ...config]);
      assert.deepEqual(actions, []);
    });

    test("the chain goes on", () => goOn());
  });

  describe("the server", () => {
    let mark: number;
    before(async () => {
      // another anchor by its age, and an increment: the chain that is needed is not the first
      await backUp();
      await backUp();
      await lab.wipe("ls");
      await installTreeTools(lab, "ls");
      mark = await logEnd();
    });

    test("without the identity it is asked for, and nothing is changed", async () => {
      const result = await lab.devbackup(["apply", "--yes", "--restore", "latest", ...config]);
      assert.equal(result.exitCode, 6, result.stdout + result.stderr);
      assert.match(result.stdout + result.stderr, /--restore latest --identity FILE/);
      assert.equal(await lab.must("ls", "ls -A /srv"), "");
    });

    test("comes back: keys, manifest, the label's chain, the working copy", async () => {
      await restore("latest", ...identity);
      const tree = was.get("2090-07");
      assert.equal(await treeOf("ls", `${HYDRATED}/dev@2090-07`), tree);
      assert.equal(await treeOf("ls", WORKING_COPY), tree);
      assert.equal(await treeOf("ws", SOURCE), tree, "the workstation was left alone");
      const rights = await lab.must("ls", `cd ${REPOSITORY}/keys && stat -c '%a %U %n' ls_dev_*`);
      assert.equal(
        rights,
        "400 root ls_dev_backup.key\n444 root ls_dev_backup.pub\n400 root ls_dev_sign.key\n444 root ls_dev_sign.pub\n",
      );
    });

    test("of the artifacts, only those of the chain were downloaded", async () => {
      assert.deepEqual(
        (await downloads(mark)).filter((key) => key.includes("/artifacts/")),
        [
          "dev/artifacts/anchors/dev@2090-06.full.send.zst.age",
          "dev/artifacts/incr/dev@2090-07.incr.from_2090-06.send.zst.age",
        ],
      );
    });

    test("the older ones come with the next apply, or with --only cloud", async () => {
      const cloudAlone = ["apply", "--yes", ...config, "--label", "2090-07", "--only", "cloud"];
      const said = await expectExit(lab, 1, cloudAlone);
      // of the keys that were put back; made by what was not asked for
      assert.match(said, /upload-escrow:dev is left out/);
      const files = await lab.must("ls", `cd ${REPOSITORY}/artifacts && stat -c '%a %n' */*`);
      assert.deepEqual(files.trimEnd().split("\n"), [
        "440 anchors/dev@2090-01.full.send.zst.age",
        "440 anchors/dev@2090-06.full.send.zst.age",
        "440 incr/dev@2090-02.incr.from_2090-01.send.zst.age",
        "440 incr/dev@2090-03.incr.from_2090-02.send.zst.age",
        "440 incr/dev@2090-04.incr.from_2090-03.send.zst.age",
        "440 incr/dev@2090-05.incr.from_2090-04.send.zst.age",
        "440 incr/dev@2090-07.incr.from_2090-06.send.zst.age",
      ]);
    });

    test("the chain goes on", () => goOn());
  });

  describe("both at once", () => {
    before(async () => {
      await Promise.all([lab.wipe("ws"), lab.wipe("ls")]);
      await Promise.all([installTreeTools(lab, "ws"), installTreeTools(lab, "ls")]);
    });

    test("from bucket, desired state and recovery identity alone, on a controller that has seen nothing", async () => {
      const fresh = { env: { XDG_STATE_HOME: join(lab.dir, "another-controller") } };
      const args = ["--restore", "latest", ...identity, ...config];
      const { stdout } = await lab.devbackup(["plan", "--json", ...args], fresh);
      const trust = (JSON.parse(stdout) as Planned).actions.find(({ kind }) => kind === "trust-signer");
      assert.equal(trust?.hazard, "disruptive");
      await expectExit(lab, 0, ["apply", "--yes", "--approve", trust.id, ...args], fresh);
      const tree = was.get("2090-09");
      assert.equal(await treeOf("ws", SOURCE), tree);
      assert.equal(await treeOf("ls", `${HYDRATED}/dev@2090-09`), tree);
      assert.equal(await treeOf("ls", WORKING_COPY), tree);
    });

    test("the chain goes on", () => goOn());
  });

  describe("a label in the past", () => {
    test("beside what is there, on the workstation", async () => {
      const now = await treeOf("ws", SOURCE);
      await restore("2090-02", "--to", "/home/dev/february");
      assert.equal(await treeOf("ws", "/home/dev/february"), was.get("2090-02"));
      assert.equal(await treeOf("ws", SOURCE), now);
    });

    test("files and folders out of it, on the other machine, on another file system", async () => {
      const name = "written in 2090-03";
      await expectExit(lab, 0, [
        ...[
          "restore",
          "2090-03",
          name,
          `${SOURCE}/renamed-names`,
          "--to",
          "/root/some",
          "--host",
          "ls",
          "--yes",
        ],
        ...config,
      ]);
      assert.equal(await lab.must("ls", `cat "/root/some/${name}"`), "2090-03\n");
      assert.equal(
        await lab.must("ls", "cd /root/some/renamed-names && find . | LC_ALL=C sort | cksum"),
        await lab.must("ls", `cd ${HYDRATED}/dev@2090-03/renamed-names && find . | LC_ALL=C sort | cksum`),
      );
    });

    test("in its place: what stood there is set aside, and only when that is approved", async () => {
      await lab.must("ws", `echo unsaved >${SOURCE}/unsaved`);
      const edited = await treeOf("ws", SOURCE);
      const text = await expectExit(lab, 0, ["apply", "--yes", "--restore", "2090-10", ...config]);
      assert.match(text, /--approve worktree:dev@2090-10/);
      assert.equal(await treeOf("ws", SOURCE), edited);
      await restore("2090-10", "--approve", "worktree:dev@2090-10");
      assert.equal(await treeOf("ws", SOURCE), was.get("2090-10"));
      const kept = (await lab.must("ws", `ls -d ${SOURCE}.set-aside/*`)).trim();
      assert.equal(await treeOf("ws", kept), edited);
      assert.equal(await lab.must("ws", `btrfs property get -ts '${kept}' ro`), "ro=true\n");
    });

    test("the chain goes on from the newest label", () => goOn());
  });
});
