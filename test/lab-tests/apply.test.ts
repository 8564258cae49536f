import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assertUnchanged } from "../lab/footprint.ts";
import { type Changes, type Lab, type Result, startLab, whyNoLab } from "../lab/lab.ts";
import { noResidue } from "../lab/residue.ts";
import { type Started, startDevbackup } from "../lab/started.ts";
import { fromElsewhere } from "./from-elsewhere.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";
/** Off a terminal, without the cloud: what is tested here goes on at home. */
const HOME_ALONE: Changes = { cloud: undefined };

const dataset = (name: string): Changes => ({
  path: `/home/dev/${name}`,
  snapshots: "/home/dev/snapshots",
  owner: "dev",
  repository: `/srv/btrfs-backups/${name}`,
  working_copy: null,
  retention: { workstation_snapshots: "all", server_snapshots: "all" },
});

describe("apply", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let config: string;
  before(async () => {
    lab = await startLab();
    config = await lab.desiredState(HOME_ALONE);
  });
  after(() => lab?.stop());

  const devbackup = (...args: string[]): Promise<Result> => lab.devbackup([...args, "--config", config]);
  const done = async (...args: string[]): Promise<Result> => {
    const result = await devbackup(...args);
    assert.equal(result.exitCode, 0, `${args.join(" ")}\n${result.stdout}${result.stderr}`);
    return result;
  };
  const labelsOn = async (folder: string, machine: "ws" | "ls"): Promise<string[]> =>
    (await lab.must(machine, `ls ${folder}; :`)).split("\n").filter((name) => name.includes("@"));

  describe("a part of the plan", () => {
    test("the plan as JSON is what the contract says, and stdout holds nothing else", async () => {
      const { exitCode, stdout } = await devbackup(
        "plan",
        "--json",
        "--detailed-exitcode",
        "--label",
        "2090-01",
      );
      assert.equal(exitCode, 2);
      const plan = JSON.parse(stdout);
      assert.equal(plan.formatVersion, 1);
      assert.equal(plan.mode, "backup");
      assert.deepEqual(plan.labels, { dev: "2090-01" });
      assert.ok(plan.warnings.length > 0);
      assert.equal(plan.summary.total, plan.actions.length);
      assert.ok(plan.actions.length > 5);
      const ids = new Set(plan.actions.map((action: { id: string }) => action.id));
      for (const action of plan.actions) {
        for (const word of ["id", "host", "stage", "kind", "summary", "reason"])
          assert.ok(typeof action[word] === "string" && action[word] !== "", `${word} of ${action.id}`);
        assert.ok(["none", "disruptive", "destructive"].includes(action.hazard));
        for (const need of action.needs) assert.ok(ids.has(need), `${action.id} needs ${need}`);
      }
    });

    test("--only provision provisions, and tells each step as a line of JSON", async () => {
      const { stdout } = await done("apply", "--yes", "--json", "--only", "provision", "--label", "2090-01");
      const events = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      for (const { formatVersion, ts, event } of events) {
        assert.equal(formatVersion, 1);
        assert.ok(!Number.isNaN(Date.parse(ts)));
        assert.equal(typeof event, "string");
      }
      assert.equal(events[0].event, "started");
      assert.equal(events.at(-1).event, "finished");
      const started = events.filter(({ event }) => event === "action-started");
      assert.deepEqual([...new Set(started.map(({ action }) => action.stage))], ["provision"]);
      await lab.must("ws", "command -v age zstd; test -d /home/dev/code");
      assert.deepEqual(await labelsOn("/home/dev/snapshots", "ws"), []);
    });

    test("--only snapshot takes the snapshot and sends nothing; --host ws the next", async () => {
      await done("apply", "--yes", "--only", "snapshot", "--label", "2090-01");
      await done("apply", "--yes", "--host", "ws", "--label", "2090-02");
      assert.deepEqual(await labelsOn("/home/dev/snapshots", "ws"), ["dev@2090-01", "dev@2090-02"]);
      assert.equal(await lab.must("ls", `find ${REPOSITORY}/artifacts -type f`), "");
    });

    test("what was left out is made up for", async () => {
      await done("apply", "--yes", "--label", "2090-02");
      assert.equal(
        (await lab.must("ls", `cut -f2,3 ${REPOSITORY}/manifests/snapshots_v2.tsv`)).trimEnd(),
        "label\ttype\n2090-01\tfull\n2090-02\tincr",
      );
      await done("plan", "--detailed-exitcode", "--label", "2090-02");
    });
  });

  describe("a hazard", () => {
    let two: string;
    before(async () => {
      two = await lab.desiredState({ ...HOME_ALONE, datasets: { docs: dataset("docs") } });
      await lab.must("ws", "mkdir docs && echo kept >docs/file", { user: "dev" });
    });

    test("nobody approved it: it is left undone, with the command that approves it; all else is done", async () => {
      const { exitCode, stdout, stderr } = await lab.devbackup([
        "apply",
        "--yes",
        "--label",
        "2090-03",
        "--config",
        two,
      ]);
      assert.equal(exitCode, 1, stdout + stderr);
      assert.match(await lab.must("ls", `cat ${REPOSITORY}/manifests/snapshots_v2.tsv`), /\t2090-03\t/);
      assert.deepEqual(await labelsOn("/home/dev/snapshots", "ws"), [
        "dev@2090-01",
        "dev@2090-02",
        "dev@2090-03",
      ]);
      assert.notEqual(await lab.must("ws", "stat -c %i /home/dev/docs"), "256\n");

      const command = stdout.split("\n").findLast((line) => line.includes("--approve")) ?? "";
      const words = /devbackup (apply .*--approve \S+)$/.exec(command)?.[1]?.split(" ");
      assert.ok(words, stdout);
      const approved = await lab.devbackup(words);
      assert.equal(approved.exitCode, 0, approved.stdout + approved.stderr);
      assert.equal(await lab.must("ws", "stat -c %i /home/dev/docs; cat /home/dev/docs/file"), "256\nkept\n");
      assert.match(
        await lab.must("ls", "cat /srv/btrfs-backups/docs/manifests/snapshots_v2.tsv"),
        /\t2090-03\tfull\t/,
      );
    });

    test("--dataset does one and leaves the other", async () => {
      const result = await lab.devbackup([
        "apply",
        "--yes",
        "--dataset",
        "docs",
        "--label",
        "2090-04",
        "--config",
        two,
      ]);
      assert.equal(result.exitCode, 0, result.stdout + result.stderr);
      assert.deepEqual(
        (await labelsOn("/home/dev/snapshots", "ws")).filter((name) => name.endsWith("2090-04")),
        ["docs@2090-04"],
      );
    });
  });

  describe("on a terminal", () => {
    const onTerminal = async (
      state: string,
      label: string,
      ...answers: [RegExp, string][]
    ): Promise<Result> => {
      const started = startDevbackup(lab, ["apply", "--label", label, "--config", state], { terminal: true });
      try {
        for (const [question, keys] of answers) {
          await started.said(question);
          started.type(keys);
        }
        return await started.ended;
      } finally {
        started.signal("SIGKILL");
      }
    };

    test("no is an answer: nothing is changed", () =>
      assertUnchanged(lab, async () => {
        const { exitCode, stdout } = await onTerminal(config, "2090-04", [/Carry this out\?/, "n\r"]);
        assert.equal(exitCode, 0, stdout);
        assert.match(stdout, /Nothing was changed/);
      }));

    test("yes does it; a hazard is confirmed by typing its id", async () => {
      await lab.must("ws", "mkdir pics && echo kept >pics/file", { user: "dev" });
      const three = await lab.desiredState({ ...HOME_ALONE, datasets: { pics: dataset("pics") } });
      const { exitCode, stdout } = await onTerminal(
        three,
        "2090-04",
        [/Carry this out\?/, "y\r"],
        [/Enter to leave it:/, "subvolume:pics\r"],
      );
      assert.equal(exitCode, 0, stdout);
      assert.match(stdout, /verified: nothing left to do/);
      assert.equal(await lab.must("ws", "stat -c %i /home/dev/pics"), "256\n");
    });
  });

  describe("a saved plan", () => {
    let file: string;
    before(() => {
      file = join(lab.dir, "plan.json");
    });
    const refused = (exitCode: number, says: RegExp, ...args: string[]): Promise<void> =>
      assertUnchanged(lab, async () => {
        const { exitCode: is, stdout, stderr } = await lab.devbackup(["apply", "--yes", ...args]);
        assert.equal(is, exitCode, stdout + stderr);
        assert.match(stderr.replace(/\s+/g, " "), says);
      });

    test("is carried out as it was written, its label with it", async () => {
      await done("plan", "--out", file, "--label", "2090-05");
      await done("apply", "--yes", file);
      assert.match(await lab.must("ls", `cat ${REPOSITORY}/manifests/snapshots_v2.tsv`), /\t2090-05\t/);
    });

    test("is refused once it was carried out", () => refused(5, /no longer fits/, file, "--config", config));

    test("is refused after someone has taken the snapshot", async () => {
      await done("plan", "--out", file, "--label", "2090-06");
      const taken = "/home/dev/snapshots/dev@2090-06";
      await lab.must("ws", `btrfs -q subvolume snapshot -r /home/dev/code ${taken}`);
      await refused(5, /ws: snapshot:dev@2090-06 no longer fits .* devbackup plan/, file, "--config", config);
      await lab.must("ws", `btrfs -q subvolume delete -c ${taken}`);
    });

    test("is refused with another desired state", async () => {
      const other = await lab.desiredState({ ...HOME_ALONE, datasets: { dev: { compression_level: 9 } } });
      await refused(5, /the desired state is not the one/, file, "--config", other);
    });

    test("is refused where a harmless action has become a hazard", async () => {
      const notes = await lab.desiredState({ ...HOME_ALONE, datasets: { notes: dataset("notes") } });
      const { exitCode } = await lab.devbackup(
        ["plan", "--out", file, "--label", "2090-06"].concat("--config", notes),
      );
      assert.equal(exitCode, 0);
      await lab.must("ws", "mkdir notes; touch notes/file", { user: "dev" });
      // the lock's folder is made where there is none yet
      await lab.must("ls", "mkdir -p /srv/btrfs-backups/notes");
      await refused(5, /subvolume:notes no longer fits/, file, "--approve", "all", "--config", notes);
    });

    test("is refused where it is none", async () => {
      await writeFile(file, "{}");
      await refused(1, /is no plan .* devbackup plan --out/, file, "--config", config);
      await refused(1, /is no plan/, join(lab.dir, "no-such-file"), "--config", config);
    });
  });

  describe("cut off in the middle of an artifact", () => {
    const LABEL = "2090-07";
    /** A link that has died is noticed in 6 s instead of the usual 45. */
    let impatient: string;
    before(async () => {
      impatient = join(lab.dir, "impatient");
      await writeFile(impatient, "Host *\n  ServerAliveInterval 2\n  ServerAliveCountMax 3\n");
      await lab.must("ws", "head -c 60M /dev/urandom >/home/dev/code/photo.raw");
      await lab.netem("ws", 1, 40);
    });

    const inFlight = async (): Promise<Started> => {
      const started = startDevbackup(lab, ["apply", "--yes", "--label", LABEL, "--config", config], {
        sshConfig: impatient,
      });
      await started.said(/artifact:dev@2090-07 {2}started/);
      for (const start = Date.now(); ; await sleep(100)) {
        const size = Number(await lab.must("ls", `cat ${REPOSITORY}/tmp/*.age 2>/dev/null | wc -c`));
        if (size > 1_000_000) return started;
        assert.ok(Date.now() - start < 30_000, started.output());
      }
    };
    const ends = async (started: Started, exitCode: number, withinMs: number): Promise<Result> => {
      const start = Date.now();
      const result = await started.ended;
      const tookMs = Date.now() - start;
      assert.equal(result.exitCode, exitCode, started.output());
      assert.ok(tookMs < withinMs, `it took ${tookMs} ms to end:\n${started.output()}`);
      return result;
    };
    const nothingRegistered = async (): Promise<void> => {
      assert.doesNotMatch(await lab.must("ls", `cat ${REPOSITORY}/manifests/snapshots_v2.tsv`), /2090-07/);
      assert.equal(await lab.must("ls", `find ${REPOSITORY}/artifacts -name '*2090-07*'`), "");
    };

    test("meanwhile another apply is told who holds the lock; Ctrl-C then undoes the artifact", async () => {
      const started = await inFlight();
      const { exitCode, stderr } = await devbackup("apply", "--yes", "--label", LABEL);
      assert.equal(exitCode, 3, stderr);
      assert.match(stderr, /ls: another apply works on dev/);
      assert.match(
        stderr.replace(/\s+/g, " "),
        new RegExp(
          `held by ${userInfo().username}@\\S+, process ${started.pid}, since \\d{4}-\\d\\d-\\d\\dT`,
        ),
      );
      assert.match(stderr, /Nothing was changed/);

      started.signal("SIGINT");
      const { stdout } = await ends(started, 130, 10_000);
      assert.match(stdout, /interrupted/);
      await nothingRegistered();
      assert.equal(await lab.must("ls", `ls -A ${REPOSITORY}/tmp`), "");
      await noResidue(lab, 2_000);
    });

    test("the workstation's cable is pulled: it ends in keep-alive time, and says which host", async () => {
      const started = await inFlight();
      await lab.cut("ws");
      try {
        const { stderr } = await ends(started, 4, 40_000);
        assert.match(stderr, /ws: .*connection/);
        assert.match(stderr.replace(/\s+/g, " "), /safe to run again|Run the same command again/);
      } finally {
        await lab.heal("ws");
      }
      await nothingRegistered();
    });

    test("the server is switched off: it ends in keep-alive time, and the lock is gone with it", async () => {
      const started = await inFlight();
      await lab.kill("ls");
      try {
        await ends(started, 4, 40_000);
      } finally {
        await lab.start("ls");
      }
      await nothingRegistered();
    });

    test("Ctrl-C twice ends it at once", async () => {
      const started = await inFlight();
      started.signal("SIGINT");
      await started.said(/Once more stops at once/);
      started.signal("SIGINT");
      await ends(started, 130, 2_000);
      await nothingRegistered();
    });

    test("killed, it leaves no lock: the next apply takes it and completes, and a plan finds nothing", async () => {
      const started = await inFlight();
      started.signal("SIGKILL");
      await started.ended;
      await lab.netem("ws", 0);
      await done("apply", "--yes", "--label", LABEL);
      await done("plan", "--detailed-exitcode", "--label", LABEL);
      await noResidue(lab, 30_000);
      assert.equal(await lab.must("ls", `ls -A ${REPOSITORY}/tmp`), "");
    });
  });

  describe("from elsewhere", () => fromElsewhere(() => lab));
});
