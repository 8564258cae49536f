import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";

describe("the lab does what its tests rest on", { skip: whyNoLab() }, () => {
  let lab: Lab;
  before(async () => {
    lab = await startLab();
  });
  after(() => lab?.stop());

  test("the machines are Debian with systemd, Btrfs where it is expected, and a user with sudo", async () => {
    for (const [machine, mount] of [
      ["ws", "/home"],
      ["ls", "/srv"],
    ] as const) {
      assert.equal(await lab.must(machine, "cat /proc/1/comm; hostname"), `systemd\n${machine}\n`);
      assert.equal(await lab.must(machine, `stat -f -c %T ${mount}`), "btrfs\n");
      assert.equal(await lab.must(machine, "sudo -n id -u", { user: "dev" }), "0\n");
    }
  });

  test("packages are missing at first and can be installed", async () => {
    assert.notEqual((await lab.run("ls", "command -v age")).exitCode, 0);
    await lab.must("ls", "apt-get -qq update && apt-get -qq install -y age curl >/dev/null && age --version");
  });

  test("the bucket answers this machine and the server", async () => {
    assert.deepEqual(await lab.bucket.list(), []);
    await lab.must("ls", `curl -s -o /dev/null '${lab.bucket.endpoint}/${lab.bucket.bucket}'`);
  });

  test("the program runs with the desired state that the lab writes", async () => {
    const folder = await lab.desiredState({ datasets: { dev: { working_copy: null } } });
    const { exitCode, stderr } = await lab.devbackup(["validate", "--config", folder]);
    assert.equal(exitCode, 0, stderr);
  });

  test("a cut cable is a silence, not an answer", async () => {
    const login = () => spawnSync("ssh", ["-F", lab.sshConfig, "ws", "true"]).status;
    await lab.cut("ws");
    assert.equal(login(), 255);
    await lab.heal("ws");
    assert.equal(login(), 0);
  });

  test("netem delays each way", async () => {
    await lab.netem("ls", 50);
    const start = Date.now();
    spawnSync("ssh", ["-F", lab.sshConfig, "ls", "true"]);
    const tookMs = Date.now() - start;
    await lab.netem("ls", 0);
    assert.ok(tookMs > 500, `a login took ${tookMs} ms: it has more than five round trips of 100 ms`);
  });

  test("fill leaves what it says", async () => {
    await lab.fill("ls", "20M");
    const full = await lab.run("ls", "head -c 40M /dev/urandom >/srv/more && sync");
    assert.match(full.stderr, /No space left/);
    await lab.unfill("ls");
    await lab.must("ls", "head -c 40M /dev/urandom >/srv/more && sync");
  });

  test("kill keeps what was written; crash keeps what had reached the disk", async () => {
    await lab.must("ws", "echo written >/home/written");
    await lab.kill("ws");
    await lab.start("ws");
    assert.equal(await lab.must("ws", "cat /home/written"), "written\n");

    await lab.must("ws", "echo synced >/home/synced; sync; echo unsynced >/home/unsynced");
    await lab.crash("ws");
    await lab.start("ws");
    assert.equal(await lab.must("ws", "cd /home; ls *synced"), "synced\n");
  });

  test("a wiped machine is empty and has another host key", async () => {
    const keysBefore = readFileSync(lab.knownHosts, "utf8");
    await lab.wipe("ws");
    assert.equal(await lab.must("ws", "ls -A /home"), "dev\n");
    assert.notEqual(readFileSync(lab.knownHosts, "utf8"), keysBefore);
  });
});
