import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
/** A test as it is named there: its file, and what its name begins with. */
const NAMED = /`([\w-]+(?:\/[\w-]+)+)` "([^"]+)"/g;

test("every test that docs/coming-from.md names is there, and every line of its tables names one", () => {
  const sections = readFileSync(join(ROOT, "docs/coming-from.md"), "utf8").split(/^(?=## )/m);
  // nothing of theirs is taken over, so that there is nothing to hold
  const lines = sections
    .filter((each) => !each.startsWith("## From btrbk"))
    .join("")
    .split("\n");
  const rows = lines.filter((line) => line.startsWith("| ") && !/^\| (?:---|old \| now \| test)/.test(line));
  assert.ok(rows.length > 10, String(rows.length));
  const without = rows.filter((row) => row.matchAll(NAMED).next().done === true);
  assert.deepEqual(without, []);
  const missing = [...lines.join("\n").matchAll(NAMED)].filter(
    ([, file = "", name = ""]) =>
      !readFileSync(join(ROOT, "test", `${file}.test.ts`), "utf8")
        .replaceAll('\\"', "'")
        .includes(name),
  );
  assert.deepEqual(
    missing.map(([whole]) => whole),
    [],
  );
});
