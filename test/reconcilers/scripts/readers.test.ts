import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { DatasetName } from "../../../src/domain/names.ts";
import { type How, type Standing, standing, streamFor, type Tools } from "./standing.ts";

const LATEST = "ls_dev_latest_label.sh";
const PLAN = "ls_dev_plan_restore.sh";
const SEND = "LS_send.sh";

/** Two chains, registered by the script that does so. */
function backedUp(context: TestContext, tools?: Tools): Standing {
  const there = standing(context, tools);
  for (const [label, parent] of [
    ["2026-01"],
    ["2026-02", "2026-01"],
    ["2026-03"],
    ["2026-04", "2026-03"],
  ] as const)
    assert.equal(there.run("ls_dev_register_artifact.sh", [there.artifact(label, parent)]).code, 0);
  return there;
}

/** A btrfs that shows those as received to their end, and sends them as their names. */
const hydrated = (there: Standing, ...labels: string[]) => {
  for (const label of labels)
    mkdirSync(there.path("restore/worktree_receive", `dev@${label}`), { recursive: true });
  return {
    programs: {
      btrfs: `case "$1 $2" in
  "property get") echo ro=true ;;
  "subvolume show") printf '\\tReceived UUID: \\t\\t07070707-0707-0707-0707-070707070707\\n' ;;
  "-q send") shift 2; printf '%s\\n' "$@" ;;
  *) exit 1 ;;
esac`,
    },
  };
};

for (const tools of ["dash", "busybox"] as const)
  describe(`what the server tells without devbackup: ${tools}`, () => {
    test("the newest label, or none", (context) => {
      const empty = standing(context, tools);
      assert.deepEqual([empty.run(LATEST).stdout, empty.run(LATEST).code], ["none\n", 0]);
      assert.equal(backedUp(context, tools).run(LATEST).stdout, "2026-04\n");
    });

    test("the artifacts that a label is made of, from the nearest snapshot on", (context) => {
      const there = backedUp(context, tools);
      const [anchor, increment] = [
        there.path("artifacts/anchors/dev@2026-03.full.send.zst.age"),
        there.path("artifacts/incr/dev@2026-04.incr.from_2026-03.send.zst.age"),
      ];
      for (const args of [["2026-04"], ["latest"], []])
        assert.equal(there.run(PLAN, args).stdout, `${anchor}\n${increment}\n`);
      assert.equal(there.run(PLAN, ["2026-03"]).stdout, `${anchor}\n`);
      assert.equal(there.run(PLAN, ["2026-04"], hydrated(there, "2026-03")).stdout, `${increment}\n`);
      for (const mark of ["receiving", "damaged-snapshot"]) {
        writeFileSync(there.path(`tmp/dev@2026-03.${mark}`), "");
        assert.equal(there.run(PLAN, [], hydrated(there)).stdout, `${anchor}\n${increment}\n`);
        rmSync(there.path(`tmp/dev@2026-03.${mark}`));
      }
    });
  });

test("a label that is none, or unknown, is an error and nothing else", (context) => {
  const there = backedUp(context);
  for (const [label, says] of [
    ["2026-05", /the manifest has no 2026-05/],
    ["$(id)", /\$\(id\) is no label/],
    ["2026-04;id", /is no label/],
    ["../2026-04", /is no label/],
    ["", /is no label/],
    ["2026-04\u001b[2J", /control characters/],
  ] as const)
    for (const script of [PLAN, SEND]) {
      const { code, stdout, stderr } = there.run(script, [label]);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, says);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what is looked for
      assert.doesNotMatch(stderr, /uid=|\u001b/);
    }
});

test("nothing is told of a manifest that the server has not signed, nor where it is gone", (context) => {
  const there = backedUp(context);
  const manifest = there.path("manifests/snapshots_v2.tsv");
  const refused = (says: RegExp) => {
    for (const script of [LATEST, PLAN, SEND]) {
      const { code, stdout, stderr } = there.run(script, script === LATEST ? [] : ["latest"]);
      assert.deepEqual([code, stdout], [6, ""], script);
      assert.match(stderr, says);
    }
  };
  writeFileSync(manifest, readFileSync(manifest, "utf8").replaceAll("2026-04", "2026-05"));
  refused(/not what this server has signed/);
  rmSync(there.path("manifests/snapshots_v2.tsv.sig"));
  refused(/signature .* is gone/);
  rmSync(manifest);
  refused(/is gone, and artifacts are there/);
});

describe("of a repository that could not be looked into, nobody hears that it is empty", () => {
  const unknown = (there: Standing, says: RegExp, how: How = {}) => {
    for (const script of [LATEST, PLAN, SEND, "push_to_cloud.sh"]) {
      const { code, stdout, stderr } = there.run(script, script === SEND ? ["latest"] : [], how);
      assert.deepEqual([code, stdout], [1, ""], script);
      assert.match(stderr, says);
      assert.match(stderr, /next: /);
    }
  };

  test("its disk is not mounted, or it was never set up", (context) => {
    const there = backedUp(context);
    renameSync(there.path(), `${there.path()}.away`);
    unknown(there, /it's a repository is not there, or not yours to look at/);
    // where the disk would be
    mkdirSync(there.path());
    unknown(there, /is not set up: it has no manifests/);
    mkdirSync(there.path("manifests"));
    unknown(there, /is not set up: it has no artifacts/);
  });

  test("it, a folder above it, or one in it is closed to whoever asks", (context) => {
    const there = backedUp(context);
    const top = dirname(there.path());
    const closed = join(top, "closed");
    chmodSync(top, 0o755);
    for (const folder of [there.path("artifacts"), there.path("manifests"), there.path()]) {
      chmodSync(folder, 0o700);
      unknown(there, /is root's/, { nobodys: true });
      chmodSync(folder, 0o755);
    }
    mkdirSync(closed, { mode: 0o700 });
    renameSync(there.path(), join(closed, "dev"));
    symlinkSync(join(closed, "dev"), there.path());
    unknown(there, /is not there, or not yours to look at/, { nobodys: true });
  });
});

describe("LS_send.sh", () => {
  const streams = (...of: readonly (readonly [label: string, parent?: string])[]) =>
    Buffer.concat(of.map(([label, parent]) => streamFor(label, parent)));

  test("sends what a label is made of, and of that only what the other has not", (context) => {
    const there = backedUp(context);
    const { code, bytes, stderr } = there.run(SEND, ["latest"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(bytes, streams(["2026-03"], ["2026-04", "2026-03"]));
    assert.deepEqual(there.run(SEND, ["2026-04", "2026-03"]).bytes, streams(["2026-04", "2026-03"]));
    assert.match(there.run(SEND, ["2026-04", "2026-01"]).stderr, /dev@2026-04 does not build on 2026-01/);
  });

  test("of several datasets, the one that is named", (context) => {
    const there = standing(context, "dash", { beside: "www" as DatasetName });
    assert.equal(there.run("ls_dev_register_artifact.sh", [there.artifact("2026-01")]).code, 0);
    assert.deepEqual(there.run(SEND, ["dev@latest"]).bytes, streams(["2026-01"]));
    for (const [given, says] of [
      ["www@2026-01", /nothing is backed up yet/],
      ["2026-01", /there is no dataset 2026-01 here/],
      ["../dev@2026-01", /there is no dataset \.\.\/dev here/],
    ] as const) {
      const { code, stdout, stderr } = there.run(SEND, [given]);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, says);
    }
  });

  test("sends the snapshot where that stands here", (context) => {
    const there = backedUp(context);
    const at = (label: string) => there.path("restore/worktree_receive", `dev@${label}`);
    const how = hydrated(there, "2026-03", "2026-04");
    assert.equal(there.run(SEND, ["2026-04"], how).stdout, `${at("2026-04")}\n`);
    assert.equal(
      there.run(SEND, ["2026-04", "2026-03"], how).stdout,
      `-p\n${at("2026-03")}\n${at("2026-04")}\n`,
    );
  });

  test("sends nothing where one artifact is not the manifest's", (context) => {
    const there = backedUp(context);
    const damaged = there.path("artifacts/incr/dev@2026-04.incr.from_2026-03.send.zst.age");
    const bytes = readFileSync(damaged);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    rmSync(damaged);
    writeFileSync(damaged, bytes);
    const sent = there.run(SEND, ["2026-04"]);
    assert.deepEqual([sent.code, sent.bytes.length], [6, 0]);
    assert.match(sent.stderr, /is not what the manifest says/);
    // the next apply knows of it
    assert.deepEqual(readdirSync(there.path("tmp")), [
      `${damaged.slice(join(damaged, "..").length + 1)}.damaged`,
    ]);
  });
});
