import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { expectExit, manifestOf, planned } from "../lab/expect.ts";
import { type Lab, type Machine, startLab, whyNoLab } from "../lab/lab.ts";
import { changeTree, fingerprint, installTreeTools, plantTree } from "../lab/tree.ts";

const SOURCE = "/home/dev/code";
const SNAPSHOTS = "/home/dev/snapshots";
const REPOSITORY = "/srv/btrfs-backups/dev";
const HYDRATED = `${REPOSITORY}/restore/worktree_receive`;
const WORKING_COPY = "/srv/work/dev";
const ANCHOR = `${REPOSITORY}/artifacts/anchors/dev@2090-01.full.send.zst.age`;
const INCREMENT = `${REPOSITORY}/artifacts/incr/dev@2090-02.incr.from_2090-01.send.zst.age`;
const MANIFEST = `${REPOSITORY}/manifests/snapshots_v2.tsv`;

describe("both machines come back by the rescue kit alone", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let config: string[];
  /** What the dataset was like in 2090-02. */
  let was: string;

  before(async () => {
    // curl takes no access key with a colon in it, as Swift's have
    lab = await startLab({ store: "r2" });
    await installTreeTools(lab, "ws");
    const identity = join(lab.dir, "identity");
    await execa("age-keygen", ["-o", identity]);
    const { stdout: recipient } = await execa("age-keygen", ["-y", identity]);
    config = ["--config", await lab.desiredState({ encryption: { recovery_recipients: [recipient] } })];
    await lab.must("ws", `btrfs -q subvolume create ${SOURCE}; chown dev: ${SOURCE}`);
    await plantTree(lab, ["ws", SOURCE]);
    await apply("2090-01");
    await changeTree(lab, ["ws", SOURCE]);
    await apply("2090-02");
    was = await fingerprint(lab, ["ws", SOURCE]);
    await expectExit(lab, 0, ["rescue-kit", "--out", join(lab.dir, "kit"), ...config]);
    await Promise.all([lab.wipe("ws"), lab.wipe("ls")]);
    const { accessKeyId, secretAccessKey } = lab.bucket;
    await writeFile(join(lab.dir, "kit/login"), `${accessKeyId}\n${secretAccessKey}\n`, { mode: 0o600 });
    await Promise.all([equip("ws"), equip("ls")]);
  });
  after(() => lab?.stop());

  const apply = (label: string) => expectExit(lab, 0, ["apply", "--yes", "--label", label, ...config]);

  /** A stick with the kit, the identity and the login; and what the page says is needed, nothing else. */
  async function equip(machine: Machine): Promise<void> {
    await execa("scp", ["-qr", "-F", lab.sshConfig, join(lab.dir, "kit"), `root@${machine}:/opt/kit`]);
    await execa("scp", [
      "-q",
      "-F",
      lab.sshConfig,
      join(lab.dir, "identity"),
      `root@${machine}:/opt/identity`,
    ]);
    await lab.must(
      machine,
      `apt-get -qq update
       apt-get -qq -y --no-install-recommends install btrfs-progs zstd age openssl curl >/dev/null 2>&1`,
    );
    assert.equal(await lab.must(machine, "command -v node python3 jq rsync; :"), "");
  }

  /** Runs a script of the kit; gives what it said. */
  async function kit(
    machine: Machine,
    exitCode: number,
    script: string,
    { env = "CREDENTIALS=/opt/kit/login", user = "root" } = {},
  ): Promise<string> {
    const sudo = user === "root" ? "" : "sudo ";
    const result = await lab.run(machine, `${sudo}env ${env} sh /opt/kit/${script} 2>&1`, { user });
    assert.equal(result.exitCode, exitCode, `${script}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  }
  /** Does `change` on the server, lets `attempt` fail on it, and sets it back. */
  async function meanwhile(change: string, back: string, attempt: () => Promise<unknown>): Promise<void> {
    await lab.must("ls", change);
    try {
      await attempt();
    } finally {
      await lab.must("ls", back);
    }
  }
  const hydrated = async (): Promise<string[]> =>
    (await lab.must("ls", `ls ${HYDRATED}`)).split("\n").filter((name) => name !== "");

  test("the kit knows who signs, and that nothing secret is in it", async () => {
    const settings = await readFile(join(lab.dir, "kit/settings.sh"), "utf8");
    assert.match(settings, /^SIGNER='ssh-ed25519 AAAA\S+'$/m);
    assert.match(settings, /^NEWEST_SEEN=2090-02$/m);
    const secrets = [lab.bucket.secretAccessKey, "AGE-SECRET-KEY", "PRIVATE KEY"];
    for (const secret of secrets) assert.ok(!settings.includes(secret), secret);
  });

  test("on the server: the keys, then the chain from the bucket", async () => {
    await kit("ls", 0, "1-keys.sh /opt/identity");
    assert.match(await kit("ls", 0, "2-fetch.sh"), /2090-02 is made of 2 artifacts/);
    assert.match(await kit("ls", 0, "verify.sh"), /is there and good/);
    await lab.must("ls", `test "$(stat -c '%a %U' ${REPOSITORY}/keys/ls_dev_backup.key)" = '400 root'`);
  });

  test("nothing is received of what is damaged, forged or missing", async () => {
    let said = "";
    for (const [change, back] of [
      [
        `cp -p ${INCREMENT} /srv/true; chmod 600 ${INCREMENT}; printf damage | dd of=${INCREMENT} bs=1 seek=99 conv=notrunc 2>/dev/null`,
        `mv -f /srv/true ${INCREMENT}`,
      ],
      [`mv ${INCREMENT} /srv/true`, `mv /srv/true ${INCREMENT}`],
    ] as const)
      await meanwhile(change, back, async () => {
        await kit("ls", 6, "verify.sh");
        said += await kit("ls", 6, "3-server.sh");
        assert.deepEqual(await hydrated(), ["dev@2090-01"], "the anchor is as it should be");
        // as if cut off: looking whole is not enough
        await lab.must("ls", `touch ${REPOSITORY}/tmp/dev@2090-01.receiving`);
      });
    assert.match(said, /Clearing away/);
    await lab.must("ls", `btrfs -q subvolume delete ${HYDRATED}/dev@2090-01; rm ${REPOSITORY}/tmp/*`);
    for (const [change, back] of [
      [`mv ${ANCHOR} /srv/true`, `mv /srv/true ${ANCHOR}`],
      [`cp ${MANIFEST} /srv/true; echo >>${MANIFEST}`, `mv /srv/true ${MANIFEST}`],
      [
        `cp ${MANIFEST}.sig /srv/true; sed -i '5s/^..../xyxy/' ${MANIFEST}.sig`,
        `mv /srv/true ${MANIFEST}.sig`,
      ],
    ] as const)
      await meanwhile(change, back, async () => {
        await kit("ls", 6, "3-server.sh");
        assert.deepEqual(await hydrated(), []);
      });
  });

  test("a snapshot that is not its own is not touched; its own half is cleared away", async () => {
    await lab.must(
      "ls",
      `btrfs -q subvolume create ${HYDRATED}/dev@2090-01; echo mine >${HYDRATED}/dev@2090-01/file`,
    );
    assert.match(await kit("ls", 1, "3-server.sh"), /not from this kit/);
    assert.equal(await lab.must("ls", `cat ${HYDRATED}/dev@2090-01/file`), "mine\n");
    await lab.must("ls", `touch ${REPOSITORY}/tmp/dev@2090-01.receiving`);
    assert.match(await kit("ls", 0, "3-server.sh"), /Clearing away/);
  });

  test("the server has both labels and the working copy; a second run does nothing", async () => {
    await installTreeTools(lab, "ls");
    assert.deepEqual(await hydrated(), ["dev@2090-01", "dev@2090-02"]);
    assert.equal(await fingerprint(lab, ["ls", `${HYDRATED}/dev@2090-02`]), was);
    assert.equal(await fingerprint(lab, ["ls", WORKING_COPY]), was);
    const again = await kit("ls", 0, "3-server.sh");
    assert.doesNotMatch(again, /Receiving/);
    assert.match(again, /a copy of it already/);
  });

  test("without a server, the workstation comes back from the bucket", async () => {
    const env = "CREDENTIALS=/opt/kit/login COPY=/home/rescue";
    await kit("ws", 0, "1-keys.sh /opt/identity", { env });
    await kit("ws", 0, "2-fetch.sh", { env });
    await kit("ws", 0, "4-workstation.sh", { env });
    await installTreeTools(lab, "ws");
    assert.equal(await fingerprint(lab, ["ws", SOURCE]), was);
    await lab.must(
      "ws",
      `btrfs -q subvolume delete ${SOURCE} ${SNAPSHOTS}/dev@*; rm -r /home/rescue ${SNAPSHOTS}`,
    );
  });

  test("with the server, over the user's own ssh, and never over what is there", async () => {
    for (const [from, name] of [
      [lab.identity, "id_ed25519"],
      [lab.knownHosts, "known_hosts"],
    ] as const)
      await lab.must("ws", `umask 077; mkdir -p ~/.ssh; cat >~/.ssh/${name}`, {
        user: "dev",
        input: await readFile(from, "utf8"),
      });
    await lab.must("ws", `mkdir ${SOURCE}; echo mine >${SOURCE}/file`, { user: "dev" });
    assert.match(await kit("ws", 1, "4-workstation.sh", { user: "dev" }), /there is something at/);
    assert.equal(await lab.must("ws", `cat ${SOURCE}/file`), "mine\n");
    await lab.must("ws", `rm -r ${SOURCE}`);
    assert.doesNotMatch(await kit("ws", 0, "4-workstation.sh", { user: "dev" }), /Receiving/);
    assert.equal(await fingerprint(lab, ["ws", SOURCE]), was);
    assert.match(await kit("ws", 0, "4-workstation.sh", { user: "dev" }), /a copy of it already/);
    assert.deepEqual(await lab.must("ws", `ls -A ${SNAPSHOTS}`), "dev@2090-02\n");
  });

  test("devbackup goes on: nothing hazardous to do, and the next month is an increment", async () => {
    // what the controller remembered went with its machine
    await rm(join(lab.dir, "state"), { recursive: true });
    const plan = await planned(lab, ["--label", "2090-02", ...config]);
    assert.deepEqual(plan.problems, []);
    const unwanted = plan.actions.filter(
      ({ kind, hazard }) =>
        hazard !== "none" || ["artifact", "hydrate", "upload", "working-copy"].includes(kind),
    );
    assert.deepEqual(unwanted, []);
    await lab.must("ws", `echo 2090-03 >${SOURCE}/file`);
    await apply("2090-03");
    const row = (await manifestOf(lab)).at(-1);
    assert.deepEqual([row?.label, row?.type, row?.parent], ["2090-03", "incr", "2090-02"]);
    const now = await fingerprint(lab, ["ws", SOURCE]);
    assert.equal(await fingerprint(lab, ["ls", `${HYDRATED}/dev@2090-03`]), now);
    assert.equal(await fingerprint(lab, ["ls", WORKING_COPY]), now);
    assert.deepEqual((await planned(lab, ["--label", "2090-03", ...config])).actions, []);
  });

  test("only the dataset is lost: the snapshot that was taken of it there will do", async () => {
    const now = await fingerprint(lab, ["ws", SOURCE]);
    await lab.must("ws", `btrfs -q subvolume delete ${SOURCE}`);
    assert.doesNotMatch(await kit("ws", 0, "4-workstation.sh", { user: "dev" }), /Receiving/);
    assert.equal(await fingerprint(lab, ["ws", SOURCE]), now);
  });
});
