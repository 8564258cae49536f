import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { problemsAsData, renderProblems } from "../../src/desired-state/render-problems.ts";
import { check, MINIMAL } from "./states.ts";

function problemsOf(text: string) {
  const loaded = check(text);
  assert.ok(loaded.kind === "invalid");
  return loaded.problems;
}

const BAD = problemsOf(`${MINIMAL}    compression_level: 25\n    cadence:\tmontly\nkloud: {}\n`);
const GOLDEN = `devbackup.yaml:11:24: \`datasets.dev.compression_level\` is 25
        compression_level: 25
                           ^
  right: a whole number from 1 to 19, for example \`compression_level: 3\`

devbackup.yaml:12:14: \`datasets.dev.cadence\` is "montly"
        cadence:\tmontly
                \t^
  right: monthly, if that was meant; one of monthly, weekly, daily

devbackup.yaml:13:1: \`kloud\` is no key of the desired state
    kloud: {}
    ^
  right: \`cloud\`, if that was meant

3 problems in 1 file; nothing was contacted
`;

test("render: the place, the excerpt, what is wrong, what would be right, and how many", () => {
  assert.equal(renderProblems(BAD, { colour: false }), GOLDEN);
});

test("render: colour changes nothing but the colour", () => {
  const coloured = renderProblems(BAD, { colour: true });
  assert.notEqual(coloured, GOLDEN);
  assert.equal(stripVTControlCharacters(coloured), GOLDEN);
});

test("render: as data", () => {
  const { formatVersion, valid, problems } = problemsAsData(BAD);
  assert.deepEqual([formatVersion, valid, problems.length], [1, false, 3]);
  assert.deepEqual(problems[2], {
    file: "devbackup.yaml",
    line: 13,
    col: 1,
    excerpt: "kloud: {}\n^",
    wrong: "`kloud` is no key of the desired state",
    right: "`cloud`, if that was meant",
  });
});

test("render: a long line is cut around its place", () => {
  const [problem] = problemsOf(
    `${MINIMAL}    anchor: {${" ".repeat(300)}max_age_months: x${" ".repeat(300)}}\n`,
  );
  const [line = "", caret = ""] = problem?.excerpt.split("\n") ?? [];
  assert.ok(line.length <= 110);
  assert.equal(line[caret.indexOf("^")], "x");
});

test("render: what stands in a file never steers the terminal", () => {
  const text = renderProblems(problemsOf(`${MINIMAL}"a\\e[31mb": 1\n`), { colour: false });
  assert.equal(stripVTControlCharacters(text), text);
});
