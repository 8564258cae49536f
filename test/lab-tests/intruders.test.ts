import assert from "node:assert/strict";
import { chown, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ENTER } from "../../src/reconcilers/machine/enter.ts";
import { actionIn, expectExit, type Planned, planned } from "../lab/expect.ts";
import { type Lab, type Machine, startLab, whyNoLab } from "../lab/lab.ts";
import { secretsFound } from "../lab/secrets.ts";
import { streamOf } from "../lab/stream.ts";

const [SOURCE, SNAPSHOTS] = ["/home/dev/code", "/home/dev/snapshots"];
const REPOSITORY = "/srv/btrfs-backups/dev";
/** In a folder that is a user's own, as a home is. */
const WORKING_COPY = "/srv/dev/code";

describe("what an intruder can and cannot do", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let config: string[];

  before(async () => {
    lab = await startLab({ store: "r2" });
    config = [
      "--config",
      await lab.desiredState({ cloud: undefined, datasets: { dev: { working_copy: WORKING_COPY } } }),
    ];
    await lab.must("ls", "mkdir /srv/dev; chown dev: /srv/dev");
    await lab.must("ws", "btrfs -q subvolume create code; echo 1 >code/file", { user: "dev" });
    for (const machine of ["ws", "ls"] as const)
      await lab.must(
        machine,
        "useradd mallory; mkdir /etc/victim; echo precious >/etc/victim/file; chmod 600 /etc/victim/file",
      );
    await lab.must("ls", "btrfs -q subvolume create /srv/victim; echo precious >/srv/victim/file");
    await lab.must("ws", "btrfs -q subvolume create /home/victim; echo precious >/home/victim/file");
    await month("2090-01");
  });
  after(() => lab?.stop());

  const apply = (...more: string[]) => ["apply", "--yes", ...more, ...config];
  const month = (label: string) => expectExit(lab, 0, apply("--label", label, "--approve", "all"));
  const ids = ({ actions }: Planned) => actions.map(({ id }) => id);
  const victimsStand = async (machine: Machine): Promise<void> => {
    const disk = { ws: "/home", ls: "/srv" }[machine];
    const found = await lab.must(
      machine,
      `cd /etc/victim; find . -printf '%p %m %u\\n'; cat file; cat ${disk}/victim/file; btrfs property get -ts ${disk}/victim ro`,
    );
    assert.equal(found, ". 755 root\n./file 600 root\nprecious\nprecious\nro=false\n");
  };

  describe("the dataset's owner on the workstation", () => {
    test("a lock and a mark that lead elsewhere, in a snapshots folder of their own: nothing there is written", async () => {
      await lab.must(
        "ws",
        `mv snapshots former; mkdir snapshots; cd snapshots
         for f in .receive.lock .dev@2090-01.receiving; do ln -s /etc/victim/file $f; done`,
        { user: "dev" },
      );
      await expectExit(lab, 0, apply("--restore", "2090-01", "--approve", "all"));
      await victimsStand("ws");
      const rights = await lab.must("ws", `stat -c '%a %U %F' ${SNAPSHOTS}/.receive.lock`);
      assert.match(rights, /^600 root regular/);
      assert.equal(await lab.must("ws", `cat ${SNAPSHOTS}/dev@2090-01/file`), "1\n");
    });

    test("a link where what stood there is set aside: it is refused, and nothing is moved there", async () => {
      await lab.must("ws", "echo 2 >>code/file; mv code.set-aside aside; ln -s /etc/victim code.set-aside", {
        user: "dev",
      });
      const { exitCode, stderr } = await lab.devbackup(apply("--restore", "2090-01", "--approve", "all"));
      assert.equal(exitCode, 1, stderr);
      assert.match(
        stderr.replace(/\s+/g, " "),
        /code\.set-aside can be changed by others than root: move it away/,
      );
      await victimsStand("ws");
      assert.equal(await lab.must("ws", `rm ${SOURCE}.set-aside; cat ${SOURCE}/file`), "1\n2\n");
    });

    test("what they put beside it under our names is neither used nor deleted", async () => {
      await lab.must(
        "ws",
        "ln -s /home/victim code.devbackup-restored; btrfs -q subvolume create code.devbackup-restored.2",
        { user: "dev" },
      );
      await expectExit(lab, 0, apply("--restore", "2090-01", "--approve", "all"));
      await victimsStand("ws");
      assert.equal(
        await lab.must(
          "ws",
          "cd /home/dev; rm code.devbackup-restored; rmdir code.devbackup-restored.2; cat code/file",
        ),
        "1\n",
      );
    });
  });

  describe("the working copy's owner on the server", () => {
    test("a link under the name of the former copy: what it leads to is not deleted", async () => {
      await lab.must("ls", "ln -s /srv/victim /srv/dev/code.devbackup-old", { user: "dev" });
      const { exitCode, stderr } = await lab.devbackup(apply("--label", "2090-02", "--approve", "all"));
      assert.equal(exitCode, 1, stderr);
      assert.match(stderr, /code\.devbackup-old is in the way/);
      await victimsStand("ls");
      await lab.must("ls", "rm /srv/dev/code.devbackup-old");
      await month("2090-02");
    });

    test("a link where local edits are set aside: nothing is put there", async () => {
      await lab.must("ls", "echo edit >>/srv/dev/code/file; ln -s /etc/victim /srv/dev/code.set-aside", {
        user: "dev",
      });
      const { exitCode, stderr } = await lab.devbackup(apply("--label", "2090-03"));
      assert.equal(exitCode, 1, stderr);
      await victimsStand("ls");
      await lab.must("ls", "rm /srv/dev/code.set-aside");
      await month("2090-03");
      assert.match(await lab.must("ls", "cat /srv/dev/code.set-aside/*/file"), /edit/);
    });
  });

  test("root on the workstation: a stream that writes beyond the snapshot is refused on the server", async () => {
    const input = streamOf(["subvol", "dev@2090-01"], ["mkfile", "../../../../../../etc/escaped"]).toString(
      "base64",
    );
    const receive = (how: string) =>
      lab.run(
        "ls",
        `${ENTER}mkdir -p /srv/try && cd /srv/try && base64 -d | ${how}; rm -f stdin; ls /etc/escaped`,
        { input },
      );
    assert.match(
      (await receive("btrfs -q receive .")).stdout,
      /escaped/,
      "btrfs receive itself lets it through",
    );
    await lab.must("ls", "rm /etc/escaped; btrfs -q subvolume delete /srv/try/*");
    assert.doesNotMatch((await receive("receive_here")).stdout, /escaped/);
  });

  test("another user of either machine: keys, backups and what is under way are closed to them", async () => {
    const denied = async (machine: Machine, script: string) => {
      const { exitCode, stdout } = await lab.run(
        machine,
        `exec su mallory -s /bin/sh -c ${JSON.stringify(script)}`,
      );
      assert.notEqual(exitCode, 0, script);
      assert.equal(stdout, "", script);
    };
    await denied("ls", `cat ${REPOSITORY}/keys/ls_dev_backup.key`);
    await denied("ls", `ls ${REPOSITORY}`);
    await denied("ls", `cat ${REPOSITORY}/manifests/snapshots_v2.tsv`);
    await denied("ls", `cat ${REPOSITORY}/restore/worktree_receive/dev@2090-01/file`);
    await denied("ls", `flock -n ${REPOSITORY}/locks/apply.lock echo taken`);
    await denied("ws", `chmod 755 /home/dev 2>/dev/null; flock -n ${SNAPSHOTS}/.receive.lock echo taken`);
    await denied("ws", "echo age1mine >>/etc/devbackup/ls_dev_backup.pub");
    await denied("ws", "mv /etc/devbackup/ls_dev_backup.pub /tmp/x");
  });

  test("keys, recipient, artifacts and manifest that are open to others are in the plan, and mended", async () => {
    await lab.must(
      "ls",
      `cd ${REPOSITORY}; chmod 644 keys/ls_dev_backup.key; chown mallory keys/ls_dev_sign.key; chmod 777 keys
       chown mallory artifacts/anchors/*; chmod 666 manifests/snapshots_v2.tsv`,
    );
    await lab.must("ws", "cd /etc/devbackup; echo age1more >>ls_dev_backup.pub; chmod 666 ls_dev_backup.pub");
    const plan = await planned(lab, ["--label", "2090-03", ...config]);
    assert.deepEqual(ids(plan).sort(), ["key:dev", "layout:ls/dev", "recipient:dev", "sign-key:dev"]);
    assert.match(actionIn(plan, "recipient:dev").reason, /age1more; mode and owner are 666 0, not 444 0/);
    for (const { hazard } of plan.actions) assert.equal(hazard, "none");
    await expectExit(lab, 0, apply("--label", "2090-03"));
    const rights = await lab.must(
      "ls",
      `cd ${REPOSITORY}; stat -c '%a %U' keys keys/ls_dev_backup.key keys/ls_dev_sign.key artifacts/anchors/* manifests/snapshots_v2.tsv`,
    );
    assert.equal(rights, "700 root\n400 root\n400 root\n440 root\n640 root\n");
    assert.equal(
      await lab.must("ws", "stat -c '%a %U' /etc/devbackup/*; cat /etc/devbackup/* | wc -l"),
      "444 root\n1\n",
    );
  });

  test("a folder above the repository that everybody may write to stops the plan; another's is warned of", async () => {
    const above = "/srv/btrfs-backups";
    const look = async () => {
      const { stdout } = await lab.devbackup(["plan", "--json", "--label", "2090-03", ...config]);
      const { problems, warnings } = JSON.parse(stdout) as Record<
        "problems" | "warnings",
        { code: string }[]
      >;
      return [...problems, ...warnings].map(({ code }) => code).filter((code) => code.startsWith("open-"));
    };
    await lab.must("ls", `chmod 777 ${above}`);
    assert.deepEqual(await look(), ["open-to-all"]);
    await lab.must("ls", `chmod 755 ${above}; chown mallory ${above}`);
    assert.deepEqual(await look(), ["open-to-user"]);
    await lab.must("ls", `chown root ${above}`);
    assert.deepEqual(await look(), []);
  });

  test("a desired state that lies in the folder one is in, and is another's: none of its commands runs", async () => {
    const folder = join(lab.dir, "theirs");
    const file = join(folder, "desired-state/devbackup.yaml");
    const canary = join(lab.dir, "ran");
    await mkdir(join(folder, "desired-state"), { recursive: true });
    const text = await readFile(join(config[1] ?? "", "devbackup.yaml"), "utf8");
    const command = `{ command: [touch, ${canary}] }`;
    await writeFile(
      file,
      `${text}cloud:\n  endpoint: ${lab.bucket.endpoint}\n  bucket: dev-backups\n  access_key_id: ${command}\n  secret_access_key: ${command}\n`,
    );
    const ran = () =>
      stat(canary).then(
        () => true,
        () => false,
      );
    await chown(file, 4242, 4242);
    const refused = await lab.devbackup(["plan"], { cwd: folder });
    assert.equal(refused.exitCode, 1);
    assert.match(
      refused.stderr.replace(/\s+/g, " "),
      /somebody else could have written it \[not-ours\] It belongs to user 4242/i,
    );
    assert.equal(await ran(), false);
    await lab.devbackup(["validate"], { cwd: folder, env: { DEVBACKUP_CONFIG: folder } });
    await lab.devbackup(["plan", "--config", join(folder, "desired-state")]);
    assert.equal(await ran(), true, "named, it is read: then it is whoever names it who vouches for it");
  });

  test("a plan file: another's is refused, and a forged one lets no hazard through", async () => {
    await lab.must("ws", `echo 3 >>${SOURCE}/file`);
    const file = join(lab.dir, "plan");
    const made = ["plan", "--restore", "2090-01", "--out", file, ...config];
    assert.match(await expectExit(lab, 0, made), /worktree:dev@2090-01/);
    await writeFile(file, (await readFile(file, "utf8")).replaceAll('"destructive"', '"none"'));
    await expectExit(lab, 5, ["apply", "--yes", ...config, file]);
    await chown(file, 4242, 4242);
    const { stderr } = await lab.devbackup(["apply", "--yes", ...config, file]);
    assert.match(stderr.replace(/\s+/g, " "), /somebody else could have written it/);
    assert.match(await lab.must("ws", `cat ${SOURCE}/file`), /3/);
  });

  test("the search that follows every lab finds a secret wherever it is left", async () => {
    assert.deepEqual(await secretsFound(lab), []);
    const secret = lab.bucket.secretAccessKey;
    await lab.must("ws", `logger "${secret}"; echo ${secret} >>/root/.bash_history; journalctl --sync`);
    await lab.must(
      "ls",
      `echo ${secret} >>${REPOSITORY}/logs/x; S=${secret} setsid sleep 60 >/dev/null 2>&1 &`,
    );
    await writeFile(join(lab.dir, "state/x"), secret);
    const found = await secretsFound(lab);
    for (const where of [
      /^ws: journal$/,
      /^ws: \/root\/\.bash_history$/,
      /^ls: .*\/logs\/x$/,
      /^ls: \/proc\/\d+\/environ$/,
      /^controller: .*state\/x$/,
    ])
      assert.ok(
        found.some((each) => where.test(each)),
        `${where}: ${found.join(" ")}`,
      );
    await lab.must("ws", "rm /root/.bash_history; journalctl -q --rotate --vacuum-time=1s");
    await lab.must("ls", `rm ${REPOSITORY}/logs/x; pkill -x sleep`);
    await writeFile(join(lab.dir, "state/x"), "");
  });
});
