import assert from "node:assert/strict";
import { test } from "node:test";
import { importText } from "../../src/report/import-text.ts";

const options = { color: false, width: 80 };
const room = { bytes: 2048, freeBytes: 4096 };

test("what is not taken and why, and what the rest takes", () => {
  const left = [{ path: "/mnt/a\nb/dev@2026-01.full.send.zst.age", why: "the manifest has no row for it" }];
  assert.equal(
    importText({ take: [1], left, sharesBlocks: false }, room, options),
    `Not taken:
  /mnt/a\\nb/dev@2026-01.full.send.zst.age
      the manifest has no row for it

2 KiB to copy, 4 KiB free.

`,
  );
  assert.match(
    importText({ take: [1], left: [], sharesBlocks: true }, room, options),
    /^2 KiB, whose blocks the copies share, 4/,
  );
  assert.equal(importText({ take: [], left: [], sharesBlocks: false }, room, options), "");
});
