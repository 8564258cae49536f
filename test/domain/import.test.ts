import assert from "node:assert/strict";
import { test } from "node:test";
import { parseArtifactFile } from "../../src/domain/artifact.ts";
import { verdictOn } from "../../src/domain/import.ts";
import type { AbsolutePath } from "../../src/domain/names.ts";
import { DEV, history } from "./history.ts";

const rows = history("2026-01 full 100, 2026-02 incr 60");
const ANCHOR = "dev@2026-01.full.send.zst.age";

test("what becomes of a file, by its name and size", () => {
  const files = [
    { file: ANCHOR, sizeBytes: 100, lacks: true, verdict: "promising 2026-01" },
    { file: ANCHOR, sizeBytes: 100, lacks: false, verdict: "the repository has it already" },
    {
      file: ANCHOR,
      sizeBytes: 99,
      lacks: true,
      verdict: "damaged: it has 99 bytes, and the manifest says 100",
    },
    // another artifact of a label that the manifest has
    {
      file: "dev@2026-02.full.send.zst.age",
      sizeBytes: 60,
      lacks: true,
      verdict: "the manifest has no row for it",
    },
    {
      file: "dev@2026-03.full.send.zst.age",
      sizeBytes: 60,
      lacks: true,
      verdict: "the manifest has no row for it",
    },
  ];
  for (const { file, sizeBytes, lacks, verdict } of files) {
    const ref = parseArtifactFile(DEV, file) ?? assert.fail(file);
    const found = verdictOn({ path: `/mnt/${file}` as AbsolutePath, ref, sizeBytes }, rows, () => lacks);
    const told =
      found.kind === "promising"
        ? `promising ${found.row.label}`
        : `${found.damaged ? "damaged: " : ""}${found.why}`;
    assert.equal(told, verdict);
  }
});
