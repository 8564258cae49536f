import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { HERE, installProgram, runProgram } from "../lab/elsewhere.ts";
import { addDisk } from "../lab/from-outside.ts";
import type { Lab } from "../lab/lab.ts";
import { startDevbackup } from "../lab/started.ts";

/** The controller is the workstation, the one machine that there is, or reaches the server through the workstation. */
export function fromElsewhere(lab: () => Lab): void {
  test("on the workstation itself", async () => {
    await installProgram(lab(), "ws");
    const state = await lab().desiredState({
      cloud: undefined,
      hosts: { ws: HERE, ls: { identity_file: "~/login", known_hosts: "~/known" } },
    });
    const { exitCode, stdout, stderr } = await runProgram(lab(), "ws", state, [
      "apply",
      "--yes",
      "--label",
      "2090-09",
    ]);
    assert.equal(exitCode, 0, stdout + stderr);
    assert.match(stdout, /verified: nothing left to do/);
    assert.match(
      await lab().must("ls", `cat /srv/btrfs-backups/dev/manifests/snapshots_v2.tsv`),
      /\t2090-09\t/,
    );
  });

  test("one machine with two disks", async () => {
    await installProgram(lab(), "ls");
    await addDisk(lab(), "ls", "/mnt/first");
    const state = await lab().desiredState({
      cloud: undefined,
      hosts: { ws: HERE, ls: HERE },
      datasets: {
        dev: {
          path: "/mnt/first/code",
          snapshots: "/mnt/first/snapshots",
          repository: "/srv/second/dev",
          working_copy: null,
        },
      },
    });
    for (const label of ["2090-09", "2090-10"]) {
      const { exitCode, stdout, stderr } = await runProgram(lab(), "ls", state, [
        "apply",
        "--yes",
        "--label",
        label,
      ]);
      assert.equal(exitCode, 0, stdout + stderr);
      await lab().must("ls", `echo ${label} >/mnt/first/code/note`);
    }
    assert.equal(
      await lab().must(
        "ls",
        "cut -f2,3 /srv/second/dev/manifests/snapshots_v2.tsv; cat /srv/second/dev/restore/worktree_receive/dev@2090-10/note",
      ),
      "label\ttype\n2090-09\tfull\n2090-10\tincr\n2090-09\n",
    );
  });

  test("a server that only the workstation reaches", async () => {
    const jumping = join(lab().dir, "jumping");
    await writeFile(
      jumping,
      `Host ws
  HostName ${lab().addresses.ws}
  User dev
Host hidden
  HostName ls
  HostKeyAlias ${lab().addresses.ls}
  ProxyJump ws
Host *
  IdentityFile ${lab().identity}
  UserKnownHostsFile ${lab().knownHosts}
`,
    );
    const state = await lab().desiredState({ cloud: undefined, hosts: { ls: { address: "hidden" } } });
    const started = startDevbackup(lab(), ["apply", "--yes", "--label", "2090-10", "--config", state], {
      sshConfig: jumping,
    });
    const { exitCode } = await started.ended;
    assert.equal(exitCode, 0, started.output());
    assert.match(
      await lab().must("ls", `cat /srv/btrfs-backups/dev/manifests/snapshots_v2.tsv`),
      /\t2090-10\t/,
    );
  });
}
