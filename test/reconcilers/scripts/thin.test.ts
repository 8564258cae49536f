import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import type { DatasetName } from "../../../src/domain/names.ts";
import { standing } from "./standing.ts";

/** What each becomes, word by word; `$DIR` is a folder that is there. */
const ROWS: readonly (readonly [typed: readonly string[], becomes: readonly string[]])[] = [
  [["init_WS.sh"], ["apply", "--only", "provision", "--host", "ws"]],
  [
    ["init_LS.sh", "--yes"],
    ["apply", "--only", "provision", "--host", "ls", "--yes"],
  ],
  [
    ["ws_dev_snapshot.sh", "2026-03"],
    ["apply", "--only", "snapshot", "--dataset", "dev", "--label", "2026-03"],
  ],
  [["ws_dev_snapshot.sh"], ["apply", "--only", "snapshot", "--dataset", "dev"]],
  [
    ["ws_dev_export_and_push.sh", "2026-03", "2026-02", "--yes"],
    ["apply", "--only", "artifact,register", "--dataset", "dev", "--label", "2026-03", "--yes"],
  ],
  [
    ["ws_dev_run_month.sh", "2026-03"],
    ["apply", "--dataset", "dev", "--label", "2026-03"],
  ],
  [["LS_request.sh"], ["apply", "--restore", "latest"]],
  [
    ["LS_request.sh", "2026-02", "--identity", "it's"],
    ["apply", "--restore", "2026-02", "--identity", "it's"],
  ],
  [
    ["pull_from_cloud.sh", "latest", "/tmp/dev-backup-cloud-pull", "--yes"],
    ["apply", "--only", "provision,register,artifact", "--host", "ls", "--restore", "latest", "--yes"],
  ],
  [
    ["store_on_LS.sh", "$DIR"],
    ["manifest", "import", "$DIR"],
  ],
  [
    ["restore_backup_LS.sh", "2026-03"],
    ["apply", "--host", "ls", "--restore", "2026-03"],
  ],
  [["migrate_manifest_to_v2.sh"], ["manifest", "migrate"]],
];

for (const tools of ["dash", "busybox"] as const)
  describe(`a thin script is a command of devbackup: ${tools}`, () => {
    for (const [[script = "", ...args], becomes] of ROWS)
      test([script, ...args].join(" "), (context) => {
        const there = standing(context, tools);
        const folder = join(dirname(there.path()), "pulled $(id); 'there'");
        mkdirSync(folder);
        const put = (word: string) => word.replace("$DIR", folder);
        const programs = { devbackup: `printf '%s\\n' "$@"; exit 5` };
        const { code, stdout, stderr } = there.run(script, args.map(put), { programs });
        assert.equal(stdout, becomes.map((word) => `${put(word)}\n`).join(""), stderr);
        assert.equal(code, 5, "its exit code is devbackup's");
      });

    test("where devbackup is not, it says what to type where it is", (context) => {
      const there = standing(context, tools);
      const folder = join(dirname(there.path()), "it's $(id)");
      mkdirSync(folder);
      const { code, stdout, stderr } = there.run("store_on_LS.sh", [folder, "--yes"]);
      assert.deepEqual([code, stdout], [1, ""]);
      const typed = `devbackup manifest import '${folder.replace("'", "'\\''")}' --yes`;
      assert.ok(stderr.includes(`next: where you apply from: ${typed}\n`), stderr);
    });

    test("what could not be meant goes nowhere", (context) => {
      const there = standing(context, tools);
      const programs = { devbackup: "echo ran" };
      for (const [script, args, says] of [
        ["ws_dev_snapshot.sh", ["latest"], /latest is none/],
        ["ws_dev_run_month.sh", ["March"], /March is no label/],
        ["ws_dev_export_and_push.sh", ["2026-03", "x"], /x is no label/],
        ["LS_request.sh", ["2026-03\n"], /control characters/],
        ["store_on_LS.sh", [], /which folder/],
        ["store_on_LS.sh", ["/nowhere"], /there is no folder \/nowhere/],
      ] as const) {
        const { code, stdout, stderr } = there.run(script, args, { programs });
        assert.deepEqual([code, stdout], [1, ""], script);
        assert.match(stderr, says);
      }
    });
  });

test("push_to_cloud.sh sends what is registered, whatever the calendar says by now", (context) => {
  const there = standing(context);
  const programs = { devbackup: `printf '%s ' "$@"; exit 4` };
  const push = (...args: string[]) => there.run("push_to_cloud.sh", args, { programs });
  assert.deepEqual([push().code, push().stdout], [0, "Nothing of dev is backed up yet.\n"]);
  assert.equal(there.run("ls_dev_register_artifact.sh", [there.artifact("2026-01")]).code, 0);
  for (const args of [[], ["--dataset", "dev"]]) {
    const { code, stdout } = push(...args, "--yes");
    assert.deepEqual(
      [code, stdout],
      [4, "apply --only cloud --host ls --dataset dev --label 2026-01 --yes "],
    );
  }
  assert.match(push("--dataset", "../x").stderr, /there is no dataset \.\.\/x here/);
  // a variable that is not set, in a cron job say
  assert.deepEqual([push("--dataset", "").code, push("--dataset", "").stdout], [1, ""]);
});

test("push_to_cloud.sh goes through all datasets of the server, whatever becomes of one", (context) => {
  const there = standing(context, "dash", { beside: "www" as DatasetName });
  assert.equal(there.run("ls_dev_register_artifact.sh", [there.artifact("2026-01")]).code, 0);
  const push = (devbackup: string) => there.run("push_to_cloud.sh", [], { programs: { devbackup } });
  const { code, stdout } = push("exit 4");
  assert.deepEqual([code, stdout], [4, "Nothing of www is backed up yet.\n"]);
  rmSync(there.path(), { recursive: true });
  const without = push("exit 4");
  assert.deepEqual([without.code, without.stdout], [1, "Nothing of www is backed up yet.\n"]);
});

test("the folder of the older pull is nothing to store: what is pulled is in the repository", (context) => {
  const { code, stdout } = standing(context).run("store_on_LS.sh", ["/tmp/dev-backup-cloud-pull"], {
    programs: { devbackup: "echo ran" },
  });
  assert.equal(code, 0);
  assert.match(stdout, /puts what it fetches into the repository itself/);
});
