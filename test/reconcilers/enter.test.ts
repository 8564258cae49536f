import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
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
import { ENTER } from "../../src/reconcilers/machine/enter.ts";

function ground(context: TestContext) {
  const folder = mkdtempSync("/var/tmp/enter-");
  context.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "real/inside"), { recursive: true });
  const sh = (script: string) => {
    const { status, stdout, stderr } = spawnSync("sh", ["-c", `set -eu\n${ENTER}${script}`], {
      encoding: "utf8",
      cwd: folder,
    });
    return { status, stdout: stdout.trim(), stderr };
  };
  return { folder, sh };
}

test("a link is followed where nobody else could have made it, and nowhere else", (context) => {
  const { folder, sh } = ground(context);
  symlinkSync("real", join(folder, "link"));
  symlinkSync("../real/./inside", join(folder, "real/back"));
  assert.equal(sh(`enter ${folder}/link/back; pwd -P`).stdout, `${folder}/real/inside`);
  chmodSync(folder, 0o777);
  const refused = sh(`enter ${folder}/link; pwd -P`);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /link is no folder, or a link that others than root can change/);
  assert.equal(sh(`enter ${folder}/real; pwd -P`).stdout, `${folder}/real`);
});

test("links without end are no way", (context) => {
  const { folder, sh } = ground(context);
  symlinkSync("round", join(folder, "round"));
  assert.match(sh(`enter ${folder}/round`).stderr, /too many links/);
});

test("what is missing is made where that is asked for, and a file is no folder", (context) => {
  const { folder, sh } = ground(context);
  assert.equal(sh(`enter_making "${folder}/a b/-c"; pwd -P`).stdout, `${folder}/a b/-c`);
  assert.equal(sh(`enter ${folder}/missing`).status, 1);
  writeFileSync(join(folder, "file"), "");
  assert.equal(sh(`enter ${folder}/file`).status, 1);
});

test("a folder that another one was put in the place of meanwhile is not the one that is stepped into", (context) => {
  const { folder, sh } = ground(context);
  mkdirSync(join(folder, "victim/real"), { recursive: true });
  mkdirSync(join(folder, "beside"));
  for (const victim of ["/etc", "victim/real", "beside"]) {
    // cd comes upon a link, and whoever put it there takes it away again before anybody looks
    const swapped = `cd() { mv real kept; ln -s ${victim} real; command cd "$@"; rm ${folder}/real; mv ${folder}/kept ${folder}/real; }`;
    const { status, stderr } = sh(`${swapped}\nstep real`);
    assert.equal(status, 1, victim);
    assert.match(stderr, /real is no folder/);
  }
});

test("a lock's file is root's alone, or made anew: what a link leads to stays", (context) => {
  const { folder, sh } = ground(context);
  writeFileSync(join(folder, "victim"), "precious");
  symlinkSync("victim", join(folder, "lock"));
  assert.equal(
    sh(`own_file lock; : >>lock; own_file lock; stat -c '%a %F' lock`).stdout,
    "600 regular empty file",
  );
  assert.equal(readFileSync(join(folder, "victim"), "utf8"), "precious");
});

test("a folder that others can write to is not taken for our own, nor a link", (context) => {
  const { folder, sh } = ground(context);
  assert.equal(sh("own_folder made 700; own_folder made 700").status, 0);
  assert.equal(statSync(join(folder, "made")).mode & 0o777, 0o700);
  chmodSync(join(folder, "made"), 0o777);
  assert.match(sh("own_folder made 700").stderr, /can be changed by others than root: move it away/);
  symlinkSync("real", join(folder, "link"));
  assert.equal(sh("own_folder link 700").status, 1);
});
