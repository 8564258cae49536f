import assert from "node:assert/strict";
import { chmodSync, chownSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { brokenScript, DAMAGED, readBroken } from "../../src/reconcilers/schedule/broken.ts";
import { scheduleKey } from "../../src/reconcilers/schedule/login.ts";
import { makeHost, NOBODY, noRoot } from "./schedule-host.ts";
import { IDENTITY, NAME, WHOLE } from "./schedule-world.ts";

const OWN = "/usr/local/lib/devbackup";
const CREDENTIALS = "/etc/devbackup/schedule/credentials";
const STARTER = `${OWN}/${NAME}/devbackup`;

/** All of it there and whole, with a starter that sh runs, and a systemd-creds that decrypts what says so. */
async function makeSchedule(context: TestContext) {
  const host = makeHost(context);
  host.put(STARTER, '#!/bin/sh\n[ -z "$SECRET" ] && [ "$*" = --version ]\n');
  chmodSync(host.folder + STARTER, 0o755);
  symlinkSync(NAME, `${host.folder}${OWN}/current`);
  for (const name of ["notify-0", "cloud-key"]) {
    host.put(`${CREDENTIALS}/${name}`, `sealed as ${name}`);
    host.put(`${CREDENTIALS}/${name}.digest`);
  }
  await host.carryOut(scheduleKey, { comment: "test", stays: false });
  const bin = join(host.folder, "bin");
  host.put(
    "/bin/systemd-creds",
    '#!/bin/sh\nas="sealed as $(echo "$2" | cut -c 8-)"\n[ "$1 $(cat "$3")" = "decrypt $as" ]\n',
  );
  chmodSync(join(bin, "systemd-creds"), 0o755);
  const look = async () => {
    const { stdout, stderr } = await host.run(`PATH=${bin}:$PATH; export SECRET=x; ${brokenScript}`);
    assert.equal(stderr, "");
    const lines = stdout.split("\n");
    return readBroken((name) =>
      lines.flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : [])),
    );
  };
  return { ...host, look, key: host.folder + IDENTITY };
}

test("of what is whole, nothing is broken; nor of what is not there", { skip: noRoot }, async (context) => {
  assert.deepEqual(await (await makeSchedule(context)).look(), WHOLE);
  const { run } = makeHost(context);
  assert.equal((await run(brokenScript)).stdout, "");
});

test("a program that does not run is told with what it ends with", { skip: noRoot }, async (context) => {
  const { folder, look } = await makeSchedule(context);
  writeFileSync(folder + STARTER, "#!/bin/sh\nexit 1\n");
  assert.deepEqual(await look(), { ...WHOLE, programExit: 1 });
  // an executable of which the rest is gone
  writeFileSync(folder + STARTER, readFileSync(process.execPath).subarray(0, 1000));
  const { programExit } = await look();
  assert.ok(programExit !== null && programExit > 100, String(programExit));
});

test("a credential that can't be decrypted is told by its name", { skip: noRoot }, async (context) => {
  const { put, look } = await makeSchedule(context);
  put(`${CREDENTIALS}/notify-0`, "sealed by another machine");
  assert.deepEqual(await look(), { ...WHOLE, secrets: new Set(["notify-0"]) });
});

test("a key of the wrong mode or owner is told, and set right as it is", {
  skip: noRoot,
}, async (context) => {
  const { key, look, carryOut } = await makeSchedule(context);
  const before = readFileSync(key, "utf8");
  chmodSync(key, 0o644);
  assert.deepEqual(await look(), { ...WHOLE, key: "644 0" });
  chmodSync(key, 0o600);
  chownSync(key, NOBODY, NOBODY);
  assert.deepEqual(await look(), { ...WHOLE, key: `600 ${NOBODY}` });
  await carryOut(scheduleKey, { comment: "test", stays: true });
  assert.deepEqual(await look(), WHOLE);
  assert.deepEqual([readFileSync(key, "utf8"), statSync(key).mode & 0o777], [before, 0o600]);
});

test("a key that is not what its public key belongs to is damaged, and made anew", {
  skip: noRoot,
}, async (context) => {
  const { key, look, carryOut } = await makeSchedule(context);
  for (const damage of [
    () => writeFileSync(key, ""),
    () => writeFileSync(`${key}.pub`, "ssh-ed25519 AAAAother x\n"),
  ]) {
    damage();
    assert.deepEqual(await look(), { ...WHOLE, key: DAMAGED });
    await carryOut(scheduleKey, { comment: "test", stays: false });
    assert.deepEqual(await look(), WHOLE);
  }
});

test("of what a host says, only a code, a name and a mode are taken", () => {
  const said: Record<string, string[]> = {
    "broken-program": ["x 1"],
    "broken-secret": ["../x", "a b"],
    "broken-key": ["644 0; id"],
  };
  assert.deepEqual(
    readBroken((name) => said[name] ?? []),
    WHOLE,
  );
});
