import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, test } from "node:test";

/** Which rooms a room may import; see ARCHITECTURE.md. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  "desired-state": ["domain"],
  transport: ["domain", "desired-state"],
  plan: ["domain"],
  recovery: ["domain", "desired-state", "transport"],
  rescue: ["domain", "desired-state", "transport"],
  setup: ["domain", "desired-state", "transport", "reconcilers"],
  reconcilers: ["domain", "desired-state", "transport", "plan"],
  observe: ["domain", "desired-state", "transport", "plan", "reconcilers"],
  apply: ["domain", "desired-state", "transport", "plan", "reconcilers", "observe"],
  restrict: ["domain", "desired-state", "transport", "plan", "reconcilers", "observe", "apply"],
  schedule: ["domain", "desired-state", "transport", "reconcilers"],
  status: ["domain", "desired-state", "plan", "reconcilers"],
  explain: ["domain", "desired-state", "transport", "plan", "reconcilers"],
  report: ["domain", "desired-state", "plan", "apply", "status", "explain"],
  controller: ["domain", "desired-state"],
  notify: ["domain", "desired-state", "controller", "transport", "plan", "apply"],
  cli: [
    "domain",
    "desired-state",
    "controller",
    "transport",
    "plan",
    "recovery",
    "rescue",
    "setup",
    "reconcilers",
    "observe",
    "apply",
    "restrict",
    "schedule",
    "status",
    "explain",
    "report",
    "notify",
  ],
};

/** Which npm packages a room may import. One that is not named here is nobody's. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  ssh2: ["transport", "recovery"],
  execa: ["transport", "recovery"],
  "age-encryption": ["recovery"],
  uqr: ["recovery"],
  "@aws-sdk/client-s3": ["transport"],
  "@aws-sdk/s3-request-presigner": ["transport"],
  listr2: ["report"],
  commander: ["cli"],
  "@inquirer/prompts": ["cli", "setup"],
  yaml: ["desired-state"],
  "toml-eslint-parser": ["desired-state"],
  ajv: ["desired-state"],
};

/** Data beside src/ that a room takes in as a module. */
const DATA = ["src/desired-state <- desired-state/schema.json"];

const PURE_ROOMS = ["domain", "plan", "status"];
const IMPURE =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\.|\bglobalThis\b|\bfetch\(|\bsetTimeout\b/;
const MOST_LINES = 400;

const ROOT = join(import.meta.dirname, "../..");
const SRC = join(ROOT, "src");
const sources = globSync("**/*.ts", { cwd: SRC }).map((path) => {
  const text = readFileSync(join(SRC, path), "utf8");
  return {
    path,
    room: path.split("/")[0] ?? "",
    text,
    code: withoutComments(text),
    imports: importsOf(text),
  };
});

describe("the rooms of src/", () => {
  test("there is something to look at", () => assert.ok(sources.length > 0));

  test("imports run one way", () => {
    const wrong = sources.flatMap(({ path, room, imports }) =>
      imports
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => relative(ROOT, join(SRC, dirname(path), specifier)))
        .filter((target) => !mayImport(room, target))
        .map((target) => `src/${path} imports ${target}`),
    );
    assert.deepEqual(wrong, []);
  });

  test("no file comes back to itself by what it imports, types included", () => {
    const of = new Map(
      sources.map(({ path, imports }) => [
        path,
        imports
          .filter((specifier) => specifier.startsWith("."))
          .map((specifier) => join(dirname(path), specifier)),
      ]),
    );
    const done = new Set<string>();
    const circles: string[] = [];
    const follow = (path: string, way: readonly string[]): void => {
      if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(" -> "));
      if (done.has(path)) return;
      done.add(path);
      for (const next of of.get(path) ?? []) follow(next, [...way, path]);
    };
    for (const path of of.keys()) follow(path, []);
    assert.deepEqual(circles, []);
  });

  test("every npm package has its rooms", () => {
    const wrong = sources.flatMap(({ path, room, imports }) =>
      imports
        .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:"))
        .filter((specifier) => !PACKAGES[packageOf(specifier)]?.includes(room))
        .map((specifier) => `src/${path} imports ${specifier}`),
    );
    assert.deepEqual(wrong, []);
  });

  test("src/domain, src/plan and src/status are pure", () => {
    const wrong = sources
      .filter(({ room }) => PURE_ROOMS.includes(room))
      .flatMap(({ path, code, imports }) => [
        ...imports
          .filter((specifier) => !specifier.startsWith("."))
          .map((specifier) => `src/${path} imports ${specifier}`),
        ...(IMPURE.exec(code) ?? []).map((word) => `src/${path} uses ${word}`),
      ]);
    assert.deepEqual(wrong, []);
  });

  test(`no file is longer than ${MOST_LINES} lines`, () => {
    const lines = (text: string) => text.split("\n").length - 1;
    const wrong = sources
      .filter(({ text }) => lines(text) > MOST_LINES)
      .map(({ path, text }) => `src/${path} has ${lines(text)}`);
    assert.deepEqual(wrong, []);
  });
});

/** `target` is a path from the root of the repository. */
function mayImport(room: string, target: string): boolean {
  const [top, targetRoom = ""] = target.split("/");
  if (top !== "src") return DATA.includes(`src/${room} <- ${target}`);
  return targetRoom === room || ARROWS[room]?.includes(targetRoom) === true;
}

/** What a file imports or re-exports, statically, dynamically or as a type. */
function importsOf(text: string): readonly string[] {
  const from = /^(?:import|export)\b[^"';]*?\bfrom\s*"([^"]+)"|^import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;
  return [...withoutComments(text).matchAll(from)].map(
    ([, fromSpecifier, bare, dynamic]) => fromSpecifier ?? bare ?? dynamic ?? "",
  );
}

const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** Comments go; what looks like one inside a string (`"https://"`, a glob) is of no matter to these tests. */
function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}
