import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { loadDesiredState } from "../../src/desired-state/load.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { DATASETS, HOSTS, MINIMAL } from "./states.ts";

const room = realpathSync(mkdtempSync(path.join(tmpdir(), "desired-state-")));
after(() => rmSync(room, { recursive: true }));
let made = 0;

/** A working directory with these files. */
function folder(files: Readonly<Record<string, string | Buffer>>): string {
  const cwd = path.join(room, String(made++));
  mkdirSync(cwd);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(cwd, name)), { recursive: true });
    writeFileSync(path.join(cwd, name), content);
  }
  return cwd;
}

function load(cwd: string, config?: string, env: Record<string, string> = {}) {
  const loaded = loadDesiredState({ config, env, cwd, home: "/home/chuck" });
  return loaded.kind === "valid"
    ? { files: loaded.files, problems: [] }
    : { files: [], problems: loaded.problems.map((p) => `${p.file}:${p.line}:${p.col} ${p.wrong}`) };
}

const rows: readonly {
  name: string;
  files: Readonly<Record<string, string | Buffer>>;
  config?: string;
  read?: readonly string[];
  problems?: readonly string[];
}[] = [
  {
    name: "./desired-state/",
    files: { "desired-state/a.yaml": MINIMAL, "desired-state/schema.json": "{}" },
    read: ["desired-state/a.yaml"],
  },
  {
    name: "several files, by name",
    files: {
      "d/b.yml": DATASETS,
      "d/a.yaml": `version: 1\n${HOSTS}`,
      "d/.hidden.yaml": "x",
      "d/notes.txt": "x",
    },
    config: "d",
    read: ["d/a.yaml", "d/b.yml"],
  },
  { name: "a file by its name", files: { "x.conf": MINIMAL }, config: "x.conf", read: ["x.conf"] },
  {
    name: "a byte order mark",
    files: { "a.yaml": `\u{feff}${MINIMAL}` },
    config: "a.yaml",
    read: ["a.yaml"],
  },
  {
    name: "one key in two files",
    files: { "d/a.yaml": MINIMAL, "d/b.yaml": `# more\n${HOSTS}` },
    config: "d",
    problems: ["d/b.yaml:2:1 `hosts` stands in two files; the first is at d/a.yaml:2:1"],
  },
  {
    name: "problems of every file",
    files: {
      "d/a.yaml": `version: 3\n${HOSTS}`,
      "d/b.yaml": DATASETS.replace("owner", "ovner"),
      "d/c.yaml": "- x\n",
      "d/d.yaml": "",
    },
    config: "d",
    problems: [
      "d/a.yaml:1:10 `version` is 3",
      "d/b.yaml:5:5 `ovner` is no key of `datasets.dev`",
      "d/c.yaml:1:1 this file is not a mapping",
      "d/d.yaml:1:1 this file is empty",
    ],
  },
  {
    name: "what a broken file may have said is not called missing",
    files: { "d/a.yaml": `version: 1\n${DATASETS}`, "d/hosts.yaml": "hosts: {\n" },
    config: "d",
    problems: ["d/hosts.yaml:2:1 a `{` or `[` is not closed before this place"],
  },
  {
    name: "a directory without YAML",
    files: { "desired-state/schema.json": "{}" },
    problems: ["desired-state:1:1 this directory holds no *.yaml"],
  },
  {
    name: "a directory called like a file",
    files: { "d/a.yaml": MINIMAL, "d/b.yaml/x": "" },
    config: "d",
    problems: ["d/b.yaml:1:1 this is a directory, not a file"],
  },
  {
    name: "bytes that are no text",
    files: { "a.yaml": Buffer.from([0x7f, 0x45, 0xff, 0xfe]) },
    config: "a.yaml",
    problems: ["a.yaml:1:1 this file is not text: it is not valid UTF-8"],
  },
  {
    name: "UTF-16",
    files: { "a.yaml": Buffer.from(`\u{feff}${MINIMAL}`, "utf16le") },
    config: "a.yaml",
    problems: ["a.yaml:1:1 this file is not text: it is not valid UTF-8"],
  },
  {
    name: "zeros",
    files: { "a.yaml": Buffer.alloc(64) },
    config: "a.yaml",
    problems: ["a.yaml:1:1 this is not text: a control character"],
  },
  {
    name: "a file without an end",
    files: { "a.yaml": "a: b\n".repeat(300_000) },
    config: "a.yaml",
    problems: ["a.yaml:1:1 this file is larger than 1 MiB"],
  },
];

for (const row of rows) {
  test(`files: ${row.name}`, () => {
    const loaded = load(folder(row.files), row.config);
    assert.deepEqual(loaded, { files: row.read ?? [], problems: row.problems ?? [] });
  });
}

test("files: brackets without an end", () => {
  // where the parser gives up depends on the size of the stack
  const [problem, ...more] = load(folder({ "a.yaml": "[".repeat(20_000) }), "a.yaml").problems;
  assert.match(problem ?? "", /^a\.yaml:1:\d+ this file is nested too deeply$/);
  assert.deepEqual(more, []);
});

test("files: a file that cannot be read", () => {
  const cwd = folder({ "d/a.yaml": MINIMAL });
  symlinkSync("nowhere", path.join(cwd, "d/b.yaml"));
  assert.deepEqual(load(cwd, "d").problems, ["d/b.yaml:1:1 this file cannot be read (ENOENT)"]);
});

test("files: --config goes before $DEVBACKUP_CONFIG, and that before ./desired-state/", () => {
  const cwd = folder({ "desired-state/a.yaml": MINIMAL, "b.yaml": MINIMAL, "c.yaml": MINIMAL });
  assert.deepEqual(load(cwd, "b.yaml", { DEVBACKUP_CONFIG: "c.yaml" }).files, ["b.yaml"]);
  assert.deepEqual(load(cwd, undefined, { DEVBACKUP_CONFIG: path.join(cwd, "c.yaml") }).files, ["c.yaml"]);
  assert.deepEqual(load(cwd, undefined, { DEVBACKUP_CONFIG: "" }).files, ["desired-state/a.yaml"]);
});

test("files: one that everybody may write to is not read just because it is found; named, it is", () => {
  for (const open of ["desired-state", "desired-state/a.yaml"]) {
    const cwd = folder({ "desired-state/a.yaml": MINIMAL });
    chmodSync(path.join(cwd, open), 0o777);
    assert.throws(
      () => load(cwd),
      (error) => error instanceof DevbackupError && error.trouble.code === "not-ours",
    );
    assert.deepEqual(load(cwd, "desired-state").files, ["desired-state/a.yaml"]);
  }
});

test("files: none at all leads to init", () => {
  const refused = (what: RegExp) => (error: unknown) => {
    assert.ok(error instanceof DevbackupError);
    assert.match(error.trouble.what, what);
    assert.match(error.trouble.next ?? "", /^devbackup init/);
    assert.equal(error.trouble.exitCode, 1);
    return true;
  };
  assert.throws(() => load(folder({}), "gone.yaml"), refused(/^there is no desired state at gone\.yaml$/));
  assert.throws(() => load(folder({}), undefined, { DEVBACKUP_CONFIG: "gone" }), refused(/at gone$/));
  assert.throws(() => load(folder({ "a.yaml": HOSTS }), ""), refused(/at an empty path$/));
});

test("files: a position is known for what is written, in whichever file", () => {
  const cwd = folder({ "d/a.yaml": `version: 1\n${HOSTS}`, "d/b.yaml": DATASETS });
  const loaded = loadDesiredState({ config: "d", env: {}, cwd, home: "/home/chuck" });
  assert.ok(loaded.kind === "valid");
  assert.deepEqual(loaded.positionOf(["datasets", "dev", "owner"]), { file: "d/b.yaml", line: 5, col: 5 });
  assert.deepEqual(loaded.positionOf(["hosts", "ls", "role"]), { file: "d/a.yaml", line: 4, col: 8 });
  assert.equal(loaded.positionOf(["datasets", "dev", "cadence"]), undefined);
});
