import assert from "node:assert/strict";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { HostName } from "../../src/domain/names.ts";
import { scheduleLogin } from "../../src/reconcilers/schedule/login.ts";
import { makeHost, NOBODY, noRoot } from "./schedule-host.ts";

const LINE = "restrict ssh-ed25519 AAAA devbackup-schedule-of-ls";

/** A home of the user nobody, and what lets a schedule in there. */
function makeHome(context: TestContext) {
  const host = makeHost(context);
  const letIn = (line: string | null = LINE) =>
    host.carryOut(scheduleLogin, { on: "ls" as HostName, user: "nobody", datasets: ["dev"], line });
  const file = join(host.home, ".ssh/authorized_keys");
  return { ...host, file, letIn, keys: () => readFileSync(file, "utf8") };
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
