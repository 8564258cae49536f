import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectExit, manifestOf, planned } from "./expect.ts";
import { hold, installHold, isHeld, release } from "./hold.ts";
import { type Machine, type Result, startLab } from "./lab.ts";
import { noResidue } from "./residue.ts";
import { type Started, startDevbackup } from "./started.ts";

export const SOURCE = "/home/dev/code";
export const SNAPSHOTS = "/home/dev/snapshots";
export const REPOSITORY = "/srv/btrfs-backups/dev";
export const HYDRATED = `${REPOSITORY}/restore/worktree_receive`;
export const LATEST = ["apply", "--yes", "--restore", "latest"];

/** A dataset with three months of backups, which a test loses and brings back; all commands but for what they share. */
export type Losing = Awaited<ReturnType<typeof startLosing>>;

export async function startLosing() {
  const lab = await startLab({ store: "swift" });
  const passphrase = join(lab.dir, "passphrase");
  await writeFile(passphrase, "four sober months of winter\n", { mode: 0o600 });
  const made = await expectExit(lab, 0, [
    ...["keys", "new-recovery", "--json", "--out", "recovery.age", "--passphrase-file", passphrase],
  ]);
  const { recipient } = JSON.parse(made) as { recipient: string };
  const folder = await lab.desiredState({
    encryption: { recovery_recipients: [recipient] },
    datasets: { dev: { anchor: { max_age_months: 50, max_incremental_ratio: 100 } } },
  });
  const identity = join(lab.dir, "recovery.age");
  const common = ["--identity", identity, "--passphrase-file", passphrase, "--config", folder];
  // a link that has died is noticed in 6 s instead of the usual 45
  const impatient = join(lab.dir, "impatient");
  await writeFile(impatient, "Host *\n  ServerAliveInterval 2\n  ServerAliveCountMax 3\n");
  await lab.must("ws", `btrfs -q subvolume create ${SOURCE}; chown dev: ${SOURCE}`);
  await lab.must("ws", `cd ${SOURCE} && head -c 40M /dev/urandom >large && mkdir a "b c" && echo x >"b c/x"`);
  const running: Started[] = [];
  let month = 0;
  /** What an uncut restore ends in. */
  let uncut = "";

  const newest = () => `2090-0${month}`;
  const done = (args: readonly string[]): Promise<string> => expectExit(lab, 0, [...args, ...common]);

  async function nextMonth(): Promise<void> {
    month += 1;
    const label = newest();
    await lab.must("ws", `cd ${SOURCE} && head -c 8M /dev/urandom >"of ${label}" && echo ${label} >>"b c/x"`);
    await expectExit(lab, 0, ["apply", "--yes", "--label", label, ...common.slice(-2)]);
    const row = (await manifestOf(lab)).at(-1);
    assert.deepEqual([row?.label, row?.type], [label, month === 1 ? "full" : "incr"]);
    assert.equal(
      await treeAt("ls", `${HYDRATED}/dev@${label}`),
      await treeAt("ws", `${SNAPSHOTS}/dev@${label}`),
    );
  }

  const treeAt = (machine: Machine, path: string): Promise<string> =>
    lab.must(
      machine,
      `cd ${path} && find . -mindepth 1 -maxdepth 1 -printf '%f\\0' | LC_ALL=C sort -z |
      tar --sort=name --numeric-owner --format=gnu -c --null -T - | sha256sum`,
    );

  /** All that is of interest, on both machines: names, rights, contents. */
  async function state(): Promise<string> {
    const files = `-printf '%y %m %U:%G %p\\n' | LC_ALL=C sort`;
    const [ws, ls, ...trees] = await Promise.all([
      lab.must(
        "ws",
        `cd /home/dev && find . -maxdepth 1 ${files}; find snapshots -maxdepth 1 ${files}
        find /etc/devbackup ${files}; ls -d /run/devbackup.* 2>/dev/null; :`,
      ),
      lab.must(
        "ls",
        `cd ${REPOSITORY} && find . -path ./logs -prune -o -path './restore/worktree_receive/*/*' -prune -o ${files}
        find keys manifests artifacts tmp -type f | LC_ALL=C sort | xargs sha256sum
        ls -A /srv/work; ls -d /run/devbackup.* 2>/dev/null; :`,
      ),
      treeAt("ws", SOURCE),
      treeAt("ws", `${SNAPSHOTS}/dev@${newest()}`),
      treeAt("ls", `${HYDRATED}/dev@${newest()}`),
      treeAt("ls", "/srv/work/dev"),
    ]);
    return `${ws}${ls}${trees.join("")}`;
  }

  /** Deletes all that a wiped disk would lack, and leaves things of the user's own under names like ours. */
  const lose = {
    ws: () =>
      lab.must(
        "ws",
        `cd /home/dev; rm -rf /etc/devbackup
        for s in code snapshots/dev@2090-0[1-8]; do [ ! -e $s ] || btrfs -q subvolume delete $s; done
        find snapshots -mindepth 1 -maxdepth 1 -name '.*' -delete
        [ ! -e code.set-aside ] || { btrfs -q subvolume delete code.set-aside/*; rmdir code.set-aside; }
        [ -e snapshots/dev@2090-09 ] || {
          btrfs -q subvolume create snapshots/dev@2090-09; btrfs -q subvolume create snapshots/dev@2090-01x
          mkdir code.devbackup-restored old.devbackup-part; chown dev: code.devbackup-restored old.devbackup-part
          for d in snapshots/dev@2090-09 snapshots/dev@2090-01x code.devbackup-restored old.devbackup-part; do echo mine >$d/mine; done
        }
        sync; btrfs subvolume sync /home >/dev/null`,
      ),
    ls: () =>
      lab.must(
        "ls",
        `for s in ${HYDRATED}/*@* /srv/work/dev; do [ ! -e "$s" ] || btrfs -q subvolume delete "$s"; done
        rm -rf ${REPOSITORY} /srv/work; mkdir -p ${HYDRATED} ${REPOSITORY}/tmp
        cd ${HYDRATED}; btrfs -q subvolume create dev@2090-09; btrfs -q subvolume create dev@2090-01x; mkdir .dev
        for d in dev@2090-09 dev@2090-01x .dev ${REPOSITORY}/tmp; do echo mine >$d/mine; done
        sync; btrfs subvolume sync /srv >/dev/null`,
      ),
  };

  /** From nothing, so that both have what is the user's own beside it. */
  async function restoredUncut(): Promise<void> {
    await Promise.all([lose.ws(), lose.ls()]);
    await done(LATEST);
    uncut = await state();
  }

  async function decoysStand(): Promise<void> {
    const [ws, ls] = await Promise.all([
      lab.must(
        "ws",
        "cd /home/dev; cat snapshots/dev@2090-09/mine snapshots/dev@2090-01x/mine *-restored/mine *-part/mine",
      ),
      lab.must(
        "ls",
        `cd ${HYDRATED}; cat dev@2090-09/mine dev@2090-01x/mine .dev/mine ${REPOSITORY}/tmp/mine`,
      ),
    ]);
    assert.equal(ws, "mine\n".repeat(4));
    assert.equal(ls, "mine\n".repeat(4));
  }

  /** The command again, and all is as if it had never been cut off. */
  async function endsTheSame(): Promise<void> {
    await done(LATEST);
    await allIsThere();
  }
  async function allIsThere(): Promise<void> {
    const { actions } = await planned(lab, [...LATEST.slice(2), ...common]);
    assert.deepEqual(actions, []);
    await noResidue(lab, 10_000);
    assert.equal(await state(), uncut);
    await decoysStand();
  }

  function start(args: readonly string[]): Started {
    const started = startDevbackup(lab, [...args, ...common], { sshConfig: impatient });
    running.push(started);
    return started;
  }

  /** Starts it and lets it come to where it is held. */
  async function heldAt(
    machine: Machine,
    where: "before" | "half",
    pattern: string,
    args = LATEST,
  ): Promise<Started> {
    await hold(lab, machine, where, pattern);
    const started = start(args);
    await Promise.race([
      isHeld(lab, machine),
      started.ended.then(() => assert.fail(`it was not held:\n${started.output()}`)),
    ]);
    return started;
  }
  const killed = async (started: Started): Promise<void> => {
    started.signal("SIGKILL");
    await started.ended;
  };
  const ends = async (started: Started, exitCode: number, says = /safe to run again/): Promise<Result> => {
    const result = await started.ended;
    assert.equal(result.exitCode, exitCode, started.output());
    assert.match(started.output().replace(/\s+/g, " "), says);
    return result;
  };
  /** Lets what is held go on with a disk that is full, and makes room again. */
  const diskFull = async (machine: Machine, started: Started, says: RegExp): Promise<void> => {
    await lab.fill(machine, "10M");
    try {
      await release(lab, machine);
      await ends(started, 1, says);
    } finally {
      await lab.unfill(machine);
    }
  };
  const powerCut = async (machine: Machine, started: Started): Promise<void> => {
    await lab.crash(machine);
    await ends(started, 4, /connection|cannot be reached|did not/i);
    await lab.start(machine);
  };

  for (let n = 0; n < 3; n += 1) await nextMonth();
  await Promise.all([installHold(lab, "ws"), installHold(lab, "ls")]);
  return {
    lab,
    newest,
    done,
    nextMonth,
    treeAt,
    lose,
    restoredUncut,
    decoysStand,
    endsTheSame,
    allIsThere,
    start,
    heldAt,
    killed,
    ends,
    diskFull,
    powerCut,
    devbackup: (args: readonly string[]) => lab.devbackup([...args, ...common]),
    plannedFor: (args: readonly string[]) => planned(lab, [...args, ...common]),
    /** Ends what a test that failed has left running here. */
    endAll: () => {
      for (const started of running.splice(0)) started.signal("SIGKILL");
    },
  };
}
