import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ProgramCommand } from "../../src/cli/commands/program-command.ts";
import { addHelp, EXIT_CODES } from "../../src/cli/help.ts";

const COLUMNS = 80;

/** What is said to whoever types `words`, by a program of a few commands. */
function saysTo(...words: string[]): string {
  let said = "";
  const take = (text: string): void => {
    said += text;
  };
  const program = new ProgramCommand("devbackup")
    .exitOverride()
    .configureOutput({ writeOut: take, writeErr: take, getOutHelpWidth: () => COLUMNS });
  program
    .command("apply")
    .option("--approve <id>")
    .action(() => {});
  program.command("restore").requiredOption("--to <dir>");
  program.command("manifest").command("chain");
  addHelp(program);
  assert.throws(() => program.parse(words, { from: "user" }));
  return said;
}

for (const [words, nearest, help] of [
  ["aply", /^ {2}Did you mean apply\?$/m, "devbackup"],
  ["apply --aprove x", /^ {2}Did you mean --approve\?$/m, "devbackup apply"],
  ["manifest chian", /^ {2}Did you mean chain\?$/m, "devbackup manifest"],
  ["manifest chain --aprove", /unknown option '--aprove'/, "devbackup manifest chain"],
  ["restore", /required option '--to <dir>'/, "devbackup restore"],
] as const)
  test(`mistyped: ${words}`, () => {
    const said = saysTo(...words.split(" "));
    assert.match(said, nearest);
    assert.match(said, /^error: .* \[wrong-flag\]$/m);
    assert.ok(said.endsWith(`\n  next: ${help} --help\n`), said);
  });

test("the help says what each exit code of the manual means, and where the manual is", () => {
  const said = saysTo("--help");
  const manual = /^The manual: (.+)$/m.exec(said)?.[1] ?? assert.fail(said);
  assert.ok(existsSync(manual), manual);
  assert.equal(manual, join(import.meta.dirname, "../../docs/manual.md"));
  const [, table = assert.fail()] = readFileSync(manual, "utf8").split("| exit | meaning |");
  const codes = [...(table.split("\n\n")[0] ?? "").matchAll(/^\| (\d+) \|/gm)].map(([, code]) => code);
  assert.deepEqual(Object.keys(EXIT_CODES), codes);
  for (const [code, means] of Object.entries(EXIT_CODES))
    assert.match(said, new RegExp(`^ +${code} {2}${means}$`, "m"));
});
