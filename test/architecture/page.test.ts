import assert from "node:assert/strict";
import { test } from "node:test";
import { asTyped, blocksOf, lacking } from "../lab/page.ts";

// what the test of the manual's pages on two machines rests on

const SAID = "✓ dev: all is well  (ws → ls)\r\n\r\n●   2026-11  675 B  now  ✓\r\n16 actions done in 39 s\r\n";

for (const [shown, missing] of [
  ["✓ dev: all is well  (ws → ls)", null],
  ["●   2026-03  11.2 GiB  now  ✓\n…\n2 actions done in 1 min 4 s", null],
  ["✓ dev: …", null],
  ["✓ dev: all is lost  (ws → ls)", "✓ dev: all is lost (ws → ls)"],
  ["16 actions done in 39 s\n●   2026-11  675 B  now  ✓", "● 0-0 SIZE now ✓"],
  ["●   2026-11  675 B  now  –", "● 0-0 SIZE now –"],
] as const)
  test(`what a page shows, against what one sees: ${JSON.stringify(shown)}`, () =>
    assert.equal(lacking(shown.split("\n"), SAID), missing));

test("a person does not type the remark behind a command", () => {
  assert.equal(asTyped("devbackup apply            # asks"), "devbackup apply");
  assert.equal(asTyped("echo 'a#b' c#d"), "echo 'a#b' c#d");
});

test("every page that is typed on two machines has something to type, and what it shows stands behind a command", () => {
  for (const page of ["README.md", "docs/first-backup.md", "docs/bad-day.md"])
    assert.ok(blocksOf(page).flatMap(({ commands }) => commands).length > 5, page);
  assert.equal(blocksOf("docs/first-backup.md").filter(({ shown }) => shown !== null).length, 5);
});
