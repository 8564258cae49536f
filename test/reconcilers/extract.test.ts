import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { AbsolutePath } from "../../src/domain/names.ts";
import {
  clearScript,
  intoPlaceScript,
  NO_SUCH_PATH,
  packScript,
  sealScript,
  unpackScript,
} from "../../src/reconcilers/receive/extract-script.ts";
import { sendScript } from "../../src/reconcilers/receive/receive-script.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";

const NAME = "dev@2026-03";

describe("a label beside what is there", { skip: whyNoDisk() }, () => {
  /** Root's snapshots and a file of root's; a home of `nobody`, where the label is brought to. */
  function ground(context: TestContext) {
    const { path } = smallDisk(context);
    shell(
      `chmod 755 "$(dirname "$1")" "$1"; cd "$1"; mkdir home roots snaps; chmod 700 roots; chown nobody: home; chmod g+s home
       echo precious >roots/file; btrfs -q subvolume create s; echo 1 >s/file
       cd s; mkdir -p closed/within other; echo secret >closed/within/notes; echo more >closed/more; echo 1 >other/one; echo 2 >other/two
       chown -R daemon: .; chmod 750 .; chmod 700 closed; ln -s "$1/s/other" current; touch -d 2001-02-03 closed closed/within; cd ..
       for n in dev@2026-01 ${NAME}; do btrfs -q subvolume snapshot -r s "snaps/$n"; done`,
      path,
    );
    const at = join(path, "snaps", NAME) as AbsolutePath;
    const folder = join(path, "home/restored") as AbsolutePath;
    const stream = () =>
      spawnSync("sh", ["-c", sendScript(join(path, "snaps") as AbsolutePath, NAME, null)]).stdout;
    const run = (script: string, input = Buffer.alloc(0)) => {
      const { status, stderr } = spawnSync("sh", ["-c", `set -eu\n${script}`], { input });
      return { status, stderr: String(stderr) };
    };
    const unpack = () => run(unpackScript(folder, "stream"), stream());
    const seal = () => run(sealScript(folder, "stream", NAME));
    const intoPlace = () => run(intoPlaceScript(folder, "stream", NAME));
    const asNobody = (script: string) =>
      shell(`cd "$1/home"; setpriv --reuid nobody --regid nogroup --clear-groups sh -euc '${script}'`, path);
    const nothingIsLost = () => {
      assert.deepEqual(readdirSync(join(path, "snaps")), ["dev@2026-01", NAME]);
      assert.deepEqual(readdirSync(join(path, "roots")), ["file"]);
      assert.equal(readFileSync(join(path, "roots/file"), "utf8"), "precious\n");
    };
    const bring = (paths: readonly string[]) => {
      const { status, stdout, stderr } = spawnSync("sh", ["-c", packScript(at, paths)]);
      if (status !== 0) return { status, stderr: String(stderr) };
      const unpacked = run(unpackScript(folder, "archive"), stdout);
      return unpacked.status === 0 ? run(intoPlaceScript(folder, "archive", NAME)) : unpacked;
    };
    return { path, folder, bring, run, unpack, seal, intoPlace, asNobody, nothingIsLost };
  }

  test("another folder, put where it is taken in: nothing that its links lead to is written or deleted", (context) => {
    const { path, folder, run, unpack, seal, intoPlace, asNobody, nothingIsLost } = ground(context);
    assert.equal(unpack().status, 0);
    asNobody(`mv restored.devbackup-part away; mkdir -m 700 restored.devbackup-part; cd restored.devbackup-part
      ln -s ${path}/snaps tree; ln -s ${path}/roots/file .devbackup`);
    for (const step of [seal, intoPlace, unpack]) assert.equal(step().status, 1);
    run(clearScript(folder));
    nothingIsLost();
    assert.deepEqual(readdirSync(join(path, "home")).sort(), ["away", "restored.devbackup-part"]);
  });

  test("a link, put at its place before it gets there: it is not followed, and the next run ends what was begun", (context) => {
    const { path, folder, unpack, seal, intoPlace, asNobody, nothingIsLost } = ground(context);
    assert.equal(unpack().status, 0);
    assert.equal(seal().status, 0);
    asNobody(`ln -s ${path}/roots restored`);
    const { status, stderr } = intoPlace();
    assert.equal(status, 1);
    assert.match(stderr, /something has come to be at restored/);
    nothingIsLost();
    asNobody("rm restored");
    for (const step of [unpack, seal, intoPlace]) assert.equal(step().status, 0);
    assert.equal(readFileSync(join(folder, "file"), "utf8"), "1\n");
    assert.deepEqual(readdirSync(join(path, "home")), ["restored"]);
  });

  test("single paths come in the folders that they lay in, closed ones too, and without what lies beside them", (context) => {
    const { path, folder, bring } = ground(context);
    assert.equal(bring(["closed/within/notes", "other"]).status, 0);
    const listed = (tree: string) =>
      shell(
        `cd "$1"; find . -path ./closed/more -o -path ./file -o -name current -o -printf '%p %m %u %TY\\n' | sort`,
        tree,
      );
    assert.equal(listed(folder), listed(join(path, "snaps", NAME)));
    assert.deepEqual(readdirSync(folder).sort(), ["closed", "other"]);
    assert.deepEqual(readdirSync(join(folder, "closed")), ["within"]);
  });

  test("a path through a link is refused: it would bring what the server has there today", (context) => {
    const { path, folder, bring } = ground(context);
    shell('echo today >"$1/s/other/one"', path);
    const { status, stderr } = bring(["current/one"]);
    assert.equal(status, NO_SUCH_PATH);
    assert.match(stderr, /^current is a link to .*s\/other: name the path of what lies there$/m);
    assert.equal(bring(["current"]).status, 0, "the link itself");
    assert.equal(readlinkSync(join(folder, "current")), `${path}/s/other`);
  });
});
