import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { type Brought, bring } from "../../src/reconcilers/receive/sync-back.ts";
import { MOST_ITEMS, type SyncBack } from "../../src/reconcilers/receive/sync-back-script.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { desired } from "./world.ts";

const [SPEC = assert.fail()] = desired().datasets;
const host = (name: string) => localHost({ name: name as HostName, become: "none", env: process.env });
const OWNER = "nobody";

interface Machines {
  readonly workstation: string;
  readonly copy: string;
  /** As the owner. */
  sh(script: string): void;
  bring(how?: Partial<SyncBack>, dryRun?: boolean): Promise<Brought>;
}

/** A dataset and a working copy that was made of it; `in` names a folder to have them in. */
function machines(context: TestContext, top = mkdtempSync("/tmp/sync-back-")): Machines {
  context.after(() => rmSync(top, { recursive: true, force: true }));
  const [workstation, copy] = [join(top, "work station"), join(top, "copy")];
  execFileSync("chmod", ["755", top]);
  for (const folder of [workstation, copy]) {
    if (!readdirSync(top).includes(folder.slice(top.length + 1))) mkdirSync(folder);
    execFileSync("chown", [OWNER, folder]);
  }
  const sh = (script: string) =>
    void execFileSync("setpriv", ["--reuid", OWNER, "--clear-groups", "sh", "-euc", script], { cwd: top });
  sh(`cd copy; mkdir src docs; echo one >src/one; echo two >src/two; ln -s /etc/passwd link; ln src/one src/hard
    touch -d 2026-01-01 src/* docs; cp -a . "../work station/"`);
  const dataset = {
    ...SPEC,
    owner: OWNER,
    path: workstation as AbsolutePath,
    workingCopy: copy as AbsolutePath,
  };
  return {
    workstation,
    copy,
    sh,
    bring: (how = {}, dryRun = false) =>
      bring(
        { dataset, paths: [], delete: false, update: false, ...how },
        { server: host("ls"), workstation: host("ws") },
        dryRun,
        new AbortController().signal,
      ),
  };
}
const none = { added: 0, changed: 0, deleted: 0 };
const CHANGE = "cd copy; echo edited >src/one; echo new >'docs/a b'; rm src/two; touch -d 2026-02-02 src/one";

describe("the working copy is brought back", { skip: whyNoDisk() }, () => {
  test("where nothing was changed, nothing is", async (context) => {
    const both = machines(context);
    assert.deepEqual(await both.bring(), { counts: none, items: [], trouble: "" });
  });

  test("a dry run says what would be done, file by file, and does nothing of it", async (context) => {
    const both = machines(context);
    both.sh(CHANGE);
    const before = execFileSync("ls", ["-lR", both.workstation], { encoding: "utf8" });
    const { counts, items } = await both.bring({ delete: true }, true);
    assert.deepEqual(counts, { added: 1, changed: 2, deleted: 1 });
    assert.deepEqual(items.map(({ change, path }) => `${change} ${path}`).sort(), [
      "added docs/a b",
      "changed src/hard",
      "changed src/one",
      "deleted src/two",
    ]);
    assert.equal(execFileSync("ls", ["-lR", both.workstation], { encoding: "utf8" }), before);
  });

  test("what was edited there stands here, byte for byte, its links as they were; what is gone stays unless --delete", async (context) => {
    const both = machines(context);
    both.sh(CHANGE);
    const { counts } = await both.bring();
    assert.deepEqual(counts, { added: 1, changed: 2, deleted: 0 });
    assert.equal(readFileSync(join(both.workstation, "src/hard"), "utf8"), "edited\n");
    assert.equal(readFileSync(join(both.workstation, "src/two"), "utf8"), "two\n");
    await both.bring({ delete: true });
    shell(
      'diff -r --no-dereference "$1" "$2"; [ "$(readlink "$1/link")" = /etc/passwd ]',
      both.workstation,
      both.copy,
    );
    assert.deepEqual((await both.bring({ delete: true })).counts, none);
  });

  test("paths limit it, whatever they are called; what they do not name stays, with --delete too", async (context) => {
    const both = machines(context);
    both.sh(`${CHANGE}; mkdir 'docs/*'; echo star >'docs/*/x'; echo -n >'-n'`);
    await both.bring({ paths: ["docs/*", "-n"], delete: true });
    assert.deepEqual(readdirSync(join(both.workstation, "docs")), ["*"]);
    assert.equal(readFileSync(join(both.workstation, "src/one"), "utf8"), "one\n");
    assert.equal(readFileSync(join(both.workstation, "-n"), "utf8"), "");
    const { counts } = await both.bring({ paths: ["src"], delete: true });
    assert.equal(counts.deleted, 1);
  });

  test("--update leaves what is newer here", async (context) => {
    const both = machines(context);
    both.sh(`${CHANGE}; cd "../work station"; echo newer >src/one`);
    const { counts } = await both.bring({ update: true });
    assert.deepEqual(counts, { added: 1, changed: 0, deleted: 0 });
    assert.equal(readFileSync(join(both.workstation, "src/one"), "utf8"), "newer\n");
  });

  test("a subvolume inside the dataset, of which the copy has an empty folder, is not emptied by --delete", async (context) => {
    const { path } = smallDisk(context);
    const top = join(path, "home");
    shell('chmod 755 "$1" "$1/.."', path);
    shell(
      'mkdir "$1"; btrfs -q subvolume create "$1/work station"; btrfs -q subvolume create "$1/work station/inner"',
      top,
    );
    shell(
      'chown -R nobody "$1"; echo kept >"$1/work station/inner/file"; mkdir -p "$1/copy/inner"; chown -R nobody "$1/copy"',
      top,
    );
    const both = machines(context, top);
    await both.bring({ delete: true });
    assert.equal(readFileSync(join(both.workstation, "inner/file"), "utf8"), "kept\n");
  });

  test("it is done as the owner: what is root's is neither given out nor replaced, and is told", async (context) => {
    const both = machines(context);
    both.sh("cd copy; echo edited >src/one");
    shell('echo secret >"$1/root"; chmod 600 "$1/root"', both.copy);
    const { trouble } = await both.bring();
    assert.match(trouble, /root.*Permission denied/);
    assert.equal(readFileSync(join(both.workstation, "src/one"), "utf8"), "edited\n");
    assert.deepEqual(readdirSync(both.workstation).includes("root"), false);
  });

  test("of many, the first are named and all are counted", async (context) => {
    const both = machines(context);
    both.sh("cd copy; for n in $(seq 1000); do : >src/$n; done");
    const { counts, items } = await both.bring({}, true);
    assert.equal(counts.added, 1000);
    assert.equal(items.length, MOST_ITEMS);
  });

  test("where one end can't, that is told, and nothing is changed", async (context) => {
    const both = machines(context);
    both.sh(CHANGE);
    for (const gone of [both.copy, both.workstation]) {
      execFileSync("mv", [gone, `${gone}.away`]);
      await assert.rejects(
        both.bring({}, true),
        (error) =>
          error instanceof DevbackupError &&
          error.trouble.code === "sync-back-failed" &&
          error.trouble.why !== undefined,
      );
      execFileSync("mv", [`${gone}.away`, gone]);
    }
  });
});
