import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { actionIn, expectExit, manifestOf, type Planned, planned } from "../lab/expect.ts";
import { assertUnchanged } from "../lab/footprint.ts";
import { addDisk } from "../lab/from-outside.ts";
import { type Changes, type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { startDevbackup } from "../lab/started.ts";
import { fingerprint, installTreeTools } from "../lab/tree.ts";

const SOURCE = "/home/dev/code";
const REPOSITORY = "/srv/btrfs-backups/dev";
const HYDRATED = `${REPOSITORY}/restore/worktree_receive`;
const MANIFEST = `${REPOSITORY}/manifests/snapshots_v2.tsv`;
const WORKING_COPY = "/srv/work/dev";

describe("parents, hydrated snapshots and the working copy, whatever happens to them", {
  skip: whyNoLab(),
}, () => {
  let lab: Lab;
  let config: string;
  before(async () => {
    lab = await startLab();
    await Promise.all([installTreeTools(lab, "ws"), installTreeTools(lab, "ls")]);
    config = await withoutCloud({});
    await lab.must(
      "ws",
      `mkdir ${SOURCE}; cd ${SOURCE}; head -c 1M /dev/urandom >base; mkdir folder; echo 1 >folder/file; chown -R dev: .`,
    );
    await month("2026-01", "--approve", "all");
    await month("2026-02");
  });
  after(() => lab?.stop());

  const withoutCloud = (dev: Changes) =>
    lab.desiredState({
      datasets: { dev: { anchor: { max_incremental_ratio: 1000 }, ...dev } },
      cloud: undefined,
    });
  const plan = (label: string): Promise<Planned> => planned(lab, ["--label", label, "--config", config]);
  const apply = (label: string, ...args: string[]) =>
    lab.devbackup(["apply", "--yes", "--label", label, "--config", config, ...args]);
  const lastRow = async () => {
    const row = (await manifestOf(lab)).at(-1);
    return [row?.label, row?.type, row?.parent];
  };

  /** A little work, then its backup, after which nothing is left to do and all copies are the same. */
  async function month(label: string, ...args: string[]): Promise<string> {
    await lab.must("ws", `echo ${label} >>${SOURCE}/folder/file; echo ${label} >${SOURCE}/${label}`);
    return brought(label, ...args);
  }

  async function brought(label: string, ...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await apply(label, ...args);
    assert.equal(exitCode, 0, stdout + stderr);
    assert.match(stdout, /nothing left to do/);
    await assertNothingLeft(label);
    await assertSame(label, WORKING_COPY);
    return stdout;
  }

  async function assertNothingLeft(label: string): Promise<void> {
    await expectExit(lab, 0, ["plan", "--detailed-exitcode", "--label", label, "--config", config]);
  }

  async function assertSame(label: string, workingCopy: string): Promise<void> {
    const [source, hydrated, copy] = await Promise.all([
      fingerprint(lab, ["ws", SOURCE]),
      fingerprint(lab, ["ls", `${HYDRATED}/dev@${label}`]),
      fingerprint(lab, ["ls", workingCopy]),
    ]);
    assert.equal(hydrated, source);
    assert.equal(copy, source);
  }

  /** Lets `script` do on the server what `btrfs` with these words would; "$@" is the real one. Undone by what it gives. */
  async function wrapBtrfs(words: string, script: string): Promise<() => Promise<string>> {
    const [wrapper, btrfs] = [
      "/usr/local/bin/btrfs",
      (await lab.must("ls", "PATH=/usr/bin:/bin command -v btrfs")).trim(),
    ];
    await lab.must("ls", `cat >${wrapper}; chmod 755 ${wrapper}`, {
      input: `#!/bin/sh\nwords=$*; set -- ${btrfs} "$@"; case $words in *"${words}"*) ${script};; *) exec "$@";; esac\n`,
    });
    assert.equal(await lab.must("ls", "sudo sh -c 'command -v btrfs'", { user: "dev" }), `${wrapper}\n`);
    return () => lab.must("ls", `rm ${wrapper}`);
  }

  describe("the parent", () => {
    test("is gone from the workstation: the next is an anchor, and the plan says so before", async () => {
      await lab.must("ws", "btrfs -q subvolume delete /home/dev/snapshots/dev@2026-02");
      const { reason } = actionIn(await plan("2026-03"), "artifact:dev@2026-03");
      assert.match(reason, /^anchor: the parent dev@2026-02 is gone from ws$/);
      await month("2026-03");
      assert.deepEqual(await lastRow(), ["2026-03", "full", "-"]);
    });

    test("is gone from the server, its artifact is there: it is received again, and the increment goes on", async () => {
      await lab.must("ls", `btrfs -q subvolume delete ${HYDRATED}/dev@2026-03`);
      const next = await plan("2026-04");
      assert.equal(actionIn(next, "hydrate:dev@2026-03").hazard, "none");
      assert.match(actionIn(next, "artifact:dev@2026-04").summary, /as an increment on 2026-03/);
      await month("2026-04");
      assert.deepEqual(await lastRow(), ["2026-04", "incr", "2026-03"]);
    });

    test("is gone from the server with its artifact: the next is an anchor, and the plan says so before", async () => {
      const file = "artifacts/incr/dev@2026-04.incr.from_2026-03.send.zst.age";
      await lab.must(
        "ls",
        `btrfs -q subvolume delete ${HYDRATED}/dev@2026-04; mv ${REPOSITORY}/${file} /srv/kept`,
      );
      const { reason } = actionIn(await plan("2026-05"), "artifact:dev@2026-05");
      assert.match(
        reason,
        /^anchor: the parent dev@2026-04 is gone from ls, and so is the artifact of 2026-04/,
      );
      const said = await month("2026-05");
      assert.match(said, new RegExp(`${file} is missing`));
      assert.deepEqual(await lastRow(), ["2026-05", "full", "-"]);
      // whoever finds it can put it back
      await lab.must("ls", `mv /srv/kept ${REPOSITORY}/${file}`);
      assert.doesNotMatch(await brought("2026-05"), /is missing/);
    });
  });

  describe("the hydrated snapshot", () => {
    test("was made writable: it is replaced only when that is approved", async () => {
      await lab.must("ls", `btrfs property set -f -ts ${HYDRATED}/dev@2026-05 ro false`);
      assert.equal(actionIn(await plan("2026-05"), "hydrate:dev@2026-05").hazard, "destructive");

      const left = await apply("2026-05");
      assert.match(left.stdout + left.stderr, /devbackup apply .*--approve hydrate:dev@2026-05/);
      assert.equal(await lab.must("ls", `btrfs property get -ts ${HYDRATED}/dev@2026-05 ro`), "ro=false\n");

      await brought("2026-05", "--approve", "hydrate:dev@2026-05");
      assert.equal(await lab.must("ls", `btrfs property get -ts ${HYDRATED}/dev@2026-05 ro`), "ro=true\n");
      assert.match(
        await lab.must("ls", `btrfs subvolume show ${HYDRATED}/dev@2026-05`),
        /Received UUID:\s+[0-9a-f-]{36}/,
      );
    });

    test("the receive is killed half way: it says so, and the next apply completes", async () => {
      await lab.must("ws", `head -c 8M /dev/urandom >${SOURCE}/large`);
      const takeAway = await wrapBtrfs(
        "receive -C -e",
        'head -c 4M >/tmp/half; { cat /tmp/half; until [ -e /tmp/go ]; do sleep 0.1; done; cat; } | "$@"',
      );
      const running = startDevbackup(lab, ["apply", "--yes", "--label", "2026-06", "--config", config]);
      const killed = lab.must(
        "ls",
        `timeout 60 sh -c 'until [ -s ${HYDRATED}/dev@2026-06/large ]; do sleep 0.1; done' || { touch /tmp/go; exit 1; }
         kill -KILL "$(pgrep -xf '/[^ ]* -q receive -C -e .*')"; touch /tmp/go`,
      );
      const [{ exitCode, stdout, stderr }] = await Promise.all([running.ended, killed]);
      assert.equal(exitCode, 1, stdout + stderr);
      assert.match(stdout + stderr, /dev@2026-06 could not be received/);
      assert.deepEqual(await lastRow(), ["2026-06", "incr", "2026-05"], "it was registered before");
      await takeAway();
      await brought("2026-06");
    });

    test("the server lost its power half way: the next apply clears the remains away and completes", async () => {
      await lab.must(
        "ls",
        `cd ${HYDRATED}; btrfs -q subvolume delete dev@2026-06; btrfs -q subvolume create dev@2026-06
         echo half >dev@2026-06/base; touch ${REPOSITORY}/tmp/dev@2026-06.receiving`,
      );
      assert.equal(actionIn(await plan("2026-06"), "hydrate:dev@2026-06").hazard, "none");
      await brought("2026-06");
      assert.equal(await lab.must("ls", `ls -A ${REPOSITORY}/tmp`), "");
    });
  });

  describe("artifacts and their rows", () => {
    test("a file without a row is set aside, whole, and never received", async () => {
      const stranger = "dev@2026-07.full.send.zst.age";
      await lab.must("ls", `echo stranger >${REPOSITORY}/artifacts/anchors/${stranger}`);
      actionIn(await plan("2026-06"), `set-aside:dev/${stranger}`);
      await brought("2026-06");
      assert.equal(await lab.must("ls", `cat ${REPOSITORY}/tmp/set-aside/${stranger}`), "stranger\n");
      assert.equal(await lab.must("ls", `ls ${REPOSITORY}/artifacts/anchors | grep -c 2026-07; :`), "0\n");
      await month("2026-07");
      assert.deepEqual(await lastRow(), ["2026-07", "incr", "2026-06"]);
    });

    test("an artifact that is complete and has no row yet is registered, not sent again", async () => {
      await lab.must("ws", `echo 8 >${SOURCE}/2026-08`);
      await expectExit(lab, 0, [
        "apply",
        "--yes",
        "--label",
        "2026-08",
        "--only",
        "provision,snapshot,artifact",
        "--config",
        config,
      ]);
      const file = () => lab.must("ls", `stat -c '%i %s %Y' ${REPOSITORY}/artifacts/incr/dev@2026-08.*`);
      const made = await file();
      assert.equal((await lastRow())[0], "2026-07");
      const rest = await plan("2026-08");
      assert.equal(
        rest.actions.find(({ kind }) => kind === "artifact"),
        undefined,
      );
      assert.match(actionIn(rest, "register:dev@2026-08").reason, /proven, and has no row yet/);
      await brought("2026-08");
      assert.equal(await file(), made);
      assert.deepEqual(await lastRow(), ["2026-08", "incr", "2026-07"]);
    });

    test("a manifest that is gone is not begun anew over artifacts that are there", async () => {
      await lab.must("ls", `mv ${MANIFEST} /srv/manifest`);
      await refused("2026-09", /snapshots_v2\.tsv is gone, and \d+ artifacts/);
      await lab.must("ls", `mv /srv/manifest ${MANIFEST}`);
      await assertNothingLeft("2026-08");
    });

    test("a damaged manifest is refused with the line that is", async () => {
      await lab.must(
        "ls",
        `cp -p ${MANIFEST} /srv/manifest; sed -i '3s/\\t[0-9a-f]*\\t\\(artifacts\\)/\\tbad\\t\\1/' ${MANIFEST}`,
      );
      await refused(
        "2026-09",
        /\/srv\/btrfs-backups\/dev\/manifests\/snapshots_v2\.tsv:3: "bad" is no SHA-256/,
      );
      await lab.must("ls", `mv /srv/manifest ${MANIFEST}`);
      await assertNothingLeft("2026-08");
    });

    const refused = (label: string, says: RegExp) =>
      assertUnchanged(lab, async () => {
        const { exitCode, stdout, stderr } = await apply(label, "--approve", "all");
        assert.equal(exitCode, 6, stdout + stderr);
        assert.match(unwrapped(stdout + stderr), says);
      });
  });

  describe("the working copy", () => {
    const setAside = async () =>
      (await lab.must("ls", `ls ${WORKING_COPY}.set-aside 2>/dev/null; :`)).split("\n").filter(Boolean);

    test("local edits are set aside as a read-only snapshot with the edits in it", async () => {
      await lab.must(
        "ls",
        `cd ${WORKING_COPY}; echo edit >>folder/file; echo new >new; rm 2026-01; chmod 700 folder`,
        { user: "root" },
      );
      const [edited, earlier] = [await fingerprint(lab, ["ls", WORKING_COPY]), await setAside()];
      const said = await month("2026-09");
      const kept = new RegExp(
        `local edits are kept in (${WORKING_COPY}\\.set-aside/dev@2026-08\\.edited-\\S+)`,
      ).exec(unwrapped(said))?.[1];
      assert.ok(kept, said);
      assert.equal(await fingerprint(lab, ["ls", kept]), edited);
      assert.equal(await lab.must("ls", `btrfs property get -ts ${kept} ro`), "ro=true\n");
      assert.equal((await setAside()).length, earlier.length + 1);
    });

    test("where what it was made from had been received again, it was set aside under its label", async () => {
      for (const name of await setAside()) assert.match(name, /^dev@2026-\d\d\.edited-\d{8}T\d{6}Z$/);
    });

    test("reading alone leaves nothing to set aside", async () => {
      const atimes = () => lab.must("ls", `find ${WORKING_COPY} -printf '%A@\\n' | cksum`);
      const [before, earlier] = [await atimes(), await setAside()];
      await lab.must(
        "ls",
        `mount -o remount,strictatime /srv; find ${WORKING_COPY} -type f -exec cat {} + >/dev/null; sync -f /srv`,
      );
      assert.notEqual(await atimes(), before, "reading has changed it");
      await month("2026-10");
      await lab.must("ls", "mount -o remount,noatime /srv");
      assert.deepEqual(await setAside(), earlier);
    });

    test("where it can't be told whether it was edited, it is set aside", async () => {
      await lab.must("ls", `echo edit >>${WORKING_COPY}/folder/file`);
      const earlier = await setAside();
      // fails half way, after a part that speaks of no edit
      const takeAway = await wrapBtrfs("send --no-data", '"$@" | head -c 220; exit 1');
      await month("2026-11");
      await takeAway();
      assert.equal((await setAside()).length, earlier.length + 1);
    });

    test("a stranger's directory in its place is kept under another name, and only when that is approved", async () => {
      await lab.must(
        "ls",
        `btrfs -q subvolume delete ${WORKING_COPY}; mkdir ${WORKING_COPY}; echo mine >${WORKING_COPY}/mine`,
      );
      assert.equal(actionIn(await plan("2026-11"), "working-copy:dev@2026-11").hazard, "destructive");
      const left = await apply("2026-11");
      assert.match(left.stdout + left.stderr, /devbackup apply .*--approve working-copy:dev@2026-11/);
      assert.equal(await lab.must("ls", `ls ${WORKING_COPY}`), "mine\n");
      await brought("2026-11", "--approve", "working-copy:dev@2026-11");
      assert.equal(await lab.must("ls", `cat ${WORKING_COPY}.before-devbackup/mine`), "mine\n");
    });

    test("on another file system it follows from month to month, local edits included", async () => {
      await addDisk(lab, "ls", "/mnt/second");
      const there = "/mnt/second/dev";
      config = await withoutCloud({ working_copy: there });
      for (const label of ["2026-12", "2027-01"]) {
        await lab.must("ws", `echo ${label} >>${SOURCE}/folder/file`);
        await expectExit(lab, 0, ["apply", "--yes", "--label", label, "--config", config]);
        await assertSame(label, there);
        await assertNothingLeft(label);
        assert.equal(
          await lab.must("ls", `ls ${there}.devbackup`),
          `dev@${label}\n`,
          "made from this one alone",
        );
        assert.equal(
          await lab.must("ls", `ls ${there}.set-aside 2>/dev/null | wc -l`),
          label === "2026-12" ? "0\n" : "1\n",
        );
        await lab.must("ls", `echo edit >>${there}/folder/file`);
      }
      assert.equal(await lab.must("ls", `tail -n 1 ${there}.set-aside/*/folder/file`), "edit\n");
    });

    test("none is declared: none is made, and the one that was there stays", async () => {
      config = await withoutCloud({ working_copy: null });
      const before = await fingerprint(lab, ["ls", WORKING_COPY]);
      await lab.must("ws", `echo 2 >>${SOURCE}/folder/file`);
      const next = await plan("2027-02");
      assert.equal(
        next.actions.find(({ kind }) => kind === "working-copy"),
        undefined,
      );
      await expectExit(lab, 0, ["apply", "--yes", "--label", "2027-02", "--config", config]);
      await assertNothingLeft("2027-02");
      await assertSame("2027-02", `${HYDRATED}/dev@2027-02`);
      assert.equal(await fingerprint(lab, ["ls", WORKING_COPY]), before);
    });
  });

  test("new systems on the old disks: the tools first, the same again, and the chain goes on", async () => {
    const bare = "dpkg --remove --force-depends btrfs-progs zstd >/dev/null 2>&1";
    await Promise.all([lab.must("ws", bare), lab.must("ls", bare)]);
    await lab.must("ws", `echo 3 >>${SOURCE}/folder/file`);
    const next = await plan("2027-03");
    assert.deepEqual(next.problems, []);
    assert.deepEqual(
      next.actions.map(({ id }) => id),
      ["packages:ws", "packages:ls"],
    );
    const first = await apply("2027-03");
    assert.equal(first.exitCode, 1, first.stdout + first.stderr);
    assert.match(first.stdout, /next: devbackup apply /);
    await expectExit(lab, 0, ["apply", "--yes", "--label", "2027-03", "--config", config]);
    assert.deepEqual(await lastRow(), ["2027-03", "incr", "2027-02"]);
    await assertNothingLeft("2027-03");
  });
});

/** Text for people, without its line breaks. */
const unwrapped = (text: string): string => text.replace(/\s*\n\s*/g, " ");
