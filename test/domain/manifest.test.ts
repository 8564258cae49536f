import assert from "node:assert/strict";
import { test } from "node:test";
import { artifactFile, labelOfSnapshot, objectKey, parseArtifactFile } from "../../src/domain/artifact.ts";
import { parseManifest, renderManifest, renderStateEnv } from "../../src/domain/manifest.ts";
import { DEV, history, label } from "./history.ts";

const ROWS = history("2026-01 full 100, 2026-02 incr 60");
const TEXT = `ts\tlabel\ttype\tparent\tbytes\tsha256\tlocal_path\tobject_key
2026-01-01T00:00:00.000Z\t2026-01\tfull\t-\t100\t${"ab".repeat(32)}\tartifacts/anchors/dev@2026-01.full.send.zst.age\tdev/artifacts/anchors/dev@2026-01.full.send.zst.age
2026-01-01T00:00:00.000Z\t2026-02\tincr\t2026-01\t60\t${"ab".repeat(32)}\tartifacts/incr/dev@2026-02.incr.from_2026-01.send.zst.age\tdev/artifacts/incr/dev@2026-02.incr.from_2026-01.send.zst.age
`;

test("a manifest is written as the contract lays it out, and read back the same", () => {
  assert.equal(renderManifest(ROWS), TEXT);
  assert.deepEqual(parseManifest(TEXT, DEV), { kind: "valid", rows: ROWS });
  assert.deepEqual(parseManifest(renderManifest([]), DEV), { kind: "valid", rows: [] });
});

test("without a cloud the object key is a dash", () => {
  const [row] = ROWS;
  assert.ok(row);
  const text = renderManifest([{ ...row, objectKey: null }]);
  assert.match(text, /\t-\n$/);
  assert.deepEqual(parseManifest(text, DEV), { kind: "valid", rows: [{ ...row, objectKey: null }] });
});

test("a damaged manifest is found, with the line", () => {
  const lines = TEXT.split("\n");
  const swap = (index: number, from: string, to: string) =>
    lines.map((line, at) => (at === index ? line.replace(from, to) : line)).join("\n");
  const rows: [string, string, number][] = [
    ["empty", "", 1],
    ["cut off in a line", TEXT.slice(0, -20), 3],
    ["CRLF", TEXT.replaceAll("\n", "\r\n"), 1],
    ["another header", swap(0, "ts", "time"), 1],
    ["a column missing", swap(1, "\tfull", ""), 2],
    ["a duplicate row", `${TEXT}${lines[2]}\n`, 4],
    ["rows out of order", [lines[0], lines[2], lines[1], ""].join("\n"), 2],
    ["a parent that is not there", [lines[0], lines[2], ""].join("\n"), 2],
    ["a size that is none", swap(1, "\t100\t", "\t1e2\t"), 2],
    ["a hash that is none", swap(1, "abab", "xyxy"), 2],
    ["a path that leaves the repository", swap(1, "artifacts/anchors/", "../"), 2],
    ["a type that does not fit", swap(1, "\tfull\t", "\tincr\t"), 2],
    ["another dataset's object", swap(1, "dev/artifacts", "other/artifacts"), 2],
  ];
  for (const [name, text, line] of rows) {
    const reading = parseManifest(text, DEV);
    assert.equal(reading.kind, "damaged", name);
    assert.equal(reading.kind === "damaged" && reading.line, line, name);
  }
});

test("state.env says where the chain stands", () => {
  assert.equal(
    renderStateEnv(DEV, ROWS),
    `DATASET=dev
LATEST_LABEL=2026-02
LATEST_TYPE=incr
LATEST_PARENT=2026-01
LATEST_ARTIFACT=artifacts/incr/dev@2026-02.incr.from_2026-01.send.zst.age
ANCHOR_LABEL=2026-01
ARTIFACTS=2
`,
  );
});

test("artifact names are read back, and only whole ones", () => {
  const refs = [
    { dataset: DEV, label: label("2026-01"), parent: null },
    { dataset: DEV, label: label("2026-W11"), parent: label("2026-W10") },
  ];
  for (const ref of refs) assert.deepEqual(parseArtifactFile(DEV, artifactFile(ref)), ref);
  const bad = [
    "dev@2026-01.full.send.zst",
    "dev@2026-13.full.send.zst.age",
    "other@2026-01.full.send.zst.age",
    "x",
  ];
  for (const file of bad) assert.equal(parseArtifactFile(DEV, file), undefined, file);
  assert.equal(
    objectKey("pre/", { dataset: DEV, label: label("2026-01"), parent: null }),
    "pre/dev/artifacts/anchors/dev@2026-01.full.send.zst.age",
  );
  assert.equal(labelOfSnapshot(DEV, "dev@2026-01"), "2026-01");
  assert.equal(labelOfSnapshot(DEV, "dev@2026-01.bak"), undefined);
});
