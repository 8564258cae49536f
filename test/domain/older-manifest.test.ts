import assert from "node:assert/strict";
import { test } from "node:test";
import { type OlderRow, parseOlderManifest } from "../../src/domain/older-manifest.ts";
import { DEV } from "./history.ts";

const HASH = "ab".repeat(32);
const FULL = "artifacts/anchors/dev@2024-01.full.send.zst.age";
const INCR = "artifacts/incr/dev@2024-02.incr.from_2024-01.send.zst.age";
const AT = "/srv/btrfs-backups/dev";

/** `TS LABEL TYPE PARENT BYTES SHA FILE KEY`, as much of each as tells them apart. */
const told = (row: OlderRow): string =>
  [
    row.ts?.slice(0, 16) ?? "-",
    row.label ?? "-",
    row.type ?? "-",
    row.parent ?? "-",
    row.sizeBytes ?? "-",
    row.sha256?.slice(0, 4) ?? "-",
    row.file?.replace(".send.zst.age", "") ?? "-",
    row.objectKey?.replace(".send.zst.age", "") ?? "-",
    ...row.strange.map((value) => `?${value}`),
  ].join(" ");

const JANUARY =
  "2024-01-31T03:00 2024-01 full - 100 abab dev@2024-01.full artifacts/anchors/dev@2024-01.full";
const FEBRUARY = "2024-02-29T03:00 2024-02 incr 2024-01 10 abab dev@2024-02.incr.from_2024-01 -";

const CASES: readonly { name: string; text: string; rows: readonly string[] | null }[] = [
  {
    name: "as the published scripts write it: absolute paths, anchor and incremental, empty ends",
    text: `ts\tlabel\ttype\tparent\tbytes\tsha256\tlocal_path\tobject_key
2024-01-31T03:00:00Z\t2024-01\tanchor\t\t100\t${HASH}\t${AT}/${FULL}\t${FULL}
2024-02-29T03:00:00Z\t2024-02\tincremental\t2024-01\t10\t${HASH}\t${AT}/${INCR}\t
`,
    rows: [JANUARY, FEBRUARY],
  },
  {
    name: "their heading with its slip, and rows that their own push shifted to the left",
    text: `ts\tlbel\ttype\tparent\tbytes\tsha256\tlocal_path\tobject_key
2024-01-31T03:00:00Z\t2024-01\tanchor\t100\t${HASH}\t${AT}/${FULL}\t${FULL}\t
2024-02-29T03:00:00Z\t2024-02\tincremental\t2024-01\t10\t${HASH}\t${AT}/${INCR}\t
`,
    rows: [JANUARY, FEBRUARY],
  },
  {
    name: "without a heading",
    text: `2024-01-31T03:00:00Z\t2024-01\tanchor\t\t100\t${HASH}\t${AT}/${FULL}\t${FULL}\n2024-02-29T03:00:00Z\t2024-02\tincremental\t2024-01\t10\t${HASH}\t${AT}/${INCR}\n`,
    rows: [JANUARY, FEBRUARY],
  },
  {
    name: "without a heading and with columns missing: object_key, local_path, sha256, bytes",
    text: `2024-01-31T03:00:00Z\t2024-01\tfull\t-\n2024-02-29T03:00:00Z\t2024-02\tincr\t2024-01\t10\n2024-02\t${INCR}\n`,
    rows: [
      "2024-01-31T03:00 2024-01 full - - - - -",
      "2024-02-29T03:00 2024-02 incr 2024-01 10 - - -",
      "- 2024-02 - - - - dev@2024-02.incr.from_2024-01 -",
    ],
  },
  {
    name: "in the order of its heading, with headings of other names and a column that nobody knows",
    text: `path\tnote\tsnapshot\tsize\tchecksum\ttimestamp\n${FULL}\tfine\tdev@2024-01\t100\tsha256:${HASH.toUpperCase()}\t2024-01-31 04:00:00 +0100\n`,
    rows: ["2024-01-31T03:00 2024-01 - - 100 abab dev@2024-01.full -"],
  },
  {
    name: "a parent that stands before its label is one by the heading alone",
    text: "parent\tlabel\ttype\n2024-01\t2024-02\tincr\n",
    rows: ["- 2024-02 incr 2024-01 - - - -"],
  },
  {
    name: "CR LF, a byte order mark, spaces at ends, blank lines, a comment, a second heading, no end of the last line",
    text: `\uFEFF# Label\tType\r\n\r\n2024-01 \t full  \r\n   \r\n# by hand\r\nlabel\ttype\r\n2024-02\tincr\t\t`,
    rows: ["- 2024-01 full - - - - -", "- 2024-02 incr - - - - -"],
  },
  {
    name: "what no row says is told",
    text: `2024-01-31T03:00:00Z\t2024-01\tanchor\t\t1\tdeadbeef\t${AT}/${FULL}\t\n`,
    rows: ["2024-01-31T03:00 2024-01 full - 1 - dev@2024-01.full - ?deadbeef"],
  },
  {
    name: "what stands behind a label that is none is not taken for it",
    text: "label\ttype\tparent\n2024-02x\tincr\t2024-01\n2024-02\tincr\t2024-01\n",
    rows: ["- - incr 2024-01 - - - - ?2024-02x", "- 2024-02 incr 2024-01 - - - -"],
  },
  { name: "a heading alone", text: "ts\tlbel\ttype\tparent\n", rows: [] },
  { name: "nothing", text: "\n", rows: null },
  { name: "another file", text: "PATH=/bin\nkey\tvalue\n", rows: null },
];

for (const { name, text, rows } of CASES)
  test(`an older manifest: ${name}`, () => {
    assert.deepEqual(parseOlderManifest(text, DEV)?.map(told) ?? null, rows);
  });

test("a row is named by its line", () => {
  const rows = parseOlderManifest("label\ttype\n\n2024-01\tfull\n2024-02\tincr\n", DEV);
  assert.deepEqual(
    rows?.map(({ line }) => line),
    [3, 4],
  );
});
