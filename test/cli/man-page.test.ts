import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { everyCommand, examplesOf } from "../../src/cli/commands/program-command.ts";
import { EXIT_CODES } from "../../src/cli/help.ts";
import { ENVIRONMENT, manPage, SET_BY_OTHERS } from "../../src/cli/man-page.ts";
import { buildProgram } from "../../src/cli/program.ts";

const SRC = join(import.meta.dirname, "../../src");
const program = buildProgram("1.2.3");
const page = manPage(program);

/** What a reader sees, without the line breaks. */
function seen(): string {
  const { stdout, error } = spawnSync("mandoc", ["-T", "utf8", "-O", "width=200"], {
    input: page,
    encoding: "utf8",
  });
  assert.ifError(error);
  return stdout.replaceAll(/.[\b]/g, "").replaceAll(/\s+/g, " ");
}

const skip = !existsSync("/usr/bin/mandoc") && "mandoc is not installed";

test("the man page is one that man takes without a warning", { skip }, () => {
  const { stdout, stderr, error } = spawnSync("mandoc", ["-T", "lint", "-W", "warning"], {
    input: page,
    encoding: "utf8",
  });
  assert.ifError(error);
  // it has no date: two builds of one version are the same
  assert.match(`${stdout}${stderr}`, /^mandoc: <stdin>:1:\d+: WARNING: missing date, using "": TH\n$/);
});

test("it has every command, flag, example and exit code, as they are typed", { skip }, () => {
  const text = seen();
  for (const { words, command } of everyCommand(program)) {
    if (command.commands.length === 0) assert.ok(text.includes(` ${words} `), words);
    for (const { flags, description } of command.options)
      assert.ok(text.includes(`${flags} ${description}`), `${words} ${flags}`);
    if (command.commands.length > 0 && command !== program) continue;
    for (const { typed, does } of examplesOf(command)) assert.ok(text.includes(`${typed} ${does}`), typed);
  }
  for (const [code, means] of Object.entries(EXIT_CODES)) assert.ok(text.includes(`${code} ${means}`), code);
});

test("it names every variable of the environment that is read", () => {
  const read = new Set(
    globSync("**/*.ts", { cwd: SRC }).flatMap((file) => {
      const code = readFileSync(join(SRC, file), "utf8");
      const dotted = [...code.matchAll(/\benv\??\.([A-Z][A-Z_]+)/g)].map(([, name = ""]) => name);
      const taken = [...code.matchAll(/\{([^{}]*)\}: NodeJS\.ProcessEnv/g)].flatMap(([, names = ""]) =>
        names.match(/\b[A-Z][A-Z_]+\b/g),
      );
      return [...dotted, ...taken.filter((name) => name !== null)];
    }),
  );
  assert.ok(read.size > 0);
  assert.deepEqual([...read].sort(), [...Object.keys(ENVIRONMENT), ...SET_BY_OTHERS].sort());
});

test("what a line begins with is never taken for a request", () => {
  const requests = /^(?:\.(?:TH|SH|SS|TP|PP|B|I|nh|ad)\b|(?![.']))/;
  assert.deepEqual(
    page.split("\n").filter((line) => !requests.test(line)),
    [],
  );
});
