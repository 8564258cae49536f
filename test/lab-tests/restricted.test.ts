import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { bootstrapArgv } from "../../src/transport/bootstrap.ts";
import { framed } from "../../src/transport/host.ts";
import { command } from "../../src/transport/quote.ts";
import { expectExit, manifestOf, planned } from "../lab/expect.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";

describe("a login that may run devbackup's own scripts alone", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let key: string;
  /** Whatever ssh is asked for with the restricted key. */
  const ssh = (args: readonly string[], input = "", program = "ssh") => {
    const { status, stdout, stderr } = spawnSync(
      program,
      [...["-F", lab.sshConfig, "-i", key], ...["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"], ...args],
      { input, encoding: "utf8", timeout: 20_000 },
    );
    return { status, stdout, stderr };
  };
  const login = () => `devbackup@${lab.addresses.ls}`;
  const config = async (restrict: true | "add-only", admin: boolean): Promise<string[]> => [
    "--config",
    await lab.desiredState({
      hosts: {
        ls: {
          user: "devbackup",
          identity_file: key,
          restrict,
          public_key: readFileSync(`${key}.pub`, "utf8").trim(),
          admin: admin ? { user: "dev", identity_file: lab.identity } : undefined,
        },
      },
    }),
  ];

  before(async () => {
    lab = await startLab();
    key = join(lab.dir, "restricted");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "restricted", "-f", key]);
    await lab.must(
      "ws",
      "mkdir -p /home/dev/code; echo one >/home/dev/code/file; chown -R dev: /home/dev/code",
    );
  });
  after(() => lab?.stop());

  test("the administrator's login sets it up, and the first month goes with it", async () => {
    await expectExit(lab, 0, [
      "apply",
      "--yes",
      "--approve",
      "all",
      "--label",
      "2026-01",
      ...(await config(true, true)),
    ]);
  });

  test("a month more, and a restore, with the restricted login alone", async () => {
    const args = await config(true, false);
    await lab.must("ws", "echo two >/home/dev/code/file");
    await expectExit(lab, 0, ["apply", "--yes", "--label", "2026-02", ...args]);
    assert.equal((await manifestOf(lab)).length, 2);
    // an artifact that is lost comes back from the bucket
    await lab.must("ls", `rm ${REPOSITORY}/artifacts/incr/*`);
    await expectExit(lab, 0, ["apply", "--yes", "--label", "2026-02", ...args]);
    await lab.must("ls", `ls ${REPOSITORY}/artifacts/incr/*`);
    await expectExit(lab, 0, ["verify", "--deep", "--cloud", ...args]);
    await expectExit(lab, 0, ["restore", "2026-01", "--to", "/home/dev/back", "--yes", ...args]);
    assert.equal(await lab.must("ws", "cat /home/dev/back/file"), "one\n");
  });

  test("whatever else it is asked for is refused", async () => {
    const bootstrap = command(bootstrapArgv("sudo"));
    const secret = `${REPOSITORY}/keys/ls_dev_backup.key`;
    const asked: Record<string, () => ReturnType<typeof ssh>> = {
      "a command": () => ssh([login(), "id"]),
      "a shell": () => ssh([login()], "id\n"),
      "a terminal": () => ssh(["-tt", login()], "id\n"),
      "a shell in the bootstrap's clothes": () => ssh([login(), "sh -c 'id'"], "id\n"),
      "a script of its own": () => ssh([login(), bootstrap], framed("id")),
      "an environment": () =>
        ssh(["-o", "SetEnv=ENV=/tmp/x LD_PRELOAD=/tmp/x.so", login(), bootstrap], framed("id")),
      "the key": () => ssh([login(), bootstrap], framed(`echo devbackup-stdout; cat ${secret}`)),
      sftp: () => ssh([login()], `get ${secret}\n`, "sftp"),
      scp: () => ssh([`${login()}:${secret}`, "/dev/null"], "", "scp"),
      "scp of old": () => ssh(["-O", `${login()}:${secret}`, "/dev/null"], "", "scp"),
      "a port forwarded": () => ssh(["-W", "127.0.0.1:22", login()], "\n"),
    };
    for (const [what, ask] of Object.entries(asked)) {
      const { status, stdout, stderr } = ask();
      assert.notEqual(status, 0, what);
      assert.doesNotMatch(stdout + stderr, /uid=|AGE-SECRET|SSH-2\.0/, what);
    }
    const forwarded = ssh(["-N", "-o", "ExitOnForwardFailure=yes", "-R", "2222:127.0.0.1:22", login()]);
    assert.notEqual(forwarded.status, 0, "a port forwarded back");
    const sudo = (script: string) => lab.run("ls", `su devbackup -s /bin/sh -c '${script}'`);
    for (const script of [
      "sudo -n id",
      "sudo -n /usr/local/lib/devbackup/restricted x",
      "sudo -n -u dev id",
      "sudo -n FOO=1 /usr/local/lib/devbackup/restricted",
    ])
      assert.notEqual((await sudo(script)).exitCode, 0, script);
    for (const file of [
      "/var/lib/devbackup-login/.ssh/authorized_keys",
      "/usr/local/lib/devbackup/allowed",
      "/usr/local/lib/devbackup/restricted",
    ])
      assert.notEqual((await sudo(`echo >>${file}`)).exitCode, 0, file);
  });

  test("what was altered there is seen, and mended", async () => {
    await lab.must("ls", "echo 'restrict ssh-ed25519 AAAA' >>/var/lib/devbackup-login/.ssh/authorized_keys");
    const args = ["--label", "2026-02", ...(await config(true, true))];
    assert.deepEqual(
      (await planned(lab, args)).actions.map(({ id }) => id),
      ["restrict:ls"],
    );
    await expectExit(lab, 0, ["apply", "--yes", ...args]);
    assert.deepEqual((await planned(lab, args)).actions, []);
  });

  test("a key that may only add does add, and can neither read nor delete", async () => {
    await expectExit(lab, 0, ["apply", "--yes", "--label", "2026-02", ...(await config("add-only", true))]);
    const args = await config("add-only", false);
    await lab.must("ws", "echo three >/home/dev/code/file");
    await expectExit(lab, 0, ["apply", "--yes", "--label", "2026-03", ...args]);
    assert.equal((await manifestOf(lab)).length, 3);
    await expectExit(lab, 0, ["verify", ...args]);
    const refused = await lab.devbackup(["restore", "2026-01", "--to", "/home/dev/again", "--yes", ...args]);
    assert.notEqual(refused.exitCode, 0);
    assert.match(refused.stdout + refused.stderr, /restricted login does not do this/);
    const before = await lab.must(
      "ls",
      `cd ${REPOSITORY}; find artifacts manifests/*.tsv -type f | sort | xargs sha256sum`,
    );
    await lab.must("ls", `rm ${REPOSITORY}/artifacts/anchors/*`);
    const fetching = await lab.devbackup(["apply", "--yes", "--label", "2026-03", ...args]);
    assert.match(fetching.stdout + fetching.stderr, /restricted login does not do this/);
    // with the administrator's login, where that is declared
    await expectExit(lab, 0, ["apply", "--yes", "--label", "2026-03", ...(await config("add-only", true))]);
    assert.equal(
      await lab.must(
        "ls",
        `cd ${REPOSITORY}; find artifacts manifests/*.tsv -type f | sort | xargs sha256sum`,
      ),
      before,
    );
  });

  test("where it is declared no more, it goes when that is approved", async () => {
    const args = ["--label", "2026-03", "--config", await lab.desiredState()];
    await expectExit(lab, 0, ["apply", "--yes", ...args]);
    await lab.must("ls", "test -e /usr/local/lib/devbackup/restricted");
    await expectExit(lab, 0, ["apply", "--yes", "--approve", "restrict:ls", ...args]);
    await lab.must(
      "ls",
      "! id devbackup && ! ls /usr/local/lib/devbackup /etc/sudoers.d/devbackup-restricted",
    );
    assert.notEqual(ssh([login(), "id"]).status, 0);
  });
});
