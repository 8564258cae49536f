import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AbsolutePath, joinPath, type Sha256 } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { DAMAGED, damagedMark, prove, proveScript } from "../../src/reconcilers/artifact/prove-script.ts";
import { holds, storeProbe } from "../../src/reconcilers/manifest/store.ts";
import type { Host } from "../../src/transport/host.ts";
import { history } from "../domain/history.ts";
import { desired } from "./world.ts";

const [declared = assert.fail()] = desired().datasets;
const GOOD = "the artifact";
const BAD = "the artefact";
const MADE = new Date("2026-02-01T03:00:00Z");
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex") as Sha256;

/** A repository with the artifact of 2026-02 in it, and what can be done to it. */
function shelf(context: TestContext, contents: string, expected = sha256(GOOD)) {
  const repository = mkdtempSync("/tmp/damaged-") as AbsolutePath;
  context.after(() => rmSync(repository, { recursive: true }));
  const spec = { ...declared, repository };
  const [, row = assert.fail()] = history(`2026-01 full 100, 2026-02 incr ${GOOD.length}`);
  const proven = { ...row, sha256: sha256(GOOD) };
  const path = joinPath(repository, row.localPath);
  for (const folder of ["artifacts/anchors", "artifacts/incr", "tmp"])
    mkdirSync(join(repository, folder), { recursive: true });
  writeFileSync(path, contents);
  utimesSync(path, MADE, MADE);
  const sh = (script: string) => spawnSync("sh", ["-c", script], { encoding: "utf8" });
  const look = () => {
    const { script, parse } = storeProbe(spec);
    const { stdout, status, stderr } = sh(script);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    const store = parse(stdout);
    return {
      holds: holds(store, proven),
      damaged: store.kind === "known" ? store.value.damaged : assert.fail(),
    };
  };
  return {
    file: path,
    mark: damagedMark(spec, row),
    path: row.localPath,
    /** With commands of `stubs` in place of the real ones. */
    prove: (stubs = "") =>
      sh(
        `set -u\n${stubs}\n${proveScript({ path, sha256: expected, damagedMark: damagedMark(spec, row) })}\necho "went on with $a"`,
      ),
    look,
    left: () => readdirSync(join(repository, "tmp")),
  };
}

test("an artifact whose hash is the manifest's is gone on with, and leaves no mark", (context) => {
  const { prove, look, left, file } = shelf(context, GOOD);
  assert.equal(prove().stdout, `went on with ${file}\n`);
  assert.deepEqual(left(), []);
  assert.equal(look().holds, true);
});

test("one whose hash is another is marked with what was found, and no longer counts as there", (context) => {
  const { prove, look, left, path } = shelf(context, BAD);
  assert.equal(look().holds, true, "by its size alone");
  const { status, stdout, stderr } = prove();
  assert.deepEqual({ status, stdout }, { status: DAMAGED, stdout: "" });
  assert.equal(stderr, `sha256 ${sha256(BAD)}, expected ${sha256(GOOD)}\n`);
  assert.equal(left().length, 1);
  assert.deepEqual([...look().damaged], [[path, sha256(BAD)]]);
  assert.equal(look().holds, false);
});

test("a mark that says the manifest's own hash condemns nothing: another was expected by whoever read it", (context) => {
  const { prove, look } = shelf(context, GOOD, sha256(BAD));
  assert.equal(prove().status, DAMAGED);
  assert.equal(look().damaged.size, 1);
  assert.equal(look().holds, true);
});

test("the mark counts for the very file that was read", async (context) => {
  const ways: Readonly<Record<string, (file: string) => void>> = {
    "it was written to": (file) => writeFileSync(file, GOOD),
    "another was put in its place": (file) => {
      writeFileSync(`${file}.new`, GOOD);
      renameSync(`${file}.new`, file);
    },
    "another of the same size and time was": (file) => {
      writeFileSync(`${file}.new`, GOOD);
      utimesSync(`${file}.new`, MADE, MADE);
      renameSync(`${file}.new`, file);
    },
    "somebody touched it, to have it read again": (file) => utimesSync(file, new Date(), new Date()),
  };
  for (const [name, change] of Object.entries(ways))
    await context.test(name, (inner) => {
      const { prove, look, file } = shelf(inner, BAD);
      assert.equal(prove().status, DAMAGED);
      assert.equal(look().holds, false);
      change(file);
      assert.deepEqual([...look().damaged], []);
      assert.equal(look().holds, true);
    });
});

test("a mark goes once the artifact has been proven", (context) => {
  const { prove, left, file } = shelf(context, BAD);
  prove();
  writeFileSync(file, GOOD);
  assert.equal(prove().status, 0);
  assert.deepEqual(left(), []);
});

test("an artifact that cannot be read to its end is damaged; one that openssl failed on is not", (context) => {
  const failing = "openssl() { echo 'no such digest' >&2; return 1; }";
  const able = shelf(context, GOOD);
  assert.equal(able.prove(failing).status, 1);
  assert.deepEqual(able.left(), []);
  const { prove, look, path } = shelf(context, GOOD);
  assert.equal(prove(`${failing}\ncat() { echo 'cat: Input/output error' >&2; return 1; }`).status, DAMAGED);
  assert.deepEqual([...look().damaged], [[path, "unreadable"]]);
});

test("a mark that was cut off, or that speaks of no artifact, is none", (context) => {
  const { prove, look, mark, file } = shelf(context, BAD);
  prove();
  writeFileSync(mark, sha256(BAD));
  assert.equal(look().holds, true);
  writeFileSync(mark, "");
  assert.equal(look().holds, true);
  prove();
  rmSync(file);
  assert.deepEqual([...look().damaged], []);
});

test("an artifact that is gone is no damaged one", (context) => {
  const { prove, left, file } = shelf(context, BAD);
  rmSync(file);
  assert.equal(prove().status, 1);
  assert.deepEqual(left(), []);
});

test("a mark that cannot be written ends the script as any failure does", (context) => {
  const { prove, mark, left } = shelf(context, BAD);
  mkdirSync(mark);
  chmodSync(mark, 0o700);
  const { status, stderr } = prove();
  assert.equal(status, 1, stderr);
  assert.match(stderr, /expected/);
  assert.deepEqual(
    left().filter((name) => !name.endsWith(".new")),
    [mark.slice(mark.lastIndexOf("/") + 1)],
  );
});

test("what is to be sent is read first: a damaged one is told by its name, and marked", async (context) => {
  const { file, mark, look, path } = shelf(context, BAD);
  const host = {
    name: declared.server,
    run: async (script: string) => {
      const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
      return { exitCode: status ?? -1, stdout, stderr };
    },
  };
  const proving = { path: file, sha256: sha256(GOOD), damagedMark: mark };
  const { signal } = new AbortController();
  const error = await prove(host as Partial<Host> as Host, proving, signal).catch((thrown) => thrown);
  assert.ok(error instanceof DevbackupError);
  assert.deepEqual([error.trouble.code, error.trouble.exitCode], ["artifact-damaged", 6]);
  assert.match(error.trouble.what, /dev@2026-02\S+ is damaged: its SHA-256 is not the manifest's/);
  assert.deepEqual([...look().damaged.keys()], [path]);
  writeFileSync(file, GOOD);
  await prove(host as Partial<Host> as Host, proving, signal);
  assert.deepEqual([...look().damaged], []);
});
