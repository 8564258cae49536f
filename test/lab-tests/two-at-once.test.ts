import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { execa } from "execa";
import { HERE, installProgram, runProgram } from "../lab/elsewhere.ts";
import { manifestOf } from "../lab/expect.ts";
import { hold, holdNoMore, installHold, isHeld, release } from "../lab/hold.ts";
import { type Lab, type Result, startLab, whyNoLab } from "../lab/lab.ts";
import { noResidue } from "../lab/residue.ts";
import { type Started, startDevbackup } from "../lab/started.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";
const LOCK = `${REPOSITORY}/locks/apply.lock`;
/** The step of an artifact that gives it its name, and what carries it half way. */
const [NAMED, SENT] = ["mv -T -n -- *", "zstd -q -c *"];

describe("two at once", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let [ours, theirs] = ["", ""];
  /** A link that has died is noticed in 3 s, and a holder that says nothing loses the lock after 6. */
  let impatient: string;
  const running: Started[] = [];
  before(async () => {
    lab = await startLab();
    ours = await lab.desiredState({ cloud: undefined });
    theirs = await lab.desiredState({
      cloud: undefined,
      hosts: { ws: HERE, ls: { identity_file: "~/login", known_hosts: "~/known" } },
    });
    impatient = join(lab.dir, "impatient");
    const patience = "Host *\n  ServerAliveInterval 1\n  ServerAliveCountMax 3\n";
    await writeFile(impatient, patience);
    await lab.must("ws", "btrfs -q subvolume create code; head -c 12M /dev/urandom >code/large", {
      user: "dev",
    });
    const first = await lab.devbackup(["apply", "--yes", "--label", "2090-01", "--config", ours]);
    assert.equal(first.exitCode, 0, first.stdout + first.stderr);
    await installProgram(lab, "ws");
    await lab.must("ws", "umask 077; mkdir -p ~/.ssh; cat >~/.ssh/config", { user: "dev", input: patience });
    await Promise.all([installHold(lab, "ws"), installHold(lab, "ls")]);
  });
  after(() => lab?.stop());
  afterEach(async () => {
    for (const started of running.splice(0)) started.signal("SIGKILL");
    await Promise.all([release(lab, "ws"), release(lab, "ls")]);
  });

  /** From here, up to where a call is held. */
  const begun = async (label: string, machine: "ws" | "ls", where: "before" | "half", pattern: string) => {
    await lab.must("ws", "head -c 12M /dev/urandom >code/large", { user: "dev" });
    await hold(lab, machine, where, pattern);
    const started = startDevbackup(lab, ["apply", "--yes", "--label", label, "--config", ours], {
      sshConfig: impatient,
    });
    running.push(started);
    await isHeld(lab, machine);
    return started;
  };
  /** From the workstation. */
  const there = (...args: string[]): Promise<Result> => runProgram(lab, "ws", theirs, args);
  const exits = async (exitCode: number, ...args: string[]): Promise<string> => {
    const result = await there(...args);
    const said = `${result.stdout}${result.stderr}`;
    assert.equal(result.exitCode, exitCode, `${args.join(" ")}\n${said}`);
    return said.replace(/\s+/g, " ");
  };
  const ends = async (started: Started, exitCode: number, says: RegExp): Promise<void> => {
    const { exitCode: is } = await started.ended;
    assert.equal(is, exitCode, started.output());
    assert.match(started.output().replace(/\s+/g, " "), says);
  };
  const lockIsFree = (): Promise<string> =>
    lab.must("ls", `timeout 60 sh -c 'until flock -n ${LOCK} true; do sleep 0.2; done'`);
  /** All that counts; the journal may tell of what was not done. */
  const standing = async (): Promise<string> => {
    const files = await lab.must(
      "ls",
      `cd ${REPOSITORY}; find artifacts manifests tmp -type f -exec sha256sum {} +; ls restore/worktree_receive tmp`,
    );
    return `${files}${await lab.must("ws", "ls snapshots", { user: "dev" })}`;
  };
  const registered = async (...labels: string[]): Promise<void> => {
    assert.deepEqual(
      (await manifestOf(lab)).map(({ label }) => label),
      labels,
    );
    await exits(0, "plan", "--detailed-exitcode", "--label", labels.at(-1) ?? "");
    assert.equal(await lab.must("ls", `ls -A ${REPOSITORY}/tmp`), "");
  };

  test("from two machines: one goes on, and whatever else would write is told who, where, since when", async () => {
    const started = await begun("2090-02", "ls", "before", NAMED);
    const held = new RegExp(
      `ls: another apply works on dev.* held by ${userInfo().username}@\\S+, process ${started.pid}, since \\S+ \\(just now\\)`,
    );
    for (const args of [
      ["apply", "--yes", "--label", "2090-02"],
      ["manifest", "rebuild", "--from", "server"],
      ["restore", "2090-01", "--to", "/home/dev/x", "--yes"],
    ])
      assert.match(await exits(3, ...args), held);
    await exits(0, "plan", "--label", "2090-02");
    await exits(0, "manifest", "list");

    started.signal("SIGSTOP");
    await lockIsFree();
    assert.match(
      await exits(3, "apply", "--yes", "--label", "2090-02"),
      /a step of an earlier run on dev has not ended yet.* ps -o pid,stat,etime,args -p \d/,
    );
    await release(lab, "ls");
    assert.match(await exits(0, "apply", "--yes", "--label", "2090-02"), /register:dev@2090-02 done/);
    const before = await standing();
    started.signal("SIGCONT");
    await ends(started, 4, /ls: the lock of dev is gone/);
    assert.equal(await standing(), before);
    await registered("2090-01", "2090-02");
  });

  test("stopped while an artifact is under way: another makes it, and the first changes nothing any more", async () => {
    const started = await begun("2090-03", "ws", "half", SENT);
    started.signal("SIGSTOP");
    await holdNoMore(lab, "ws");
    await lockIsFree();
    await exits(0, "apply", "--yes", "--label", "2090-03");
    const before = await standing();
    // what it had begun comes to its end before it goes on itself
    await release(lab, "ws");
    await noResidue(lab, 20_000);
    started.signal("SIGCONT");
    await ends(started, 4, /the lock of dev is gone/);
    assert.equal(await standing(), before);
    await registered("2090-01", "2090-02", "2090-03");
  });

  test("what keeps the lock is stopped, and its controller is gone: it is named, and what ends it", async () => {
    const started = await begun("2090-04", "ls", "before", NAMED);
    const keeper = (await lab.must("ls", `sed -n '2s/ .*//p' ${LOCK}`)).trim();
    await lab.must("ls", `kill -STOP ${keeper}`);
    started.signal("SIGKILL");
    await release(lab, "ls");
    const said = await exits(3, "apply", "--yes", "--label", "2090-04");
    const [, command = ""] =
      /If that run is over, on ls: (kill -KILL \d+), then: devbackup apply/.exec(said) ?? [];
    assert.equal(command, `kill -KILL ${keeper}`, said);
    await lab.must("ls", command);
    await exits(0, "apply", "--yes", "--label", "2090-04");
    await registered("2090-01", "2090-02", "2090-03", "2090-04");
  });

  test("the holder's link stands still: it gives up by itself, and the other goes on", async () => {
    const started = await begun("2090-05", "ls", "before", NAMED);
    const cut = await lab.must("ls", "pkill -STOP -f '^sshd: dev@notty'; pgrep -f '^sshd: dev@notty'");
    await ends(started, 4, /ls: the connection to \S+ port 22 was lost/);
    await lockIsFree();
    await release(lab, "ls");
    await exits(0, "apply", "--yes", "--label", "2090-05");
    await registered("2090-01", "2090-02", "2090-03", "2090-04", "2090-05");
    await lab.must("ls", `kill -KILL ${cut.trim().split("\n").join(" ")}`);
  });

  test("what carries the artifact here is stopped: Ctrl-C ends it all, and leaves nothing", async () => {
    const started = await begun("2090-06", "ws", "half", SENT);
    const { stdout: child } = await execa("pgrep", ["-P", String(started.pid), "-x", "sh"]);
    await execa("kill", ["-STOP", "--", `-${child.trim()}`]);
    started.signal("SIGINT");
    await ends(started, 130, /interrupted/);
    await release(lab, "ws");
    await noResidue(lab, 10_000);
    await registered("2090-01", "2090-02", "2090-03", "2090-04", "2090-05");
  });
});
