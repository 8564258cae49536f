import assert from "node:assert/strict";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { execa } from "execa";
import { footprint } from "../lab/footprint.ts";
import type { Lab } from "../lab/lab.ts";
import { assertRefusal, refusing } from "./refusals.ts";

/** A machine that is another one, does not answer, or gives no root: told so, and nothing changed. `label`: one that is due. */
export function notLetIn(lab: () => Lab, label: string): void {
  const { applyRefused } = refusing(lab, label);
  let untouched: string;
  before(async () => {
    // the machine that a later test knows the old key of
    await copyFile(lab().knownHosts, join(lab().dir, "known-before"));
    await lab().wipe("ls");
    untouched = await footprint(lab());
  });

  test("an unknown host key: how to compare and add it", async () => {
    const nobody = join(lab().dir, "knows-nobody");
    await writeFile(nobody, "");
    await applyRefused(
      { hosts: { ls: { known_hosts: nobody } } },
      {
        exitCode: 4,
        says: [/ls: the host key of .* is not known/, /SHA256:/, /ssh-keyscan .*knows-nobody/],
      },
    );
  });

  test("a changed host key: what it was and is, and how to forget the old one", async () => {
    await applyRefused(
      { hosts: { ls: { known_hosts: join(lab().dir, "known-before") } } },
      {
        exitCode: 4,
        says: [
          /ls: the host key of .* is not the one that is known/,
          /SHA256:[\s\S]*SHA256:/,
          /ssh-keygen -R .* -f .*known-before/,
        ],
      },
    );
  });

  test("a login key that the machine does not take", async () => {
    const key = join(lab().dir, "wrong-key");
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    await applyRefused(
      { hosts: { ws: { identity_file: key } } },
      { exitCode: 4, says: [/ws: dev@.* does not let us in/, /SHA256:/, /ssh -o BatchMode=yes/] },
    );
  });

  test("a machine that does not answer: its cable is out", async () => {
    await lab().cut("ws");
    const start = Date.now();
    const result = await lab().devbackup(["apply", "--yes", "--config", await lab().desiredState()]);
    const tookMs = Date.now() - start;
    await lab().heal("ws");
    assertRefusal(result, {
      exitCode: 4,
      says: [/ws: /, /no way to|did not answer within/, /switched on/],
    });
    assert.ok(tookMs < 30_000, `it took ${tookMs} ms to say so`);
  });

  test("a machine that answers, where no sshd listens", () =>
    applyRefused(
      { hosts: { ls: { port: 2222 } } },
      { exitCode: 4, says: [/ls: .* port 2222 refuses the connection/, /sshd runs there/] },
    ));

  for (const { name, sudoers, says } of [
    { name: "sudo that wants a password", sudoers: "dev ALL=(ALL) ALL", says: /sudo wants a password/ },
    {
      name: "a user who may use sudo for something else alone",
      sudoers: "dev ALL=(root) NOPASSWD: /bin/true",
      says: /sudo/,
    },
    { name: "a user without sudo", sudoers: "", says: /sudo/ },
  ]) {
    test(name, async () => {
      const lines = await lab().must("ws", "cat /etc/sudoers.d/lab");
      await lab().must("ws", "cat >/etc/sudoers.d/lab", { input: `${sudoers}\n` });
      try {
        await applyRefused({}, { exitCode: 4, says: [/ws: /, says, /NOPASSWD|become: none/] });
      } finally {
        await lab().must("ws", "cat >/etc/sudoers.d/lab", { input: lines });
      }
    });
  }

  test("a machine without sudo", async () => {
    await lab().must("ls", "mv /usr/bin/sudo /usr/bin/sudo.away");
    try {
      await applyRefused({}, { exitCode: 4, says: [/ls: .*sudo is not installed/, /become: none/] });
    } finally {
      await lab().must("ls", "mv /usr/bin/sudo.away /usr/bin/sudo");
    }
  });

  test("none of it has changed anything", async () => {
    assert.equal(await footprint(lab()), untouched);
  });
}
