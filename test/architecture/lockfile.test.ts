import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const LOCKFILE = join(import.meta.dirname, "../../package-lock.json");

test("the lockfile names the optional packages of every platform: npm ci refuses it otherwise", () => {
  const lock: { packages: Record<string, { optionalDependencies?: Record<string, string> }> } = JSON.parse(
    readFileSync(LOCKFILE, "utf8"),
  );
  const missing = Object.entries(lock.packages).flatMap(([owner, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        !(`node_modules/${name}` in lock.packages || `${owner}/node_modules/${name}` in lock.packages),
    ),
  );
  assert.deepEqual(missing, []);
});
