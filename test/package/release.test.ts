import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { outFolder } from "../../scripts/package/out-folder.ts";

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "devbackup-release-"));
after(() => rmSync(folder, { recursive: true }));

/** A folder with these files in it. */
function holding(files: Readonly<Record<string, string>>): string {
  const made = mkdtempSync(join(folder, "out-"));
  for (const [name, contents] of Object.entries(files)) writeFileSync(join(made, name), contents);
  return made;
}
const digest = (contents: string) => createHash("sha256").update(contents).digest("hex");
const inside = (path: string) =>
  Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), "utf8")]));

/** A folder with a release of one file in it. */
function released(contents: string): string {
  const out = join(mkdtempSync(join(folder, "out-")), "release");
  const { building, deliver } = outFolder(out);
  writeFileSync(join(building, "devbackup-0.1.0.tgz"), contents);
  deliver();
  return out;
}

describe("the folder of a release", () => {
  test("a new one, an empty one, and an earlier release, whole or in part, give way", () => {
    const partly = released("before");
    unlinkSync(join(partly, "devbackup-0.1.0.tgz"));
    const link = join(folder, "link");
    symlinkSync(released("before"), link);
    for (const out of [join(folder, "new/out"), holding({}), released("before"), partly, link]) {
      const { building, deliver } = outFolder(out);
      writeFileSync(join(building, "devbackup-0.2.0.tgz"), "now");
      assert.deepEqual(deliver(), ["devbackup-0.2.0.tgz"]);
      assert.deepEqual(inside(out), {
        "devbackup-0.2.0.tgz": "now",
        SHA256SUMS: `${digest("now")}  devbackup-0.2.0.tgz\n`,
      });
    }
  });

  test("until it is delivered, an earlier release stands", () => {
    const out = released("before");
    const { building } = outFolder(out);
    writeFileSync(join(building, "devbackup-0.1.0.tgz"), "now");
    assert.equal(inside(out)["devbackup-0.1.0.tgz"], "before");
  });

  for (const { name, spoil, says } of [
    {
      name: "another file",
      spoil: (out: string) => writeFileSync(join(out, "precious"), ""),
      says: /: precious\n/,
    },
    { name: "a folder", spoil: (out: string) => mkdirSync(join(out, "notes")), says: /: notes\n/ },
    {
      name: "a link",
      spoil: (out: string) => symlinkSync("devbackup-0.1.0.tgz", join(out, "latest")),
      says: /: latest\n/,
    },
    {
      name: "a file of it that was changed",
      spoil: (out: string) => writeFileSync(join(out, "devbackup-0.1.0.tgz"), "mine"),
      says: /: devbackup-0\.1\.0\.tgz\n/,
    },
    {
      name: "a release whose digests are gone",
      spoil: (out: string) => unlinkSync(join(out, "SHA256SUMS")),
      says: /: devbackup-0\.1\.0\.tgz\n/,
    },
    {
      name: "what others gave out with digests of their own",
      spoil: (out: string) => {
        writeFileSync(join(out, "debian.iso"), "iso");
        writeFileSync(join(out, "SHA256SUMS"), `${digest("iso")}  debian.iso\n`);
      },
      says: /: SHA256SUMS, debian\.iso, devbackup-0\.1\.0\.tgz\n/,
    },
  ]) {
    test(`with ${name} in it, it is refused before anything is made, and stays as it is`, () => {
      const out = released("before");
      spoil(out);
      const were = execFileSync("ls", ["-lR", "--full-time", out], { encoding: "utf8" });
      assert.throws(() => outFolder(out), says);
      assert.equal(execFileSync("ls", ["-lR", "--full-time", out], { encoding: "utf8" }), were);
    });

    test(`with ${name} that came in while a release was made, it stays as it is`, () => {
      const out = released("before");
      const { building, deliver } = outFolder(out);
      writeFileSync(join(building, "devbackup-0.1.0.tgz"), "now");
      spoil(out);
      const were = execFileSync("ls", ["-lR", "--full-time", out], { encoding: "utf8" });
      assert.throws(deliver, says);
      assert.equal(execFileSync("ls", ["-lR", "--full-time", out], { encoding: "utf8" }), were);
    });
  }

  test("a file, or a link to nothing, is refused", () => {
    writeFileSync(join(folder, "file"), "mine");
    symlinkSync("nowhere", join(folder, "dangling"));
    assert.throws(() => outFolder(join(folder, "file")), /is no folder/);
    assert.throws(() => outFolder(join(folder, "dangling")), /ENOENT/);
    assert.equal(readFileSync(join(folder, "file"), "utf8"), "mine");
  });
});

describe("a clone with more in it than git tracks", () => {
  const clone = join(folder, "clone");
  const SECRET = "desired-state/r2-secret";
  before(() => {
    const own = new Set([".git", "node_modules", "dist", "out"]);
    cpSync(ROOT, clone, { recursive: true, filter: (path) => !own.has(relative(ROOT, path)) });
    symlinkSync(join(ROOT, "node_modules"), join(clone, "node_modules"));
    execFileSync("git", ["init", "-q"], { cwd: clone });
    execFileSync("git", ["add", "-A"], { cwd: clone });
  });

  const run = (program: string, ...args: string[]) =>
    spawnSync(program, args, { cwd: clone, encoding: "utf8" });
  const release = (...args: string[]) =>
    run(process.execPath, "--import", "tsx", "scripts/package.ts", ...args);
  const handedOut = () => run(process.execPath, "scripts/handed-out.mjs");

  test("what it tracks is handed out, and of what is built nothing is asked", () => {
    mkdirSync(join(clone, "dist"));
    writeFileSync(join(clone, "dist/devbackup.mjs"), "");
    const { status, stdout, stderr } = handedOut();
    assert.deepEqual([status, stderr], [0, ""]);
    const paths = stdout.trimEnd().split("\n");
    for (const path of ["bin/devbackup", "docs/manual.md", "desired-state/schema.json", "README.md"])
      assert.ok(paths.includes(path), path);
    assert.deepEqual(
      paths.filter((path) => path.startsWith("dist/")),
      [],
    );
  });

  for (const path of [SECRET, "docs/notes/tomorrow.md", "examples/mine.tgz", "TODO.md", "rescue/9-mine.sh"])
    test(`${path} stops a release with its name`, (context) => {
      mkdirSync(join(clone, path, ".."), { recursive: true });
      writeFileSync(join(clone, path), "hunter2");
      context.after(() => rmSync(join(clone, path)));
      const { status, stdout, stderr } = handedOut();
      assert.deepEqual([status, stdout], [1, ""]);
      assert.ok(stderr.includes(`"${path}"\n`), stderr);
    });

  test("an earlier release stands where one is stopped, and nothing is left beside it", (context) => {
    writeFileSync(join(clone, SECRET), "hunter2");
    context.after(() => rmSync(join(clone, SECRET)));
    const out = released("before");
    const { status, stderr } = release("--out", out);
    assert.equal(status, 1);
    assert.match(stderr, /^git does not track .*: "desired-state\/r2-secret"$/m);
    assert.equal(inside(out)["devbackup-0.1.0.tgz"], "before");
    assert.deepEqual(readdirSync(join(out, "..")), [basename(out)]);
  });

  test("`npm pack` is stopped too, before it builds", (context) => {
    writeFileSync(join(clone, SECRET), "hunter2");
    context.after(() => rmSync(join(clone, SECRET)));
    const { status, stderr } = run("npm", "pack", "--pack-destination", holding({}));
    assert.notEqual(status, 0);
    assert.match(stderr, /"desired-state\/r2-secret"/);
    assert.ok(!readdirSync(join(clone, "dist")).includes("chunks"));
  });

  for (const { args, says } of [
    { args: ["--arch", "x64,nope"], says: /--arch nope: x64 or arm64/ },
    { args: ["--arch", "toString"], says: /--arch toString: x64 or arm64/ },
    { args: ["--ouch"], says: /Unknown option '--ouch'/ },
    { args: ["x64"], says: /Unexpected argument 'x64'/ },
  ])
    test(`${args.join(" ")} is refused before anything is deleted`, () => {
      const out = released("before");
      const { status, stderr } = release("--out", out, ...args);
      assert.equal(status, 1);
      assert.match(stderr, says);
      assert.equal(inside(out)["devbackup-0.1.0.tgz"], "before");
      assert.deepEqual(readdirSync(join(out, "..")), [basename(out)]);
    });

  test("--out with something of one's own in it is refused, and it is there", () => {
    const out = holding({ precious: "years of work" });
    const { status, stderr } = release("--out", out);
    assert.equal(status, 1);
    assert.match(stderr, /holds what no release left there as it is: precious/);
    assert.deepEqual(inside(out), { precious: "years of work" });
  });
});
