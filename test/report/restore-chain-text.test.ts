import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { absent, known } from "../../src/domain/fact.ts";
import { type Copies, type CopyState, restoreChain } from "../../src/domain/restore-chain.ts";
import { restoreChainJson, restoreChainText } from "../../src/report/restore-chain-text.ts";
import type { ChainReport } from "../../src/status/chain.ts";
import { history, label } from "../domain/history.ts";

const MIB = 1024 * 1024;
const STANDING: Readonly<Record<string, CopyState | "undeclared">> = {
  "+": "whole",
  "-": "missing",
  x: "damaged",
  "?": "unknown",
  ".": "undeclared",
};

/** `2026-01 full 100 ++ h, 2026-02 incr 9 -+`: sizes in MiB, the signs of server and bucket, `h` for hydrated. */
function report(text: string, at: string, ...why: string[]): ChainReport {
  const rows = history(text).map((row) => ({
    ...row,
    sizeBytes: row.sizeBytes * MIB,
    ts: `${row.label.slice(0, 7)}-28T03:00:07Z`,
  }));
  const entries = text.split(",").map((entry) => entry.trim().split(" "));
  const signs = new Map(entries.map(([of = "", , , sign = ""]) => [of, sign]));
  const hydrated = entries.filter((entry) => entry[4] === "h").map(([of = ""]) => label(of));
  const copies = (of: string): Copies => {
    const [server, bucket] = [...(signs.get(of) ?? "")].map((sign) => STANDING[sign]);
    if (server === undefined || server === "undeclared" || bucket === undefined) return assert.fail(of);
    return { server, bucket };
  };
  const chain = restoreChain({
    rows,
    label: label(at),
    copies: (row) => copies(row.label),
    hydrated: hydrated.length === 0 ? absent : known(new Set(hydrated)),
  });
  return { label: label(at), chain: chain ?? assert.fail(), unknown: why };
}

const BELOW =
  "2090-01 full 1126 ++ h, 2090-02 incr 312 ++ h, 2090-03 incr 9 -+, 2090-04 incr 12 +-, 2090-05 incr 1 ++";
const rows: readonly { name: string; given: ChainReport; width: number; text: string }[] = [
  {
    name: "some of it hydrated, some on the server, some in the bucket",
    given: report(BELOW, "2090-04"),
    width: 100,
    text: `
    LABEL    TYPE          SIZE  SERVER   HYDRATED  BUCKET   FROM    MADE (UTC)
●   2090-01  anchor     1.1 GiB  ✓        ✓         ✓        -       2090-01-28 03:00
├─  2090-02  increment  312 MiB  ✓        ✓         ✓        -       2090-02-28 03:00
├─  2090-03  increment    9 MiB  missing  no        ✓        bucket  2090-03-28 03:00
└─  2090-04  increment   12 MiB  ✓        no        missing  server  2090-04-28 03:00

A restore of 2090-04 fetches 9 MiB from the bucket and receives 21 MiB.

What one lost artifact would cost:
  2090-01: costs 2090-01 to 2090-05 (5 labels)
  2090-02: costs 2090-02, 2090-03, 2090-04, 2090-05 (4 labels)
  2090-03: costs 2090-03, 2090-04, 2090-05 (3 labels); the only copy is in the bucket
  2090-04: costs 2090-04, 2090-05 (2 labels); the only copy is on the server
`,
  },
  {
    name: "60 columns: type and time go",
    given: report("2090-01-30 full 1023 +x, 2090-01-31 incr 9 -x", "2090-01-31"),
    width: 60,
    text: `
    LABEL       SERVER   HYDRATED  BUCKET   FROM
●   2090-01-30  ✓        no        damaged  server
└─  2090-01-31  missing  no        damaged  nowhere

2090-01-31 can't be restored.
  The artifact of 2090-01-31 is missing on the server, and
  damaged in the bucket: it costs 2090-01-31 (1 label).
Put what is lost back from another copy, or restore a label
that does not rest on it (devbackup manifest list).

What one lost artifact would cost:
  2090-01-30: costs 2090-01-30, 2090-01-31 (2 labels); the
  only copy is on the server
  2090-01-31: costs 2090-01-31 (1 label); no copy is left
`,
  },
  {
    name: "the bucket could not be looked at",
    given: report(
      "2090-01 full 9 +?, 2090-02 incr 9 x?",
      "2090-02",
      "The bucket is unknown: it does not answer",
    ),
    width: 80,
    text: `
    LABEL    TYPE        SIZE  SERVER   HYDRATED  BUCKET   FROM
●   2090-01  anchor     9 MiB  ✓        no        unknown  server
└─  2090-02  increment  9 MiB  damaged  no        unknown  unknown

Whether 2090-02 can be restored is not known: no whole artifact of 2090-02 was
found, and not everything could be looked at.
The bucket is unknown: it does not answer

What one lost artifact would cost:
  2090-01: costs 2090-01, 2090-02 (2 labels)
  2090-02: costs 2090-02 (1 label)
`,
  },
  {
    name: "hydrated, and no cloud",
    given: report("2090-01 full 9 -., 2090-02 incr 9 +. h", "2090-02"),
    width: 70,
    text: `
    LABEL    TYPE        SIZE  SERVER   HYDRATED  BUCKET  FROM
●   2090-01  anchor     9 MiB  missing  no        none    -
└─  2090-02  increment  9 MiB  ✓        ✓         none    -

2090-02 is hydrated: a restore fetches and receives nothing.

What one lost artifact would cost:
  2090-01: costs 2090-01, 2090-02 (2 labels); no copy is left
  2090-02: costs 2090-02 (1 label); the only copy is on the server
`,
  },
];

for (const { name, given, width, text } of rows)
  test(`what a label is made from: ${name}`, () => {
    const plain = restoreChainText(given, { color: false, width });
    assert.equal(plain, text.replace(/^\n/, ""));
    const coloured = restoreChainText(given, { color: true, width });
    assert.notEqual(coloured, plain);
    assert.equal(stripVTControlCharacters(coloured), plain);
  });

test("no line is wider than the terminal, from 60 to 120 columns", () => {
  for (const at of ["2090-04", "2090-05"])
    for (let width = 60; width <= 120; width += 1)
      for (const line of restoreChainText(report(BELOW.replace("+-", "x-"), at), {
        color: false,
        width,
      }).split("\n"))
        assert.ok(line.length <= width, `${width}: ${line}`);
});

test("the document has every field of every step", () => {
  const { steps, ...rest } = restoreChainJson(
    report("2090-01 full 9 -+, 2090-02 incr 9 x-", "2090-02", "why"),
  );
  assert.deepEqual(rest, {
    label: "2090-02",
    restorable: false,
    fetchBytes: 9 * MIB,
    receiveBytes: 9 * MIB,
    holes: [{ label: "2090-02", server: "damaged", bucket: "missing", costs: ["2090-02"] }],
    unknown: ["why"],
  });
  assert.deepEqual(steps[0], {
    ts: "2090-01-28T03:00:07Z",
    label: "2090-01",
    parent: null,
    sizeBytes: 9 * MIB,
    sha256: "ab".repeat(32),
    localPath: "artifacts/anchors/dev@2090-01.full.send.zst.age",
    objectKey: "dev/artifacts/anchors/dev@2090-01.full.send.zst.age",
    server: "missing",
    hydrated: false,
    bucket: "whole",
    from: "bucket",
    onlyCopy: "bucket",
    costs: ["2090-01", "2090-02"],
  });
});
