import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
/** A test as it is named there: its file, and what its name begins with. */
const NAMED = /`([\w-]+(?:\/[\w-]+)+)` "([^"]+)"/g;

test("every test that docs/security.md names is there, and every claim names one", () => {
  const text = readFileSync(join(ROOT, "docs/security.md"), "utf8");
  const named = [...text.replace(/\n */g, " ").matchAll(NAMED)];
  assert.ok(named.length > 30, String(named.length));
  const missing = named.filter(
    ([, file = "", name = ""]) =>
      !readFileSync(join(ROOT, "test", `${file}.test.ts`), "utf8")
        .replaceAll('\\"', "'")
        .includes(name),
  );
  assert.deepEqual(
    missing.map(([whole]) => whole),
    [],
  );
  const claims = text.split("\n").filter((line) => line.startsWith("| ") && !/^\| (?:---|what )/.test(line));
  assert.deepEqual(
    claims.filter((line) => line.matchAll(NAMED).next().done === true),
    [],
  );
});
