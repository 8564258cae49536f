import assert from "node:assert/strict";
import { test } from "node:test";
import { objectKey, parseArtifactFile } from "../../src/domain/artifact.ts";
import { parseManifest, renderManifest } from "../../src/domain/manifest.ts";
import { type Migration, matchFiles, migrate } from "../../src/domain/migrate.ts";
import { fileName, type Sha256 } from "../../src/domain/names.ts";
import { parseOlderManifest } from "../../src/domain/older-manifest.ts";
import type { ArtifactReading, Finding } from "../../src/domain/rebuild.ts";
import { DEV } from "./history.ts";

const SHA = "ab".repeat(32) as Sha256;
const OF_FILE = "2026-05-05T05:05:05.000Z";
const FULL = "artifacts/anchors/dev@2024-01.full.send.zst.age";
const INCR = "artifacts/incr/dev@2024-02.incr.from_2024-01.send.zst.age";
const LAST = "artifacts/incr/dev@2024-03.incr.from_2024-02.send.zst.age";

/** A file that holds what its name says: 100 bytes, UUIDs after the labels. */
const holding = (path: string, more: Partial<ArtifactReading> = {}): Finding => {
  const ref = parseArtifactFile(DEV, fileName(path)) ?? assert.fail(path);
  const reading = {
    kind: "whole",
    sizeBytes: 100,
    sha256: SHA,
    snapshot: `dev@${ref.label}`,
    uuid: `of ${ref.label}`,
    parentUuid: ref.parent === null ? null : `of ${ref.parent}`,
    ...more,
  } as ArtifactReading;
  return { ref, place: "server", path, ts: OF_FILE, reading };
};

const migrated = (text: string, findings: readonly Finding[], cloud = true): Migration => {
  const rows = parseOlderManifest(text, DEV) ?? assert.fail("no older manifest");
  const matching = matchFiles(
    rows,
    findings.map(({ path }) => path),
    DEV,
  );
  return migrate(matching, findings, (ref) => (cloud ? objectKey("", ref) : null));
};

const rowsOf = ({ rows }: Migration): string[] =>
  rows.map((row) => [row.ts.slice(0, 10), row.label, row.parent ?? "-", row.sizeBytes].join(" "));
const leftOf = ({ leftOut }: Migration): string[] =>
  leftOut.map(
    ({ line, what, why, damaged }) =>
      `${line ?? "-"} ${fileName(what).replace(".send.zst.age", "")}: ${why}${damaged ? "" : " (sound)"}`,
  );

const CASES: readonly {
  name: string;
  text: string;
  files: readonly Finding[];
  rows: readonly string[];
  leftOut?: readonly string[];
}[] = [
  {
    name: "what a row lacks comes from its file",
    text: `label\n2024-02\n2024-01\n`,
    files: [holding(INCR), holding(FULL)],
    rows: ["2026-05-05 2024-01 - 100", "2026-05-05 2024-02 2024-01 100"],
  },
  {
    name: "the row's own time stays",
    text: `2024-01-31T03:00:00Z\t2024-01\tanchor\t\t100\t${SHA}\t/srv/elsewhere/${FULL}\t${FULL}\n`,
    files: [holding(FULL)],
    rows: ["2024-01-31 2024-01 - 100"],
  },
  {
    name: "a file that lies elsewhere below artifacts/ is found by its name",
    text: "2024-01\tfull\n",
    files: [holding("artifacts/dev@2024-01.full.send.zst.age")],
    rows: ["2026-05-05 2024-01 - 100"],
  },
  {
    name: "of two files of one name, the one in its place is meant; where neither is, it can't be told",
    text: "2024-01\tfull\n2024-02\tincr\n",
    files: [
      holding("artifacts/dev@2024-01.full.send.zst.age", {
        kind: "damaged",
        why: "cut off",
      } as Partial<ArtifactReading>),
      holding(FULL),
      holding("artifacts/dev@2024-02.incr.from_2024-01.send.zst.age"),
      holding("artifacts/more/dev@2024-02.incr.from_2024-01.send.zst.age"),
    ],
    rows: ["2026-05-05 2024-01 - 100"],
    leftOut: [
      "2 2024-02: it may be any of artifacts/dev@2024-02.incr.from_2024-01.send.zst.age, artifacts/more/dev@2024-02.incr.from_2024-01.send.zst.age",
      "- dev@2024-02.incr.from_2024-01: no row speaks of it (sound)",
      "- dev@2024-02.incr.from_2024-01: no row speaks of it (sound)",
    ],
  },
  {
    name: "a label twice is what its last row says",
    text: `2024-01\tfull\t${"cd".repeat(32)}\n2024-01\tfull\t${SHA}\n`,
    files: [holding(FULL)],
    rows: ["2026-05-05 2024-01 - 100"],
  },
  {
    name: "a label twice, as two artifacts: the earlier one is told",
    text: "2024-01\tfull\n2024-02\tfull\n2024-02\tincr\t2024-01\n",
    files: [holding(FULL), holding(INCR), holding("artifacts/anchors/dev@2024-02.full.send.zst.age")],
    rows: ["2026-05-05 2024-01 - 100", "2026-05-05 2024-02 2024-01 100"],
    leftOut: ["2 dev@2024-02.full: line 3 has 2024-02 again, as another artifact (sound)"],
  },
  {
    name: "a row whose file is nowhere, and what rests on it",
    text: `2024-01\tfull\n2024-02\tincr\t2024-01\tdev/${INCR}\n2024-03\tincr\n`,
    files: [holding(FULL), holding(LAST)],
    rows: ["2026-05-05 2024-01 - 100"],
    leftOut: [
      `2 dev@2024-02.incr.from_2024-01: its file is nowhere below artifacts/`,
      "3 dev@2024-03.incr.from_2024-02: it builds on 2024-02, of which there is no artifact",
    ],
  },
  {
    name: "a file that contradicts its row",
    text: `2024-01\tfull\t101\n2024-02\tincr\t${"cd".repeat(32)}\n2024-03\tfull\t${LAST}\n`,
    files: [holding(FULL), holding(INCR), holding(LAST)],
    rows: [],
    leftOut: [
      "1 dev@2024-01.full: its file has 100 bytes, and the row says 101",
      `2 dev@2024-02.incr.from_2024-01: the sha256 of its file is ${SHA}, and the row says ${"cd".repeat(32)}`,
      "3 dev@2024-03.incr.from_2024-02: it says an anchor, and its file's name another",
    ],
  },
  {
    name: "a SHA-256 that is none is not passed over",
    text: `2024-01\tanchor\tdeadbeef\n`,
    files: [holding(FULL)],
    rows: [],
    leftOut: [
      '1 dev@2024-01.full: the row has no sha256 that can be compared, and "deadbeef" where one may have been meant',
    ],
  },
  {
    name: "a damaged file, and another's name",
    text: "2024-01\tfull\n2024-04\tfull\n",
    files: [
      holding(FULL, { kind: "damaged", why: "age: unexpected EOF" } as Partial<ArtifactReading>),
      holding("artifacts/anchors/dev@2024-04.full.send.zst.age", {
        snapshot: "dev@2024-05",
      } as Partial<ArtifactReading>),
    ],
    rows: [],
    leftOut: [
      "1 dev@2024-01.full: age: unexpected EOF",
      "2 dev@2024-04.full: it holds dev@2024-05, not dev@2024-04: it has another's name",
    ],
  },
  {
    name: "names that are not ours, and a file without a row",
    text: `2024-01\t/srv/photos@2024-01.full.send.zst.age\n-\tfull\n`,
    files: [holding(FULL)],
    rows: [],
    leftOut: [
      "1 photos@2024-01.full: photos@2024-01.full.send.zst.age is no name of an artifact of dev",
      "2 no name: it names neither a label nor a file",
      "- dev@2024-01.full: no row speaks of it (sound)",
    ],
  },
];

for (const { name, text, files, rows, leftOut = [] } of CASES)
  test(`migrated: ${name}`, () => {
    const result = migrated(text, files);
    assert.deepEqual(rowsOf(result), rows);
    assert.deepEqual(leftOf(result), leftOut);
    const written = renderManifest(result.rows);
    assert.deepEqual(parseManifest(written, DEV), { kind: "valid", rows: result.rows });
  });

test("a file in another place is to go where it belongs", () => {
  const { from, rows } = migrated("2024-01\tfull\n", [holding("artifacts/dev@2024-01.full.send.zst.age")]);
  assert.deepEqual([...from], [["2024-01", "artifacts/dev@2024-01.full.send.zst.age"]]);
  assert.equal(rows[0]?.localPath, FULL);
});

test("keys of objects are the declared ones, and the older ones are told; without a cloud one of a manifest's form stays", () => {
  const text = `2024-01\tfull\t${FULL}\t${FULL}\n2024-02\tincr\t2024-01\t${INCR}\tdev/${INCR}\n`;
  const files = [holding(FULL), holding(INCR)];
  assert.deepEqual(migrated(text, files).otherKeys, [{ was: FULL, is: `dev/${FULL}` }]);
  assert.deepEqual(
    migrated(text, files, false).rows.map((row) => row.objectKey),
    [null, `dev/${INCR}`],
  );
});
