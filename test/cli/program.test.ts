import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CommanderError } from "commander";
import { everyCommand, examplesOf } from "../../src/cli/commands/program-command.ts";
import { buildProgram } from "../../src/cli/program.ts";

/** The words behind `devbackup`, as far as this program would see them. */
const wordsOf = (typed: string): string[] =>
  typed
    .replace(/ [|>] .*/, "")
    .split(" ")
    .slice(1);

/** Parses what is typed as the program would, and runs nothing. The whole name of the command that would have run. */
function parsed(typed: string): string {
  const program = buildProgram("0.0.0");
  let ran = "";
  for (const { words, command } of everyCommand(program)) {
    command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
    if (command.commands.length === 0)
      command.action(() => {
        ran = words;
      });
  }
  assert.match(typed, /^devbackup( [\w~./@,:=>|-]+)+$/, "words that every shell takes as they stand");
  try {
    program.parse(wordsOf(typed), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    assert.fail(`${typed}: ${error.message}`);
  }
  return ran;
}

describe("every command is shown by examples", () => {
  const every = everyCommand(buildProgram("0.0.0"));
  test("there are commands, and those that belong to another", () =>
    assert.ok(every.some(({ words }) => words === "devbackup manifest chain")));

  for (const { words, command } of every) {
    test(`${words} is described, and has examples`, () => {
      assert.notEqual(command.description(), "");
      const least = command.commands.length === 0 ? 2 : 1;
      assert.ok(examplesOf(command).length >= least, "two or three, real ones: see .example() of the others");
    });

    test(`the examples of ${words} can be typed`, () => {
      for (const { typed, does } of command.shown) {
        const ran = parsed(typed);
        assert.ok(command.commands.length > 0 || ran === words, `${typed} is ${ran}, not ${words}`);
        assert.match(does, /^[a-z0-9].*[^.]$/, "it reads on from the command");
      }
    });

    test(`the help of ${words} shows them, every option has its words, and a terminal of 80 columns is wide enough`, () => {
      let help = "";
      command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 80 }).outputHelp();
      const wide = help.split("\n").filter((line) => line.length > 80 && !line.startsWith("The manual: "));
      assert.deepEqual(wide, []);
      for (const { typed, does } of examplesOf(command))
        assert.ok(help.includes(`\n  ${typed}\n      ${does}\n`), `${typed} is not in\n${help}`);
      for (const { flags, description } of command.options) assert.notEqual(description, "", flags);
    });
  }
});

test("an example with a slip in it would be seen", () => {
  for (const slip of [
    "devbackup paln",
    "devbackup plan --lable x",
    "devbackup restore latest",
    "devbackup keys",
  ])
    assert.throws(() => parsed(slip), { code: "ERR_ASSERTION" }, slip);
});

test("flags that the manual names with a command's name alone (`status --check`) are that command's", () => {
  const manual = readFileSync(join(import.meta.dirname, "../../docs/manual.md"), "utf8");
  const every = everyCommand(buildProgram("0.0.0")).toReversed();
  let count = 0;
  for (const [, typed = ""] of manual.matchAll(/`([a-z][^`\n]* --[^`\n]*)`/g)) {
    const found = every.find(
      ({ words }) => `devbackup ${typed}`.startsWith(`${words} `) && words !== "devbackup",
    );
    for (const flag of found === undefined ? [] : (typed.match(/(?<= )--[a-z][a-z-]*/g) ?? [])) {
      assert.ok(
        found?.command.options.some(({ long }) => long === flag),
        typed,
      );
      count += 1;
    }
  }
  assert.ok(count > 5, String(count));
});
