import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { HostName } from "../../src/domain/names.ts";
import type { Action } from "../../src/plan/plan.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { scheduleLogin } from "../../src/reconcilers/schedule/login.ts";
import { LOGINS } from "../../src/reconcilers/schedule/schedule-facts.ts";
import type { Host } from "../../src/transport/host.ts";

const noRoot = process.getuid?.() !== 0 ? "needs root: it becomes another user" : false;
const LINE = "restrict ssh-ed25519 AAAA devbackup-schedule-of-ls";
const NOBODY = 65534;

/** A home of the user nobody, and what lets a schedule in there. */
function makeHome(context: TestContext) {
  const folder = mkdtempSync("/tmp/login-");
  context.after(() => rmSync(folder, { recursive: true }));
  const home = join(folder, "home");
  mkdirSync(home);
  chownSync(home, NOBODY, NOBODY);
  spawnSync("chmod", ["755", folder]);
  const letIn = async (line: string | null = LINE) => {
    const run: Host["run"] = async (script) => {
      const before = `getent() { echo "nobody:x:${NOBODY}:${NOBODY}::${home}:/bin/sh"; }`;
      const moved = script.replaceAll(LOGINS, join(folder, "logins"));
      const { status, stdout, stderr } = spawnSync("sh", ["-c", `${before}\n${moved}`], { encoding: "utf8" });
      return { exitCode: status ?? -1, stdout, stderr };
    };
    const input = { on: "ls", user: "nobody", datasets: ["dev"], line };
    await scheduleLogin.run(
      { id: "test", host: "ws", input } as unknown as Action<never>,
      { host: () => ({ name: "ws" as HostName, run }) as unknown as Host } as unknown as Tools,
    );
  };
  const file = join(home, ".ssh/authorized_keys");
  return { folder, home, file, letIn, keys: () => readFileSync(file, "utf8") };
}

test("a schedule is let in by one line, and no other is touched", { skip: noRoot }, async (context) => {
  const { home, file, letIn, keys } = makeHome(context);
  await letIn();
  assert.equal(keys(), `${LINE}\n`);
  assert.deepEqual([statSync(file).mode & 0o777, statSync(file).uid], [0o600, NOBODY]);
  writeFileSync(
    file,
    `ssh-rsa AAAA my own\n${LINE.replace("AAAA", "older")}\nssh-rsa BBBB devbackup-schedule-of-ls2`,
  );
  await letIn();
  assert.equal(keys(), `ssh-rsa AAAA my own\nssh-rsa BBBB devbackup-schedule-of-ls2\n${LINE}\n`);
  assert.ok(!existsSync(join(home, ".ssh/authorized_keys.devbackup")));
});

test("a link in the home leads no further than its user could go", { skip: noRoot }, async (context) => {
  const { folder, file, home, letIn } = makeHome(context);
  const roots = join(folder, "roots");
  mkdirSync(roots, { mode: 0o700 });
  writeFileSync(join(roots, "authorized_keys"), "root's own\n", { mode: 0o600 });
  symlinkSync(roots, join(home, ".ssh"));
  await assert.rejects(letIn());
  assert.equal(readFileSync(join(roots, "authorized_keys"), "utf8"), "root's own\n");
  rmSync(join(home, ".ssh"));
  mkdirSync(join(home, ".ssh"));
  chownSync(join(home, ".ssh"), NOBODY, NOBODY);
  symlinkSync(join(roots, "authorized_keys"), file);
  await assert.rejects(letIn());
  assert.equal(readFileSync(join(roots, "authorized_keys"), "utf8"), "root's own\n");
});
