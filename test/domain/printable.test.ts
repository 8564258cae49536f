import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonLine, printable, printableLines } from "../../src/domain/printable.ts";

const rows: readonly { name: string; text: string; shown: string }[] = [
  { name: "plain text stays", text: "größer · 1.2 GiB — ok", shown: "größer · 1.2 GiB — ok" },
  { name: "a colour is shown, not obeyed", text: "\u001b[31mred", shown: "\\x1b[31mred" },
  { name: "a title can't be set", text: "\u001b]0;owned\u0007", shown: "\\x1b]0;owned\\x07" },
  { name: "the eight-bit escape too", text: "\u009b2J", shown: "\\x9b2J" },
  { name: "one line stays one line", text: "a\r\nb\tc", shown: "a\\r\\nb\\tc" },
  { name: "text does not run backwards", text: "a\u202etxt.exe", shown: "a\\u{202e}txt.exe" },
  { name: "no invisible characters", text: "dev\u200bbackup\ufeff", shown: "dev\\u{200b}backup\\u{feff}" },
  { name: "half a pair", text: "a\ud800b", shown: "a\\u{d800}b" },
  { name: "a whole pair stays", text: "😀", shown: "😀" },
];

for (const { name, text, shown } of rows)
  test(`printable: ${name}`, () => assert.equal(printable(text), shown));

test("lines break where a terminal breaks them, and empty ones at the ends go", () =>
  assert.deepEqual(printableLines("\n\n 10%\r 20%\r\nend\t!\u0007\n\n"), [" 10%", " 20%", "end    !\\x07"]));

test("JSON on one line reads back unchanged and holds nothing that a terminal obeys", () => {
  const value = { path: "a\u009b2J\u202e\u2028\n😀\u{e0001}" };
  const line = jsonLine(value);
  assert.deepEqual(JSON.parse(line), value);
  assert.match(line, /^[\x20-\x7e😀]+$/u);
});
