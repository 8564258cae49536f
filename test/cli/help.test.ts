import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EVERYWHERE } from "../../src/cli/commands/declare.ts";
import { everyCommand, ProgramCommand } from "../../src/cli/commands/program-command.ts";
import { addHelp, EXIT_CODES } from "../../src/cli/help.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { readRequest } from "../../src/cli/request.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { desired } from "../reconcilers/world.ts";

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

test("a command's own flags stand before those of every command", () => {
  const program = buildProgram("0.1.0");
  for (const { words, command } of everyCommand(program).filter(
    ({ command: { commands } }) => commands.length === 0,
  )) {
    const [own = "", everywhere = assert.fail(words)] = command.helpInformation().split(`\n${EVERYWHERE}\n`);
    assert.match(everywhere, /^ {2}-c, --config .*^ {2}-h, --help /ms, words);
    assert.doesNotMatch(own, /^ {2}(?:-\w, )?--(?:config|json|no-color|quiet|verbose|help)\b/m, words);
  }
});

test("a name or a stage that is mistyped is told with the nearest that is known", () => {
  for (const [flags, meant] of [
    [{ dataset: "dew" }, "dev"],
    [{ host: "wss" }, "ws"],
    [{ only: "hydrat" }, "hydrate"],
  ] as const)
    assert.throws(
      () => readRequest(desired(), flags, new Date(0)),
      (error) => error instanceof DevbackupError && error.trouble.why === `Did you mean ${meant}?`,
    );
});

test("a flag in front of the command is told where it belongs, and one behind it only that it is not known", () => {
  assert.match(
    saysTo("--approve", "x", "apply"),
    /\n {2}A flag stands behind the command that it is for\n {2}next: /,
  );
  assert.doesNotMatch(saysTo("apply", "--nothing"), /A flag stands/);
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
