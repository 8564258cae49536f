import assert from "node:assert/strict";
import { test } from "node:test";
import { artifactPath } from "../../src/domain/artifact.ts";
import { differenceOf, type Rebuilt } from "../../src/domain/rebuild.ts";
import { rebuildJson, rebuildText } from "../../src/report/rebuild-text.ts";
import { DEV, history, label } from "../domain/history.ts";

const before = history("2026-01 full 1000, 2026-02 incr 60, 2026-03 incr 70");
const rows = [...history("2026-01 full 1000, 2026-02 incr 61"), ...history("2026-04 full 2048")];
const rebuilt: Rebuilt = {
  rows,
  from: new Map(),
  leftOut: [
    {
      place: "server",
      path: artifactPath({ dataset: DEV, label: label("2026-03"), parent: label("2026-02") }),
      why: "age: error: unexpected EOF\u001b[2J",
      damaged: true,
    },
  ],
  conflicts: [{ label: label("2026-05"), paths: ["artifacts/anchors/a", "artifacts/incr/b"] }],
};
const options = { color: false, width: 100 };

test("rows, what has none, and the difference to the manifest that stands", () => {
  assert.equal(
    rebuildText({ rebuilt, before, difference: differenceOf(before, rows) }, options),
    `What the artifacts say:
    LABEL    TYPE         SIZE  PARENT   MADE (UTC)        CLOUD  SHA-256
●   2026-01  anchor     1000 B           2026-01-01 00:00  yes    abababababab
└─  2026-02  increment    61 B  2026-01  2026-01-01 00:00  yes    abababababab
●   2026-04  anchor      2 KiB           2026-01-01 00:00  yes    abababababab

3 artifacts in 2 chains, 3.04 KiB

Left out:
  server: artifacts/incr/dev@2026-03.incr.from_2026-02.send.zst.age
      age: error: unexpected EOF\\x1b[2J

Two artifacts for one label; move the wrong one out of artifacts/ (or out of the bucket):
  2026-05: artifacts/anchors/a
  2026-05: artifacts/incr/b

Difference to the manifest that stands:
  + 2026-04  anchor, 2 KiB, sha256 abababababab
  - 2026-03  increment on 2026-02, 70 B, sha256 abababababab
  ~ 2026-02  bytes 60 → 61
`,
  );
});

test("without a manifest to compare with, everything would be new: nothing is said of a difference", () => {
  const report = { rebuilt, before: null, difference: differenceOf([], rows) };
  assert.doesNotMatch(rebuildText(report, options), /Difference/);
  assert.equal(rebuildJson(report).difference, null);
});
