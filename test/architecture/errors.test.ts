import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CODES } from "../../src/domain/code.ts";

const ROOT = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** `### code`, what it means, how things stand, what to type. */
const ENTRY = /^### (\S+)\n\n[^\n]+\n\n- \*\*Now:\*\* [^\n]+\n- \*\*Type:\*\* [^\n]+\n/gm;

test("docs/errors.md has an entry for every code, with its meaning, how things stand and what to type, and no other", () => {
  const entries = [...read("docs/errors.md").matchAll(ENTRY)].map(([, code]) => code);
  assert.deepEqual(entries.toSorted(), [...CODES].toSorted());
});

test("every code that is listed is one that something says", () => {
  const source = globSync("src/**/*.ts", { cwd: ROOT })
    .filter((file) => !["src/domain/code.ts", "src/plan/advice.ts"].includes(file))
    .map(read)
    .join("\n");
  assert.deepEqual(
    CODES.filter((code) => !source.includes(`"${code}"`)),
    [],
  );
});

test("codes are listed in order, so that two who add one seldom meet", () => {
  assert.deepEqual([...CODES], [...CODES].toSorted());
});
