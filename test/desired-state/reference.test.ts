import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { loadDesiredState } from "../../src/desired-state/load.ts";
import { renderProblems } from "../../src/desired-state/render-problems.ts";
import { published, type SchemaNode, schemaAt } from "../../src/desired-state/schema.ts";
import { parseAbsolutePath, parseAgeRecipient, parseDatasetName } from "../../src/domain/names.ts";

const root = path.join(import.meta.dirname, "../..");
const examples = readdirSync(path.join(root, "examples")).map((name) => `examples/${name}`);

for (const folder of ["desired-state", ...examples]) {
  test(`reference: ${folder} is valid, and points editors to the schema`, () => {
    const loaded = loadDesiredState({ config: folder, env: {}, cwd: root, home: "/home/chuck" });
    assert.equal(loaded.kind === "valid" ? "" : renderProblems(loaded.problems, { colour: false }), "");
    const file = path.join(root, folder, "devbackup.yaml");
    const [, schema = ""] = /^# yaml-language-server: \$schema=(.+)\n/.exec(readFileSync(file, "utf8")) ?? [];
    assert.equal(path.resolve(root, folder, schema), path.join(root, "desired-state/schema.json"));
  });
}

/** Each key that the schema knows, as a path; NAME stands for a name of the user's choice. */
function* keysOf(at: readonly string[]): Generator<readonly string[]> {
  const node = schemaAt(at);
  for (const key of Object.keys(node?.properties ?? {})) {
    yield [...at, key];
    yield* keysOf([...at, key]);
  }
  if (typeof node?.additionalProperties === "object") yield* keysOf([...at, "NAME"]);
}

test("reference: shows every key", () => {
  const text = readFileSync(path.join(root, "desired-state/devbackup.yaml"), "utf8");
  const written: unknown = parse(text);
  const has = (value: unknown, [key, ...rest]: readonly string[]): boolean => {
    if (key === undefined) return true;
    if (typeof value !== "object" || value === null) return false;
    return Object.entries(value).some(
      ([name, child]) => (key === "NAME" || key === name) && has(child, rest),
    );
  };
  const missing = [...keysOf([])].filter((key) => !has(written, key)).map((key) => key.join("."));
  assert.deepEqual(
    missing,
    [
      "cloud.endpoint",
      "cloud.access_key_id.file",
      "cloud.access_key_id.command",
      "cloud.secret_access_key.env",
      "cloud.secret_access_key.command",
      "datasets.NAME.retention.server_artifacts.keep_last",
      "datasets.NAME.retention.server_artifacts.keep_chains",
      "datasets.NAME.retention.cloud_artifacts.keep_last",
      "datasets.NAME.retention.cloud_artifacts.keep_chains",
    ].sort((a, b) => missing.indexOf(a) - missing.indexOf(b)),
  );
  for (const key of missing) assert.ok(text.includes(key.split(".").at(-1) ?? ""), `${key} is mentioned`);
});

test("schema: is a schema, by JSON Schema 2020-12 and the strict mode of ajv", () => {
  const ajv = new Ajv2020({ strictTypes: false, strictRequired: false, keywords: ["patternErrorMessage"] });
  assert.ok(ajv.validateSchema(published), ajv.errorsText());
  assert.doesNotThrow(() => ajv.compile(published));
});

test("schema: every key is described, with an example", () => {
  const bare = [...keysOf([])].filter((key) => {
    const { description, examples: shown, enum: words } = schemaAt(key) ?? {};
    return !description || !(shown ?? words);
  });
  assert.deepEqual(
    bare.map((key) => key.join(".")),
    [],
  );
});

test("schema: no mapping takes an unknown key", () => {
  const open: string[] = [];
  const look = (node: unknown, at: string): void => {
    if (typeof node !== "object" || node === null) return;
    const { properties, additionalProperties, type } = node as SchemaNode;
    const isMapping = type !== undefined && [type].flat().includes("object");
    if (isMapping && properties && additionalProperties !== false) open.push(at);
    if (isMapping && !properties && typeof additionalProperties !== "object") open.push(at);
    for (const [key, child] of Object.entries(node)) if (key !== "examples") look(child, `${at}/${key}`);
  };
  look(published, "");
  assert.deepEqual(open, []);
});

test("schema: its patterns and the parsers of the domain agree", () => {
  const texts = [
    "",
    "a",
    "a-b_1",
    "-a",
    "A",
    "a".repeat(32),
    "a".repeat(33),
    "ä",
    "/",
    "/a",
    "/a/",
    "//a",
    "/a//b",
    "/a/./b",
    "/a/..",
    "/a/...",
    "/.a",
    "/a b",
    "/a\tb",
    "/ä",
    "a/b",
    "/a\n",
    `age1${"q".repeat(58)}`,
    `age1${"q".repeat(57)}`,
    `age1${"b".repeat(58)}`,
    `AGE1${"Q".repeat(58)}`,
  ];
  const agree = (pattern: string | undefined, parser: (text: string) => unknown) => {
    const shape = new RegExp(pattern ?? "", "u");
    assert.deepEqual(
      texts.filter((text) => shape.test(text)),
      texts.filter((text) => parser(text) !== undefined),
    );
  };
  agree(published.$defs.name.pattern, parseDatasetName);
  agree(published.$defs.absolutePath.pattern, parseAbsolutePath);
  agree(schemaAt(["datasets", "NAME", "working_copy"])?.pattern, parseAbsolutePath);
  agree(schemaAt(["encryption", "recovery_recipients", "0"])?.pattern, parseAgeRecipient);
});

test("schema: its defaults are those of the loader", () => {
  const reference = loadDesiredState({ config: "desired-state", env: {}, cwd: root, home: "/home/chuck" });
  const example = loadDesiredState({
    config: "examples/workstation-and-server",
    env: {},
    cwd: root,
    home: "/home/chuck",
  });
  assert.ok(reference.kind === "valid" && example.kind === "valid");
  assert.deepEqual(example.desired.datasets, reference.desired.datasets);
  assert.deepEqual(
    [schemaAt(["cloud", "part_size"])?.default, schemaAt(["datasets", "NAME", "compression_level"])?.default],
    ["64 MiB", reference.desired.datasets[0]?.compressionLevel],
  );
});
