import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ManifestRow } from "../../src/domain/manifest.ts";
import { type RunFigures, renderMetrics } from "../../src/notify/prometheus.ts";
import { readTextfile, writeTextfile } from "../../src/notify/textfile.ts";
import { label } from "../report/examples.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "devbackup-textfile-"));
});
after(() => rm(folder, { recursive: true, force: true }));

const row = (ts: string, sizeBytes: number): ManifestRow => ({
  ts,
  sizeBytes,
  label: label("2026-03"),
  parent: null,
  sha256: "9f".repeat(32) as ManifestRow["sha256"],
  localPath: "artifacts/anchors/x",
  objectKey: null,
});

const figures = (some: Partial<RunFigures> = {}): RunFigures => ({
  endedAt: new Date("2026-03-01T03:02:03.500Z"),
  durationMs: 123_500,
  exitCode: 0,
  unapproved: 0,
  warnings: 1,
  datasets: ["dev", "photos"],
  sound: new Set(["dev", "photos"]),
  newest: new Map([
    ["dev", row("2026-03-01T03:01:00Z", 312 << 20)],
    ["photos", row("2026-02-01T03:01:00.123Z", 0)],
  ]),
  ...some,
});

/**
 * The text format, read as strictly as it is written down (prometheus.io/docs/instrumenting/exposition_formats): one
 * group a metric, HELP and TYPE in front of it, no sample twice, a newline at the end of all of it.
 */
function parseStrictly(text: string): Map<string, number> {
  assert.ok(text.endsWith("\n"));
  const samples = new Map<string, number>();
  const finished = new Set<string>();
  let name = "";
  let header: string[] = [];
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment) {
      const [, kind = "", of = "", rest = ""] = comment;
      if (of !== name) {
        assert.ok(!finished.has(of), `${of} stands in two places`);
        finished.add(name);
        [name, header] = [of, []];
      }
      assert.ok(!header.includes(kind), `${kind} of ${of} stands twice`);
      header.push(kind);
      if (kind === "TYPE") assert.match(rest, /^(counter|gauge|histogram|summary|untyped)$/);
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\n"])*"\})? (\S+)$/.exec(
      line,
    );
    assert.ok(sample, `not a sample: ${line}`);
    const [whole, of, labels = "", value] = sample;
    assert.equal(of, name, `outside its group: ${whole}`);
    assert.deepEqual(header, ["HELP", "TYPE"]);
    assert.ok(!samples.has(of + labels), `twice: ${whole}`);
    assert.ok(Number.isFinite(Number(value)), `no number: ${whole}`);
    samples.set(of + labels, Number(value));
  }
  return samples;
}

const seconds = (text: string): number => Date.parse(text) / 1000;

test("a good run: when, how long, with what, and of each dataset what there is", () => {
  assert.deepEqual(Object.fromEntries(parseStrictly(renderMetrics(figures(), ""))), {
    devbackup_last_run_timestamp_seconds: seconds("2026-03-01T03:02:03Z"),
    devbackup_last_run_duration_seconds: 123.5,
    devbackup_last_exit_code: 0,
    devbackup_unapproved_actions: 0,
    devbackup_warnings: 1,
    'devbackup_last_success_timestamp_seconds{dataset="dev"}': seconds("2026-03-01T03:02:03Z"),
    'devbackup_last_success_timestamp_seconds{dataset="photos"}': seconds("2026-03-01T03:02:03Z"),
    'devbackup_newest_label_timestamp_seconds{dataset="dev"}': seconds("2026-03-01T03:01:00Z"),
    'devbackup_newest_label_timestamp_seconds{dataset="photos"}': seconds("2026-02-01T03:01:00Z"),
    'devbackup_artifact_bytes{dataset="dev"}': 312 << 20,
    'devbackup_artifact_bytes{dataset="photos"}': 0,
  });
});

test("a run that failed keeps what was last good, and a dataset that is declared no more goes", () => {
  const good = renderMetrics(figures(), "");
  const failed = figures({
    endedAt: new Date("2026-04-01T03:00:00Z"),
    exitCode: 4,
    unapproved: null,
    warnings: null,
    datasets: ["dev"],
    sound: new Set<string>(),
    newest: new Map(),
  });
  const samples = parseStrictly(
    renderMetrics(failed, `${good}# of another program\nnode_up 1\ndevbackup_x{a="b"} NaN\n`),
  );
  assert.equal(samples.get("devbackup_last_exit_code"), 4);
  assert.equal(samples.get("devbackup_last_run_timestamp_seconds"), seconds("2026-04-01T03:00:00Z"));
  assert.equal(samples.get("devbackup_warnings"), 1);
  const of = (metric: string) => samples.get(`devbackup_${metric}{dataset="dev"}`);
  assert.equal(of("last_success_timestamp_seconds"), seconds("2026-03-01T03:02:03Z"));
  assert.equal(of("artifact_bytes"), 312 << 20);
  assert.ok([...samples.keys()].every((key) => !key.includes("photos") && !key.includes("node_up")));
});

test("before the first good run nothing is said of it, and a file that others wrote is no reason to fail", () => {
  const first = figures({ exitCode: 1, sound: new Set(), newest: new Map(), unapproved: null });
  for (const before of ["", "\0".repeat(10), 'devbackup_artifact_bytes{dataset="dev"} 1e999\n'])
    assert.ok(![...parseStrictly(renderMetrics(first, before)).keys()].some((key) => key.includes("{")));
});

test("the textfile: replaced in one step, readable by all, and nothing is left beside it", async () => {
  const file = join(folder, "devbackup.prom");
  await writeFile(file, "old", { mode: 0o600 });
  const umask = process.umask(0o077);
  const inode = (await stat(file)).ino;
  await writeTextfile(file, "new\n", "1").finally(() => process.umask(umask));
  assert.equal(await readTextfile(file), "new\n");
  assert.equal((await stat(file)).mode & 0o777, 0o644);
  assert.notEqual((await stat(file)).ino, inode);
  await writeTextfile(file, null, "2");
  assert.equal(await readTextfile(file), "new\n");
  assert.deepEqual(await readdir(folder), ["devbackup.prom"]);
});

test("the textfile: where its folder is missing, what to make and what becomes of backups is said", async () => {
  const missing = join(folder, "not here");
  await assert.rejects(writeTextfile(join(missing, "devbackup.prom"), "x", "5"), {
    message: `${missing}/devbackup.prom can't be written (ENOENT): there is no folder ${missing}. Make it (mkdir -p '${missing}'), and have node_exporter read it (--collector.textfile.directory). Until then Prometheus hears nothing; backups are made all the same`,
  });
});

test("the textfile: what somebody has put in its place is replaced, and never gone through or waited for", async () => {
  const [victim, file] = [join(folder, "victim"), join(folder, "link.prom")];
  await writeFile(victim, "precious");
  await symlink(victim, file);
  assert.equal(await readTextfile(file), "");
  await writeTextfile(file, "ours\n", "3");
  assert.deepEqual([await readFile(victim, "utf8"), await readFile(file, "utf8")], ["precious", "ours\n"]);
  const pipe = join(folder, "pipe.prom");
  execFileSync("mkfifo", [pipe]);
  assert.equal(await readTextfile(pipe), "");
  await symlink(victim, join(folder, "new.prom.4.new"));
  await assert.rejects(
    writeTextfile(join(folder, "new.prom"), "x", "4"),
    /new\.prom can't be written \(EEXIST\)/,
  );
  assert.equal(await readFile(victim, "utf8"), "precious");
});
