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
import { describe, type TestContext, test } from "node:test";
import type { HostSpec } from "../../src/desired-state/desired-state.ts";
import { SCHEDULE_STANDPOINT } from "../../src/desired-state/standpoint.ts";
import type { HostName } from "../../src/domain/names.ts";
import { scheduleLogin } from "../../src/reconcilers/schedule/login.ts";
import { AS_USER, scheduleProbe } from "../../src/reconcilers/schedule/schedule-facts.ts";
import { anotherLogin, loginsToTry, tryScript } from "../../src/reconcilers/schedule/try-logins.ts";
import { troubleOf } from "../transport/trouble.ts";
import { makeHost, NOBODY, noRoot } from "./schedule-host.ts";

const LINE = "restrict ssh-ed25519 AAAA devbackup-schedule-of-ls";
const OF = ["dev:/srv/backups, all/dev", "www:/srv/www"];

/** A home of the user nobody, and what lets a schedule in there. */
function makeHome(context: TestContext) {
  const host = makeHost(context);
  const letIn = (line: string | null = LINE) =>
    host.carryOut(scheduleLogin, { on: "ls" as HostName, user: "nobody", datasets: OF, line });
  const file = join(host.home, ".ssh/authorized_keys");
  const look = async () => {
    const { script, parse } = scheduleProbe("ws" as HostName);
    const facts = parse((await host.run(script)).stdout);
    return facts.kind === "known" ? facts.value : assert.fail(facts.kind);
  };
  return { ...host, file, letIn, look, keys: () => readFileSync(file, "utf8") };
}

test("a schedule is let in by one line, and no other is touched", { skip: noRoot }, async (context) => {
  const { home, file, letIn, look, keys } = makeHome(context);
  await letIn();
  assert.equal(keys(), `${LINE}\n`);
  assert.deepEqual((await look()).logins.get("ls" as HostName), { user: "nobody", datasets: OF, line: LINE });
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

describe("what a user writes into a file of theirs forges no fact", { skip: noRoot }, () => {
  const KEY = "ssh-ed25519 AAAAforged";
  for (const [name, between] of Object.entries({
    "a backslash and an n, which some echo make a new line": "\\n",
    "a carriage return": "\r",
    "a line separator of Unicode": "\u2028",
    "a byte that no text has": "\0",
  }))
    test(name, async (context) => {
      const { letIn, file, look } = makeHome(context);
      await letIn();
      const forged = [
        "unit /etc/shadow",
        `hostkey ${KEY}`,
        "program 9.9.9-0123456789ab",
        `file 600 0 ${"0".repeat(64)} /etc/devbackup/schedule/desired-state/../../../shadow`,
        'standpoint {"formatVersion":1,"host":"x","datasets":[],"reach":{}}',
        "login other root",
      ];
      writeFileSync(file, `${[LINE, ...forged].join(between)} devbackup-schedule-of-ls\n`);
      const { units, hostKeys, programs, files, standpoint, logins } = await look();
      assert.deepEqual([units, hostKeys, programs, [...files], standpoint], [[], [], [], [], null]);
      assert.deepEqual([...logins.keys()], ["ls"]);
      assert.match(logins.get("ls" as HostName)?.line ?? "", /^restrict.*unit \/etc\/shadow/s);
    });
});

test("of what a host says, nothing is taken for a file of a schedule that could be another's", () => {
  const said = [
    "machine x86_64",
    "unit /etc/shadow",
    "foreign /etc/passwd",
    `file 600 0 ${"0".repeat(64)} /etc/devbackup/schedule/desired-state/../../../shadow`,
    `file 600 0 ${"0".repeat(64)} /etc/shadow`,
    "program ../0.1.0-0123456789ab",
    `secret ../../x ${"0".repeat(64)}`,
    "login ../x root",
  ];
  const facts = scheduleProbe("ws" as HostName).parse(said.join("\n"));
  assert.ok(facts.kind === "known");
  const { units, foreign, files, programs, secrets, logins } = facts.value;
  assert.deepEqual([units, foreign, programs], [[], [], []]);
  assert.deepEqual([files.size, secrets.size, logins.size], [0, 0, 0]);
});

test("a run that waits to be tried again is told with when, in either systemd's words", () => {
  const retryAt = (state: string) => {
    const said = `machine x86_64\nSubState=${state}\nStateChangeTimestamp=Tue 2026-12-01 03:50:10 UTC\n`;
    const facts = scheduleProbe("ls" as HostName).parse(said);
    return facts.kind === "known" ? (facts.value.retryAt?.toISOString() ?? null) : assert.fail();
  };
  assert.deepEqual(["auto-restart", "auto-restart-queued", "dead", "running"].map(retryAt), [
    "2026-12-01T04:05:10.000Z",
    "2026-12-01T04:05:10.000Z",
    null,
    null,
  ]);
});

test("a byte that no text has costs nobody's line", { skip: noRoot }, async (context) => {
  const { letIn, file, keys } = makeHome(context);
  await letIn();
  writeFileSync(file, `ssh-rsa AAAA my\0own\n${LINE}\n`);
  await letIn();
  assert.equal(keys(), `ssh-rsa AAAA my\0own\n${LINE}\n`);
});

test("a standpoint that can't be read is there all the same", { skip: noRoot }, async (context) => {
  const { put, look } = makeHome(context);
  assert.equal((await look()).standpoint, null);
  for (const text of ["", "{", '{"formatVersion":2,"host":"ls","datasets":["dev:/srv/dev"],"reach":{}}']) {
    put(SCHEDULE_STANDPOINT, text);
    assert.equal((await look()).standpoint, "unreadable", text);
  }
});

test("a user's program gets neither root's locks nor the rest of a script", {
  skip: noRoot,
}, async (context) => {
  const { folder, run } = makeHost(context);
  const { stdout, exitCode } = await run(
    `${AS_USER}\nexec 7>>${folder}/lock 8>&7\necho unread | as_user nobody sh -c 'cat; cd /proc/$$/fd; for d in 7 8; do [ ! -e $d ] || echo $d; done'`,
  );
  assert.deepEqual([stdout, exitCode], ["", 0]);
});

describe("a login that does not do is told with what to set instead", () => {
  const NEXT = /^set schedule\.reach\.ws\.user to a login .*schedule\.reach\.ws\.address/;

  test("nobody of that name is there", { skip: noRoot }, async (context) => {
    const { carryOut } = makeHost(context);
    const input = { on: "ls" as HostName, user: "no-such-user", datasets: OF, line: LINE };
    const { why, next } = await troubleOf(carryOut(scheduleLogin, input));
    assert.equal(why, "there is no user no-such-user");
    assert.match(next ?? "", NEXT);
  });

  test("it is tried as far as its host's runs need it", async (context) => {
    const { run } = makeHost(context);
    for (const [ends, says] of [
      [0, ""],
      [255, "it can't log in to ws: no\n"],
      [77, "its login of ws has no sudo without a password: no\n"],
      // a restricted login refuses whatever it is tried with
      [1, ""],
    ] as const) {
      const argv = ["sh", "-c", `echo no; exit ${ends}`];
      const { exitCode, stderr } = await run(`set -eu\n${tryScript({ host: "ws" as HostName, argv })}`);
      assert.deepEqual([exitCode, stderr], [says === "" ? 0 : 1, says], String(ends));
    }
    assert.match(anotherLogin("ls" as HostName, [{ host: "ws" as HostName }]), NEXT);
  });

  test("with sudo where it is no restricted one", () => {
    const reach = new Map([
      ["ws" as HostName, { address: "a", port: 22, user: "chuck", identityFile: "/key" }],
    ]);
    const tried = (spec: Pick<HostSpec, "become" | "restrict">) =>
      loginsToTry(
        { standpoint: { host: "ls" as HostName, datasets: [], reach } },
        { get: () => spec },
      )[0]?.argv.at(-1);
    assert.match(tried({ become: "sudo" }) ?? "", /sudo -n true/);
    assert.equal(tried({ become: "none" }), "true");
    assert.equal(tried({ become: "sudo", restrict: {} as never }), "true");
  });
});
