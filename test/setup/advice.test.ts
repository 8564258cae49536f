import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Trouble } from "../../src/domain/trouble.ts";
import { adviceFor, ofHostKey } from "../../src/setup/advice.ts";
import { LOCKED } from "../../src/transport/ssh/identity-file.ts";
import { NO_KEY, START_AGENT } from "../../src/transport/ssh/trouble.ts";

suite("what to type where a machine is not reached is one command", () => {
  const allow = "echo 'ann ALL=(root) NOPASSWD: ALL' | sudo tee -a /etc/sudoers.d/devbackup";
  const rows: readonly { name: string; trouble: Partial<Trouble>; ssh?: string; is: string }[] = [
    {
      name: "no key",
      trouble: { code: "login-refused", why: NO_KEY },
      ssh: "ann@ls",
      is: "In another terminal: ssh-keygen -t ed25519 && ssh-copy-id ann@ls",
    },
    {
      name: "a key that is refused",
      trouble: { code: "login-refused", why: "refused: ssh-ed25519 …" },
      ssh: "-p 2222 ann@ls",
      is: "In another terminal: ssh-copy-id -p 2222 ann@ls",
    },
    {
      name: "a key with a passphrase, and an agent",
      trouble: { code: "login-refused", why: `${NO_KEY}; not usable: k: ${LOCKED}`, next: "ssh-add k" },
      ssh: "ann@ls",
      is: "In another terminal: ssh-add k",
    },
    {
      name: "a key with a passphrase, and no agent that this program could ask later",
      trouble: {
        code: "login-refused",
        why: `${NO_KEY}; not usable: k: ${LOCKED}`,
        next: `${START_AGENT}ssh-add k`,
      },
      ssh: "ann@ls",
      is: 'Ctrl-C, then: eval "$(ssh-agent)" && ssh-add k',
    },
    { name: "sudo here", trouble: { code: "sudo-password" }, is: `In another terminal: ${allow}` },
    {
      name: "sudo there",
      trouble: { code: "sudo-refused" },
      ssh: "ann@ls",
      is: `In another terminal: ssh -t ann@ls "${allow}"`,
    },
    {
      name: "anything else, in its own words",
      trouble: { code: "host-refused", next: "Check that sshd runs there" },
      ssh: "ann@ls",
      is: "Check that sshd runs there",
    },
  ];
  for (const { name, trouble, ssh, is } of rows)
    test(name, () => {
      const whole: Trouble = { code: "login-refused", exitCode: 4, what: "x", ...trouble };
      assert.equal(adviceFor(whole, { user: "ann", ssh }), is);
    });
});

for (const [type, shown, file] of [
  ["ssh-ed25519", "ED25519", "ed25519"],
  ["ecdsa-sha2-nistp256", "ECDSA", "ecdsa"],
  ["ssh-rsa", "RSA", "rsa"],
] as const)
  test(`a host key of type ${type}, as ssh-keygen tells it`, () =>
    assert.deepEqual(ofHostKey({ type, fingerprint: "SHA256:x" }), {
      shown: `${shown} SHA256:x`,
      compare: `ssh-keygen -lf /etc/ssh/ssh_host_${file}_key.pub`,
    }));
