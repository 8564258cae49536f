import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { command, quote, sh } from "../../src/transport/quote.ts";

const AWKWARD = [
  "",
  " ",
  "it's",
  "''",
  "'\\''",
  '"',
  "$HOME `id` $(id)",
  "a\\",
  "\\n",
  "two\nlines\n",
  "-n",
  "*",
  "~",
  "a=b",
  "!!",
  "#",
  "\t;|&<>(){}[]?",
  "grün 漢字 🦊",
];

/** What a real sh takes the words of a piece of script for. */
const wordsOf = (script: string): string[] =>
  execFileSync("sh", ["-c", `printf '%s\\0' ${script}`])
    .toString("utf8")
    .split("\0")
    .slice(0, -1);

test("every word comes out of sh as it went in", () => {
  assert.deepEqual(wordsOf(command(AWKWARD)), AWKWARD);
});

test("five hundred random words come out of sh as they went in", () => {
  // a fixed sequence (Numerical Recipes' generator), so that a failure can be seen again
  let seed = 20260301;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed % below;
  };
  const letter = (): string => String.fromCharCode(1 + random(126));
  const words = Array.from({ length: 500 }, () => Array.from({ length: random(12) }, letter).join(""));
  assert.deepEqual(wordsOf(command(words)), words);
});

test("plain words stay readable", () => {
  assert.equal(command(["btrfs", "send", "-p", "/home/a@2026-01"]), "btrfs send -p /home/a@2026-01");
});

test("a template quotes its values and leaves its own text alone", () => {
  assert.equal(sh`ls -l ${"a b"} | head -n ${3} # ${["x", "y z"]}`, "ls -l 'a b' | head -n 3 # x 'y z'");
  assert.equal(sh`printf '%s\n' ${"a"}`, "printf '%s\\n' a");
});

test("an assignment cannot be smuggled in as a command", () => {
  assert.equal(quote("PATH=/tmp"), "'PATH=/tmp'");
});

test("NUL is refused", () => {
  assert.throws(() => quote("a\0b"), /NUL/);
  assert.throws(() => sh`ls ${"a\0"}`, /NUL/);
});
