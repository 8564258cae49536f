import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import {
  bring,
  preview,
  type Shown,
  standingOf,
  syncBackAction,
} from "../../src/reconcilers/receive/sync-back.ts";
import { giveScript, MOST_ITEMS, type SyncBack } from "../../src/reconcilers/receive/sync-back-script.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { desired } from "./world.ts";

const [SPEC = assert.fail()] = desired().datasets;
const host = (name: string) => localHost({ name: name as HostName, become: "none", env: process.env });
const OWNER = "nobody";

interface Machines {
  readonly workstation: string;
  readonly copy: string;
  readonly snapshots: string;
  /** As the owner. */
  sh(script: string): void;
  /** A dry run. */
  show(how?: Partial<SyncBack>): Promise<Shown>;
  /** What was shown. */
  carryOut(shown: Shown): ReturnType<typeof bring>;
  /** One after the other. */
  bring(how?: Partial<SyncBack>): Promise<Shown & { readonly done: Awaited<ReturnType<typeof bring>> }>;
}

/** A dataset and a working copy that was made of it; `in` names a folder to have them in. */
function machines(context: TestContext, top = join(smallDisk(context).path, "home")): Machines {
  const [workstation, copy, snapshots] = [
    join(top, "work station"),
    join(top, "copy"),
    join(top, "snapshots"),
  ];
  shell(
    `mkdir -p "$1"; cd "$1"; chmod 755 . .. ../..; [ -e "$2" ] || btrfs -q subvolume create "$2"; mkdir -p "$3" "$4"; chown ${OWNER} "$2" "$3"`,
    ...[top, workstation, copy, snapshots],
  );
  const sh = (script: string) =>
    void execFileSync("setpriv", ["--reuid", OWNER, "--clear-groups", "sh", "-euc", script], { cwd: top });
  sh(`cd copy; mkdir src docs; echo one >src/one; echo two >src/two; ln -s /etc/passwd link; ln src/one src/hard
    touch -d 2026-01-01 src/* docs; cp -a . "../work station/"`);
  const dataset = {
    ...SPEC,
    owner: OWNER,
    path: workstation as AbsolutePath,
    snapshots: snapshots as AbsolutePath,
    workingCopy: copy as AbsolutePath,
  };
  const ends = { server: host("ls"), workstation: host("ws") };
  const { signal } = new AbortController();
  const show = (how: Partial<SyncBack> = {}) =>
    preview({ dataset, paths: [], delete: false, update: false, leave: [], ...how }, ends, signal);
  let seconds = 0;
  const carryOut = (shown: Shown) =>
    bring(shown, ends, new Date(Date.UTC(2026, 5, 1, 0, 0, seconds++)), signal);
  return {
    workstation,
    copy,
    snapshots,
    sh,
    show,
    carryOut,
    bring: async (how) => {
      const shown = await show(how);
      return { ...shown, done: await carryOut(shown) };
    },
  };
}
const none = { added: 0, changed: 0, deleted: 0 };
const CHANGE = "cd copy; echo edited >src/one; echo new >'docs/a b'; rm src/two; touch -d 2026-02-02 src/one";

describe("the working copy is brought back", { skip: whyNoDisk() }, () => {
  test("where nothing was changed, nothing is", async (context) => {
    const both = machines(context);
    const { counts, items, left, trouble, done } = await both.bring();
    assert.deepEqual(
      { counts, items, left, trouble, done },
      {
        counts: none,
        items: [],
        left: [],
        trouble: "",
        done: { kept: null, brought: 0, deleted: 0, trouble: "" },
      },
    );
  });

  test("a dry run says what would be done, file by file, and does nothing of it", async (context) => {
    const both = machines(context);
    both.sh(CHANGE);
    const before = execFileSync("ls", ["-lR", both.workstation], { encoding: "utf8" });
    const { counts, items } = await both.show({ delete: true });
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
    const { counts, done } = await both.bring();
    assert.deepEqual(counts, { added: 1, changed: 2, deleted: 0 });
    const kept = join(both.snapshots, "before-sync-back.20260601T000000Z");
    assert.deepEqual(done, { kept, brought: 3, deleted: 0, trouble: "" });
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

  test("what gives way is kept first, read-only; where all is new, there is nothing to keep", async (context) => {
    const both = machines(context);
    both.sh("cd copy; echo new >new");
    assert.equal((await both.bring()).done.kept, null);
    both.sh('rm copy/src/two; cd "work station"; echo since >src/one; echo mine >src/two');
    const { done } = await both.bring({ delete: true });
    const kept = done.kept ?? assert.fail();
    assert.deepEqual(readdirSync(both.snapshots), [basename(kept)]);
    assert.equal(readFileSync(join(kept, "src/one"), "utf8"), "since\n");
    assert.equal(readFileSync(join(kept, "src/two"), "utf8"), "mine\n");
    assert.equal(shell('btrfs property get -ts "$1" ro', kept), "ro=true\n");
    assert.equal(readFileSync(join(both.workstation, "src/one"), "utf8"), "one\n");
  });

  test("where it can't be kept, nothing is brought", async (context) => {
    const both = machines(context);
    both.sh(CHANGE);
    const shown = await both.show();
    shell('chown nobody "$1"', both.snapshots);
    await assert.rejects(both.carryOut(shown), /could not be kept as/);
    assert.equal(readFileSync(join(both.workstation, "src/one"), "utf8"), "one\n");
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

  const paths = ({ items }: Shown) => items.map(({ change, path }) => `${change} ${path}`).sort();
  const NEWER = `cd "work station"; for n in folder link 'a*b[\\c' "$(printf 'two\\nlines')" "$(printf 'u\\342\\200\\250count leave 0')"; do echo mine >"src/$n"; done
    ln -sfn mine link; rm src/one; echo mine >src/one; mkdir src/dir; echo mine >src/dir/in
    cd ../copy; mkdir src/folder 'src/a*b[\\c'; ln -s x src/link; ln -s x "src/$(printf 'two\\nlines')"; ln -s x "src/$(printf 'u\\342\\200\\250count leave 0')"; echo y >src/dir
    touch src/folder/below; touch -h -d 2020-01-01 src/folder 'src/a*b[\\c' src/link src/two?lines src/u* src/dir link`;
  const MINE = [
    "src/folder",
    "src/link",
    "src/a*b[\\c",
    "src/two\nlines",
    "src/u\u2028count leave 0",
    "src/one",
    "src/dir/in",
  ];
  const mine = (both: Machines) => {
    for (const path of MINE) assert.equal(readFileSync(join(both.workstation, path), "utf8"), "mine\n", path);
    assert.equal(readlinkSync(join(both.workstation, "link")), "mine");
  };

  test("--update leaves what is newer here also where it is a link, a hard link there, or something else there", async (context) => {
    for (const how of [
      {},
      { delete: true },
      { paths: ["src/one", "src/link", "src/folder/below", "src", "link"] },
    ]) {
      const both = machines(context);
      both.sh(NEWER);
      const shown = await both.show({ update: true, ...how });
      assert.deepEqual(paths(shown), []);
      assert.deepEqual(new Set(shown.left.map(({ why }) => why)), new Set(["newer"]));
      assert.deepEqual(
        shown.left.map(({ path }) => path).sort(),
        // without --delete rsync leaves a folder that is not empty by itself, and says so
        [...MINE.slice(0, 6), "link", ...("delete" in how ? ["src/dir"] : [])].sort(),
      );
      const { trouble, ...done } = await both.carryOut(shown);
      assert.deepEqual(done, { kept: null, brought: 0, deleted: 0 });
      assert.match(trouble, "delete" in how ? /^$/ : /could not make way .* src\/dir/);
      mine(both);
    }
  });

  test("with --update what is older here is brought, also another type, and beside what stays", async (context) => {
    const both = machines(context);
    both.sh(
      `${NEWER}; cd "../work station"; touch -h -d 2019-01-01 src/link src/folder link; rm ../copy/src/dir; echo there >../copy/src/new`,
    );
    const { done } = await both.bring({ update: true });
    assert.equal(readlinkSync(join(both.workstation, "src/link")), "x");
    assert.equal(readlinkSync(join(both.workstation, "link")), "/etc/passwd");
    assert.deepEqual(readdirSync(join(both.workstation, "src/folder")), ["below"]);
    assert.equal(readFileSync(join(both.workstation, "src/one"), "utf8"), "mine\n");
    assert.deepEqual([done.brought, done.deleted, done.trouble], [5, 0, ""]);
  });

  test("without --update what is newer here is counted, and what is replaced is never called added", async (context) => {
    const both = machines(context);
    both.sh(NEWER);
    const shown = await both.show({ delete: true });
    assert.equal(shown.newer, 8);
    assert.deepEqual(paths(shown), [
      "added src/folder/below",
      "changed link",
      "changed src/a*b[\\c/",
      "changed src/dir",
      "changed src/folder/",
      "changed src/link",
      "changed src/one",
      "changed src/two\\#012lines",
      "changed src/u\u2028count leave 0",
      "deleted src/dir/in",
    ]);
  });

  const changed = (error: unknown) =>
    error instanceof DevbackupError && error.trouble.code === "drift" && error.trouble.exitCode === 5;

  test("nothing is done where something else would be done than was shown", async (context) => {
    for (const [meanwhile, how] of [
      ["rm -r copy/src", { delete: true }],
      ["echo more >'work station/src/new'", { delete: true }],
      ["echo edited again >'work station/src/one'", {}],
      ["echo edited again >copy/src/one", {}],
      ["echo there >copy/src/new", {}],
      ["echo here >'work station/docs/a b'", {}],
      ["echo newer >'work station/src/one'", { update: true }],
    ] as const) {
      const both = machines(context);
      both.sh(CHANGE);
      const shown = await both.show(how);
      both.sh(meanwhile);
      const before = execFileSync("ls", ["-lR", both.workstation], { encoding: "utf8" });
      await assert.rejects(both.carryOut(shown), changed, meanwhile);
      assert.equal(execFileSync("ls", ["-lR", both.workstation], { encoding: "utf8" }), before, meanwhile);
    }
  });

  test("no more is deleted than was shown, whatever becomes of the working copy after the second look", async (context) => {
    const both = machines(context);
    both.sh("rm copy/src/one copy/src/two");
    const shown = await both.show({ delete: true });
    assert.equal(shown.counts.deleted, 2);
    await assert.rejects(both.carryOut({ ...shown, counts: { ...shown.counts, deleted: 1 } }), changed);
    assert.equal(readdirSync(join(both.workstation, "src")).length, 2);
  });

  test("--delete is destructive, whatever there is to be deleted when it is shown", async (context) => {
    const both = machines(context);
    assert.equal(syncBackAction(await both.show({ delete: true })).hazard, "destructive");
    assert.equal(syncBackAction(await both.show()).hazard, "disruptive");
  });

  test("what lies in a subvolume of its own here is neither replaced nor deleted nor added to, and is told", async (context) => {
    const { path } = smallDisk(context);
    const top = join(path, "home");
    shell('chmod 755 "$1" "$1/.."', path);
    shell(
      `mkdir "$1"; cd "$1"; btrfs -q subvolume create "work station"; mkdir "work station/a" "work station/b" copy
      for s in a/inner b/inner c "d e"; do btrfs -q subvolume create "work station/$s"; echo kept >"work station/$s/file"; done
      chown -R nobody .`,
      top,
    );
    const both = machines(context, top);
    both.sh(
      `cd copy; rm -rf a b; echo x >b; mkdir -p c/deep "d e"; echo other-longer >c/file; echo new >c/deep/new; echo new >'d e/file'`,
    );
    for (const how of [{ delete: true }, { paths: ["c/deep", "c/file", "d e"] }, {}]) {
      const shown = await both.show(how);
      const { left } = shown;
      assert.ok(
        left.some((one) => one.path === "c" && one.why === "apart"),
        JSON.stringify(left),
      );
      await both.carryOut(shown);
      for (const folder of ["a/inner", "b/inner", "c", "d e"]) {
        assert.equal(readFileSync(join(both.workstation, folder, "file"), "utf8"), "kept\n");
        assert.deepEqual(readdirSync(join(both.workstation, folder)), ["file"]);
      }
    }
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
    const { done } = await both.bring();
    assert.match(done.trouble, /root.*Permission denied/);
    assert.equal(readFileSync(join(both.workstation, "src/one"), "utf8"), "edited\n");
    assert.deepEqual(readdirSync(both.workstation).includes("root"), false);
  });

  test("whatever the other end asks for, no link leads it out of the working copy", (context) => {
    const { copy, sh } = machines(context);
    const top = dirname(copy);
    const [out, script] = [join(top, "out"), join(top, "give")];
    writeFileSync(join(top, "secret"), "secret\n");
    sh('ln -s ../secret copy/up; ln -s "$PWD" copy/out; ln -s /src/one copy/inside');
    writeFileSync(script, giveScript({ ...SPEC, owner: OWNER, workingCopy: copy as AbsolutePath }));
    const ask = (...what: string[]) =>
      spawnSync("rsync", [...what, `--rsh=sh ${script}`, "ls::copy/", `${out}/`], { input: "out/secret" });
    ask("--recursive", "--copy-links");
    ask("--links", "--files-from=-");
    ask("--recursive", "--copy-unsafe-links", "--copy-dirlinks");
    assert.equal(readFileSync(join(out, "inside"), "utf8"), "one\n");
    shell('! grep -rxF secret "$1"', out);
  });

  test("where a folder could not be read, it is not said that there is nothing to do", async (context) => {
    const both = machines(context);
    assert.equal(standingOf(await both.show()), "nothing-to-do");
    shell('chown root "$1/docs"; chmod 700 "$1/docs"; chmod 700 "$2/docs"', both.copy, both.workstation);
    const shown = await both.show();
    assert.deepEqual(shown.counts, none);
    assert.match(shown.trouble, /docs.*Permission denied/);
    assert.equal(standingOf(shown), "incomplete");
    both.sh("echo new >copy/src/new");
    assert.equal(standingOf(await both.show()), "to-do");
  });

  test("of many, the first are named and all are counted", async (context) => {
    const both = machines(context);
    both.sh("cd copy; for n in $(seq 1000); do : >src/$n; done");
    const { counts, items } = await both.show();
    assert.equal(counts.added, 1000);
    assert.equal(items.length, MOST_ITEMS);
  });

  test("where one end can't, that is told, and nothing is changed", async (context) => {
    const both = machines(context);
    both.sh(CHANGE);
    for (const gone of [both.copy, both.workstation]) {
      execFileSync("mv", [gone, `${gone}.away`]);
      await assert.rejects(
        both.show(),
        (error) =>
          error instanceof DevbackupError &&
          error.trouble.code === "sync-back-failed" &&
          error.trouble.why !== undefined,
      );
      execFileSync("mv", [`${gone}.away`, gone]);
    }
  });
});
