import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "commander";
import type { Token, Tokens } from "marked";
import { buildProgram } from "../../src/cli/program.ts";
import { pages, readPage, tokensOf } from "./markdown.ts";

const program = buildProgram("0");

test("every command and flag of devbackup that a page names is one that it has", () => {
  const wrong: string[] = [];
  let count = 0;
  for (const page of pages().filter((name) => name !== "CHANGELOG.md"))
    for (const command of tokensOf(readPage(page)).flatMap(commandsIn)) {
      count += 1;
      const why = wrongWith(command);
      if (why !== null) wrong.push(`${page}: ${command}: ${why}`);
    }
  assert.deepEqual(wrong, []);
  assert.ok(count > 200, String(count));
});

test("a command, a subcommand or a flag that does not exist is noticed", () => {
  for (const [command, why] of [
    ["devbackup aply", "no command aply"],
    ["devbackup keys tets --identity FILE", "no command tets"],
    ["devbackup apply --restor latest", "no flag --restor"],
    ["devbackup manifest chain latest --deep", "no flag --deep"],
  ] as const)
    assert.equal(wrongWith(command), why);
});

/** Of a code span, or of each line of a block: what is typed from `devbackup ` on. */
function commandsIn(token: Token): string[] {
  if (token.type === "codespan") return /^devbackup /.test(token.text) ? [decoded(token.text)] : [];
  if (token.type !== "code" || ["text", "yaml"].includes((token as Tokens.Code).lang ?? "")) return [];
  return (token.text as string)
    .split("\n")
    .flatMap((line) => /(?:^|[$(] ?|; )(devbackup [a-z-].*)$/.exec(line)?.[1] ?? []);
}

const decoded = (text: string): string =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&").replaceAll("&#39;", "'");

/** Of several commands in a row the first is looked at. */
function wrongWith(typed: string): string | null {
  const [, ...words] = (typed.split(/\s+#\s|[|;)`]|&&|\s{3,}/)[0] ?? "").trim().split(/\s+/);
  let command: Command = program;
  for (const word of words) {
    if (word.startsWith("--")) {
      const flag = /^--[a-z-]+/.exec(word)?.[0];
      const known = [command, program].some(({ options }) => options.some(({ long }) => long === flag));
      if (!known && flag !== "--help") return `no flag ${flag}`;
      continue;
    }
    if (command.commands.length === 0 || !/^[a-z][a-z-]+$/.test(word)) continue;
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) return `no command ${word}`;
    command = next;
  }
  return null;
}
