import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Status } from "../../src/status/status.ts";
import { HERE } from "../lab/elsewhere.ts";
import { actionIn, expectExit, manifestOf, planned } from "../lab/expect.ts";
import { type Changes, type Lab, type Machine, startLab, whyNoLab } from "../lab/lab.ts";

/** As a scheduled run calls the program that was installed. */
const INSTALLED = "/usr/local/lib/devbackup/current/devbackup";

/** All that a schedule puts on a machine, and what lies around it. */
const AROUND = `find /usr/local/lib /var/lib/systemd/timers/*devbackup* /var/lib/devbackup* /etc/systemd/system /etc/devbackup ~dev/.ssh \\
  ! -name '*.pub' ! -name authorized_keys ! -path /etc/devbackup \\( -type d -printf '%y %m %U %p\\n' -o -printf '%y %m %U %s %p\\n' \\) 2>/dev/null | sort
  cat ~dev/.ssh/authorized_keys; systemctl list-units --all --no-legend 'devbackup*'`;

/** What starts again takes longer than a script is given that is told to end. */
const HOOKS = {
  before_snapshot: ["sh", "-c", "echo stopped >>/root/hooks; sleep 600"],
  after_snapshot: ["sh", "-c", "sleep 6; echo started >>/root/hooks"],
};

const OWN_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X my own";

describe("a schedule", { skip: whyNoLab() }, () => {
  let lab: Lab;
  const untouched: Partial<Record<Machine, string>> = {};
  before(async () => {
    lab = await startLab();
    await lab.must("ws", "btrfs -q subvolume create code && head -c 1M /dev/urandom >code/photo.raw", {
      user: "dev",
    });
    for (const machine of ["ws", "ls"] as const) {
      // a last line without an end, as editors leave it
      await lab.must(machine, `mkdir -p ~/.ssh && printf '%s' '${OWN_KEY}' >~/.ssh/authorized_keys`, {
        user: "dev",
      });
      untouched[machine] = await lab.must(machine, AROUND);
    }
  });
  after(() => lab?.stop());

  const on = (host: Machine, calendar: string, more: Changes = {}) =>
    lab.desiredState({ schedule: { on: host, calendar }, ...more });
  const apply = (config: string) => expectExit(lab, 0, ["apply", "--yes", "--config", config]);
  const actions = async (config: string) =>
    (await planned(lab, ["--config", config])).actions.map(({ id }) => id);
  const until = async <Value>(what: string, forMs: number, look: () => Promise<Value | null | false>) => {
    for (const start = Date.now(); ; await sleep(500)) {
      const found = await look();
      if (found) return found;
      if (Date.now() - start > forMs)
        assert.fail(`${what}: not within ${forMs / 1000} s\n${await journal("ls")}${await journal("ws")}`);
    }
  };
  const journal = async (machine: Machine) =>
    (await lab.run(machine, "journalctl -u devbackup.service -u devbackup.timer -n 60 --no-pager -o cat"))
      .stdout;
  const property = async (machine: Machine, name: string, unit = "devbackup.service") =>
    (await lab.must(machine, `systemctl show --value -p ${name} ${unit}`)).trim();

  const ranWell = async (machine: Machine) => {
    await lab.must(machine, "timeout 60 systemctl start devbackup.service");
    await until("a run", 60_000, async () => (await property(machine, "ActiveState")) === "inactive");
    assert.equal(await property(machine, "ExecMainStatus"), "0", await journal(machine));
  };

  test("a calendar that systemd refuses is a problem, in systemd's words, and nothing is changed", async () => {
    const plan = await planned(lab, ["--config", await on("ls", "every now and then")]);
    assert.deepEqual(
      plan.problems.map(({ code }) => code),
      ["schedule-calendar"],
    );
    assert.match(plan.problems[0]?.text ?? "", /Failed to parse calendar specification 'every now and then'/);
    await expectExit(lab, 1, ["apply", "--yes", "--config", await on("ls", "every now and then")]);
    assert.equal(await lab.must("ls", AROUND), untouched.ls);
  });

  test("apply sets it up, and no secret stands in the clear", async () => {
    const config = await on("ls", "*-*-01 03:00:00");
    await expectExit(lab, 0, ["apply", "--yes", "--only", "provision", "--config", config]);
    assert.match(
      await lab.must("ls", "systemctl list-timers --no-pager"),
      /-01 03:00:00 UTC .*devbackup\.timer/,
    );
    assert.equal(
      await lab.must("ls", "stat -c '%a %U' /etc/devbackup/schedule/desired-state/devbackup.yaml"),
      "600 root\n",
    );
    const { secretAccessKey } = lab.bucket;
    const search = await lab.run("ls", "grep -rlF -f - /etc/devbackup /etc/systemd/system", {
      input: secretAccessKey,
    });
    assert.equal(search.stdout, "");
    // what is due is the backup alone
    assert.deepEqual(
      (await actions(config)).filter((id) => /schedul/.test(id)),
      [],
    );
  });

  test("the timer fires, and the server pulls a backup by itself, into the bucket too", async () => {
    const config = await on("ls", "*:*:0/20");
    assert.deepEqual(
      (await actions(config)).filter((id) => /schedul/.test(id)),
      ["schedule:ls"],
    );
    await expectExit(lab, 0, ["apply", "--yes", "--only", "provision", "--config", config]);
    await until("a label that nobody here made", 120_000, async () => {
      const { stdout } = await lab.run("ls", "tail -n +2 /srv/btrfs-backups/dev/manifests/snapshots_v2.tsv");
      const [result, state] = [await property("ls", "Result"), await property("ls", "ActiveState")];
      return stdout !== "" && result === "success" && state === "inactive";
    });
    await lab.must("ls", "systemctl stop devbackup.timer");
    await until("its end", 60_000, async () => (await property("ls", "ActiveState")) === "inactive");
    const [row = assert.fail()] = await manifestOf(lab);
    assert.ok((await lab.bucket.list()).some(({ key }) => key === row.objectKey));
    // whoever looks from here finds nothing left but the timer that somebody has stopped
    assert.deepEqual(await actions(config), ["schedule:ls"]);
    assert.equal(
      await expectExit(lab, 1, ["status", "--check", "--config", config]),
      "in doubt: ls: devbackup.timer is enabled inactive, not enabled and active: nothing runs by itself\n",
    );
  });

  test("the controller on the server: the same, without a login to itself", async () => {
    const config = await on("ls", "*-*-01 04:00:00", {
      hosts: { ls: HERE, ws: { identity_file: "~/login", known_hosts: "~/known" } },
      cloud: undefined,
    });
    await asDev("ls", config, ["apply", "--yes"]);
    assert.deepEqual(await plannedBy("ls", config), []);
    // the secrets of a bucket that is declared no more are gone
    assert.equal(await lab.must("ls", "ls /etc/devbackup/schedule/credentials"), "");
  });

  test("a run that was missed while the machine was off is caught up; a laptop that sleeps is tried again", async (context) => {
    context.after(() => lab.heal("ws"));
    const started = Date.now();
    await actions(await on("ls", "*-*-01 03:00:00"));
    // behind the end of an apply, which looks some five times, however slow this machine is today
    const due = new Date(Date.now() + 12_000 + 6 * (Date.now() - started));
    await apply(await on("ls", `*-*-* ${due.toISOString().slice(11, 19)} UTC`));
    assert.ok(Date.now() < due.getTime(), "it came while it was being set up");
    const before = await property("ls", "LastTriggerUSec", "devbackup.timer");
    await lab.kill("ls");
    await lab.cut("ws");
    await sleep(Math.max(0, due.getTime() - Date.now()) + 2_000);
    await lab.start("ls");
    await until(
      "a run behind the start",
      60_000,
      async () => (await property("ls", "SubState")) === "auto-restart",
    );
    assert.notEqual(await property("ls", "LastTriggerUSec", "devbackup.timer"), before);
    assert.equal(await property("ls", "ExecMainStatus"), "4");
    await lab.heal("ws");
    const config = await on("ls", "*-*-01 05:00:00");
    const { schedule } = JSON.parse(
      await expectExit(lab, 0, ["status", "--json", "--config", config]),
    ) as Status;
    const [failedAt, retryAt] = [schedule?.lastExit?.at, schedule?.retryAt].map((at) => Date.parse(at ?? ""));
    assert.deepEqual([schedule?.isSetUp, schedule?.lastExit?.exitCode], [false, 4]);
    assert.ok(Math.abs((retryAt ?? 0) - (failedAt ?? 0) - 15 * 60_000) < 60_000, JSON.stringify(schedule));
    // nothing is left to be tried again, and nobody who starts one has to wait for that
    await apply(config);
    assert.equal(await property("ls", "SubState"), "dead");
    await ranWell("ls");
  });

  test("moved to the workstation, it is gone from the server, whose login lets it in", async () => {
    const config = await on("ws", "*-*-01 03:00:00");
    const plan = await planned(lab, ["--config", config]);
    for (const id of [
      "schedule-program:ws",
      "schedule-key:ws",
      "schedule-login:ls",
      "schedule:ws",
      "unschedule:ls",
      "unschedule:ws",
    ])
      assert.equal(actionIn(plan, id).hazard, "none");
    await apply(config);
    assert.deepEqual(await actions(config), []);
    const left = await lab.must("ls", AROUND);
    assert.match(left, /restrict ssh-ed25519 \S+ devbackup-schedule-of-ws\n/);
    assert.doesNotMatch(left, /devbackup\.(timer|service)|schedule-of-ls|\/usr\/local\/lib\/devbackup/);
    assert.doesNotMatch(await lab.must("ws", "cat ~dev/.ssh/authorized_keys"), /schedule/);
  });

  test("the controller on the workstation: the same, by the program that stands there", async () => {
    const config = await on("ws", "*-*-01 03:00:00", {
      hosts: { ws: HERE, ls: { identity_file: "~/login", known_hosts: "~/known" } },
      cloud: undefined,
      datasets: { dev: { hooks: HOOKS } },
    });
    await asDev("ws", config, ["apply", "--yes"]);
    assert.deepEqual(await plannedBy("ws", config), []);
    await ranWell("ws");
  });

  test("a run that is stopped starts again what its hooks have stopped, before it ends", async (context) => {
    const dropIn = "/etc/systemd/system/devbackup.service.d";
    context.after(() => lab.must("ws", `rm -r ${dropIn}; systemctl daemon-reload`));
    const run = `${INSTALLED} apply --yes --label 2090-01 --approve snapshot --config /etc/devbackup/schedule/desired-state`;
    await lab.must("ws", `mkdir ${dropIn}; cat >${dropIn}/label.conf; systemctl daemon-reload`, {
      input: `[Service]\nExecStart=\nExecStart=${run}\n`,
    });
    await lab.must("ws", "timeout 60 systemctl start devbackup.service");
    const log = async () => (await lab.run("ws", "cat /root/hooks")).stdout;
    await until("the first hook", 60_000, async () => (await log()) === "stopped\n");
    await lab.must("ws", "timeout 60 systemctl stop devbackup.service");
    const said = await journal("ws");
    assert.equal(await log(), "stopped\nstarted\n", said);
    assert.match(said, /next: from where you apply: devbackup apply --label 2090-01\n/);
    assert.doesNotMatch(said, /--config/);
  });

  test("left out of the desired state, nothing of it is left, and what was there before is", async () => {
    await apply(await lab.desiredState());
    for (const machine of ["ws", "ls"] as const)
      assert.equal(await lab.must(machine, AROUND), untouched[machine]?.replace(OWN_KEY, `${OWN_KEY}\n`));
  });

  /** With the program that its schedule has put there. */
  async function asDev(machine: Machine, config: string, args: readonly string[]): Promise<string> {
    const { readFile } = await import("node:fs/promises");
    for (const [file, from] of [
      ["login", lab.identity],
      ["known", lab.knownHosts],
      ["devbackup.yaml", `${config}/devbackup.yaml`],
    ] as const)
      await lab.must(machine, `umask 077; cat >~/${file}`, {
        user: "dev",
        input: await readFile(from, "utf8"),
      });
    const said = await lab.run(machine, `${INSTALLED} ${args.join(" ")} --config ~/devbackup.yaml`, {
      user: "dev",
    });
    lab.heard(said.stdout + said.stderr);
    assert.equal(said.exitCode, 0, said.stdout + said.stderr);
    return said.stdout;
  }
  const plannedBy = async (machine: Machine, config: string): Promise<unknown> =>
    JSON.parse(await asDev(machine, config, ["plan", "--json"])).actions;
});
