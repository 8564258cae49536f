import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { stringify } from "yaml";
import { renderManifest } from "../../src/domain/manifest.ts";
import { history } from "../domain/history.ts";
import { listen } from "../notify/listener.ts";

const ROOT = join(import.meta.dirname, "../..");
const VERSION = "data:text/javascript,globalThis.DEVBACKUP_VERSION='test'";

describe("what was typed is told", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "devbackup-telling-"));
    // a manifest that nobody signed: the plan has problems, and apply ends with 6
    mkdirSync(join(folder, "repository/manifests"), { recursive: true });
    writeFileSync(
      join(folder, "repository/manifests/snapshots_v2.tsv"),
      renderManifest(history("2026-01 full 100, 2026-02 incr 10")),
    );
  });
  after(() => rmSync(folder, { recursive: true }));

  const declare = (notify: readonly object[]): void => {
    const here = { connection: "local", become: "none" };
    const repository = join(folder, "repository");
    // no machine can be backed up from there
    const dev = { path: "/proc/self", snapshots: "/proc/snapshots", owner: "root", repository };
    const hosts = { ws: { role: "workstation", ...here }, ls: { role: "server", ...here } };
    writeFileSync(
      join(folder, "devbackup.yaml"),
      stringify({ version: 1, hosts, datasets: { dev }, notify }),
    );
  };

  async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const child = spawn(
      process.execPath,
      ["--import", import.meta.resolve("tsx"), "--import", VERSION, "src/cli/main.ts", ...args],
      {
        cwd: ROOT,
        env: { ...process.env, HOME: folder, DEVBACKUP_CONFIG: folder, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { stdout, stderr, exitCode: await ended };
  }

  test("an apply that can't be planned: to each way, its exit code unchanged, and no secret inherited", async (context) => {
    const listener = await listen(context);
    const gone = await listen(context, 404);
    const out = join(folder, "out");
    const metrics = join(folder, "devbackup.prom");
    declare([
      { slack: { env: "HOOK" } },
      { ntfy: `${gone.url}/topic` },
      { command: ["sh", "-c", `{ cat; env; } >${out}`] },
      { prometheus: metrics },
      { email: "chuck@example.org", on: ["success"] },
    ]);
    const { exitCode, stdout, stderr } = await run(["apply"], { HOOK: `${listener.url}/T0P-SECRET` });
    assert.equal(exitCode, 6);
    assert.match(stdout, /error: dev on ws: \/proc\/self/);
    assert.equal(stderr, "warning: notify.1 (ntfy): the message did not arrive: it answered 404 Not Found\n");
    assert.equal(listener.heard.length, 1);
    const said = JSON.parse(listener.heard[0]?.body ?? "").text;
    assert.match(
      said,
      /^devbackup: backup failed: \w+: .*\nBy \S+@\S+, begun \S+, took \S+ s, exit code 6\.\n/,
    );
    assert.match(said, /\nFailed:\n(- .*\n( {2}.*\n)+)*- ws: \/proc\/self /);
    // nobody signed it: it is no proof of anything
    assert.doesNotMatch(said, /Newest registered/);
    const got = readFileSync(out, "utf8");
    assert.match(got, /^DEVBACKUP_OCCASION=failure$/m);
    assert.match(readFileSync(metrics, "utf8"), /^devbackup_last_exit_code 6$/m);
    assert.doesNotMatch(got + stdout + stderr, /T0P-SECRET/);
  });

  test("a wrong flag is told, too, after it is shown", async (context) => {
    const listener = await listen(context);
    declare([{ ntfy: `${listener.url}/topic` }]);
    const { exitCode, stderr } = await run(["apply", "--dataset", "photos"]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /photos/);
    assert.match(String(listener.heard[0]?.headers.title), /^devbackup: backup failed: .*photos/);
  });

  test("notify --test: every way, whatever its occasion, and what became of each; 1 where one failed", async (context) => {
    const [listener, gone] = [await listen(context), await listen(context, 404)];
    declare([
      { ntfy: `${listener.url}/topic`, on: ["start"] },
      { healthchecks: `${gone.url}/uuid` },
      { prometheus: join(folder, "nowhere/devbackup.prom") },
    ]);
    const { exitCode, stdout, stderr } = await run(["notify", "--test"]);
    assert.equal(exitCode, 1);
    assert.equal(stderr, "");
    const [ntfy, healthchecks, prometheus] = stdout.split("\n");
    assert.equal(ntfy, "notify.0 (ntfy)          ok: 200 OK");
    assert.equal(healthchecks, "notify.1 (healthchecks)  FAILED: it answered 404 Not Found");
    assert.match(
      prometheus ?? "",
      /^notify\.2 \(prometheus\) {4}FAILED: .*\(ENOENT\).*mkdir -p \S+\/nowhere/,
    );
    assert.equal(listener.heard[0]?.headers.title, "devbackup: a test of notify");
    declare([{ ntfy: `${listener.url}/topic` }]);
    const fine = await run(["notify", "--test", "--json"]);
    assert.equal(fine.exitCode, 0);
    const deliveries = [{ entry: "notify.0 (ntfy)", toPeople: true, arrived: true, how: "200 OK" }];
    assert.deepEqual(JSON.parse(fine.stdout), { formatVersion: 1, deliveries });
  });

  test("notify: what is not to be typed so is refused, and nobody declared is no failure", async () => {
    declare([]);
    for (const args of [["notify"], ["notify", "--after-run"]]) {
      const { exitCode, stderr } = await run(args);
      assert.equal(exitCode, 1);
      assert.match(stderr, /next: devbackup notify --test\n$/);
    }
    const { exitCode, stdout } = await run(["notify", "--test"]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^Nobody is declared to be told/);
  });

  test("notify --after-run ends with 0 even where a message did not arrive: systemd would call the unit failed", async (context) => {
    const gone = await listen(context, 404);
    declare([{ ntfy: `${gone.url}/topic` }]);
    const env = { SERVICE_RESULT: "signal", EXIT_CODE: "killed", EXIT_STATUS: "KILL", INVOCATION_ID: "x" };
    const { exitCode, stderr } = await run(["notify", "--after-run"], env);
    assert.equal(exitCode, 0);
    assert.match(stderr, /^warning: notify\.0 \(ntfy\): the message did not arrive/);
    assert.equal(gone.heard[0]?.headers.title, "devbackup: backup died: it was killed by SIGKILL");
  });
});
