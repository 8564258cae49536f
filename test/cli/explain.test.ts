import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";

const VERSION = 'data:text/javascript,globalThis.DEVBACKUP_VERSION="0"';
const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");

// what a machine lacks is all that is planned for it
const lacking = ["btrfs", "age", "zstd"].filter(
  (tool) => !["/usr/bin", "/usr/sbin"].some((place) => existsSync(join(place, tool))),
);
const skip = lacking.length > 0 && `not installed: ${lacking.join(", ")}`;

describe("explain, as it is typed", { skip }, () => {
  let folder: string;
  let config: string;
  before(() => {
    folder = mkdtempSync("/tmp/explain-");
    config = join(folder, "devbackup.yaml");
    writeFileSync(
      config,
      `version: 1
hosts:
  ws: {role: workstation, connection: local, become: none}
  ls: {role: server, connection: local, become: none}
datasets:
  dev:
    path: ${folder}/code
    snapshots: ${folder}/snapshots
    owner: root
    # where it all goes
    repository: ${folder}/repository
`,
    );
  });
  after(() => rmSync(folder, { recursive: true }));

  const typed = (...args: string[]) =>
    spawnSync(
      process.execPath,
      ["--no-warnings", "--import", VERSION, MAIN, "explain", "--config", config, ...args],
      {
        encoding: "utf8",
        env: { ...process.env, HOME: folder, XDG_STATE_HOME: join(folder, "state") },
      },
    );

  test("the line of the desired state, as it was written and where, and the script", () => {
    const { status, stdout, stderr } = typed("artifact:dev@2026-03", "--label", "2026-03");
    assert.equal(status, 0, stderr);
    assert.ok(stdout.includes(`${config}:11  repository: ${folder}/repository\n`), stdout);
    assert.match(stdout, /btrfs -q send/);
  });

  test("as data, with the whole scripts", () => {
    const { status, stdout } = typed("key:dev", "--json");
    assert.equal(status, 0);
    const { formatVersion, action, asked, steps } = JSON.parse(stdout);
    assert.deepEqual([formatVersion, action.id], [1, "key:dev"]);
    assert.deepEqual(asked[0], {
      key: "datasets.dev.repository",
      at: `${config}:11`,
      text: `repository: ${folder}/repository`,
    });
    assert.match(steps[0].script, /public_half\(\) \{/);
  });

  test("of a line with a webhook's address, nothing is shown from there on", () => {
    const state = { ...parse(readFileSync(config, "utf8")), notify: [{ ntfy: "https://ntfy.sh/a-topic" }] };
    writeFileSync(join(folder, "one-line.yaml"), JSON.stringify(state));
    for (const json of [[], ["--json"]]) {
      const { status, stdout, stderr } = typed("key:dev", ...json, "--config", join(folder, "one-line.yaml"));
      assert.equal(status, 0, stderr);
      assert.match(stdout, /one-line\.yaml:1/);
      assert.match(stdout.replaceAll(/\s+/g, " "), /"?ntfy\\?": ?\(hidden\)/);
      assert.doesNotMatch(stdout, /topic/);
    }
  });

  test("what is not in the plan ends with 1, and says what it would be and which plan to look at", () => {
    const { status, stderr } = typed("drill:dev", "--dataset", "dev");
    assert.equal(status, 1);
    assert.match(stderr, /there is no action drill:dev in this plan/);
    assert.match(stderr, /Such an action restores a label into scratch space/);
    assert.ok(stderr.includes(`next: devbackup plan --config ${config} --dataset dev`), stderr);
  });
});
