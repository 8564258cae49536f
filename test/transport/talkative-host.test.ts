import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseHostName } from "../../src/domain/names.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { connectSsh } from "../../src/transport/ssh/host.ts";
import { processesWith } from "./processes.ts";
import { noSshd, startSshd } from "./sshd.ts";
import { troubleOf } from "./trouble.ts";

const name = parseHostName("ls");
assert(name);
const LIMIT_MIB = 128;
/** Room for the bytes, for the text that is made of them, and for what is not collected yet. */
const MOST_MIB = 5 * LIMIT_MIB;

/** What the process has taken at most while `work` was done, beyond what it had before. */
async function memoryOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 20);
  await work().finally(() => clearInterval(watch));
  return (most - before) / 1024 ** 2;
}

const forEver = [
  {
    name: "on stdout",
    script: (marker: string) => `MARK=${marker} yes "$(head -c 4096 /dev/zero | tr '\\0' x)"`,
  },
  {
    name: "on stderr",
    script: (marker: string) => `MARK=${marker} yes "$(head -c 4096 /dev/zero | tr '\\0' x)" >&2`,
  },
  { name: "without a line", script: (marker: string) => `MARK=${marker} cat /dev/zero` },
];

for (const { name: where, script } of forEver)
  test(`a host that prints for ever ${where} is ended, in bounded memory`, async () => {
    const host = localHost({ name, become: "none", env: process.env });
    const marker = `devbackup-talks-${process.pid}`;
    const memory = await memoryOf(async () => {
      const { code, host: of } = await troubleOf(host.run(script(marker)));
      assert.deepEqual([code, of], ["said-too-much", name]);
    });
    assert.ok(memory < MOST_MIB, `it took ${memory} MiB`);
    assert.deepEqual(processesWith(marker), []);
    await host.close();
  });

test("what prints less than that is heard to its end", async () => {
  const host = localHost({ name, become: "none", env: process.env });
  const { stdout } = await host.run(`head -c ${100 * 1024 ** 2} /dev/zero | tr '\\0' x`);
  assert.equal(stdout.length, 100 * 1024 ** 2);
  await host.close();
});

suite("over SSH", { skip: noSshd }, () => {
  test("a host that prints for ever is ended, and the connection is of use after it", async () => {
    const sshd = await startSshd();
    try {
      const host = await connectSsh(sshd.spec, { name, become: "none", ...sshd });
      const marker = `devbackup-talks-ssh-${process.pid}`;
      assert.equal((await troubleOf(host.run(`MARK=${marker} yes`))).code, "said-too-much");
      assert.deepEqual(processesWith(marker), []);
      assert.equal((await host.run("echo well")).stdout, "well\n");
      await host.close();
    } finally {
      await sshd.stop();
    }
  });
});
