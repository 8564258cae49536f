import assert from "node:assert/strict";
import { test } from "node:test";
import type { ManifestRow } from "../../src/domain/manifest.ts";
import type { Sha256 } from "../../src/domain/names.ts";
import { chainText } from "../../src/report/chain-text.ts";
import * as x from "./examples.ts";

const MIB = 1024 * 1024;

/** `2026-01 100` for an anchor, `2026-02<2026-01 60` for an increment; sizes in MiB. */
const manifest = (text: string): ManifestRow[] =>
  text.split(", ").map((entry) => {
    const [, label = "", parent, size] = /^([^ <]+)(?:<(\S+))? (\d+)$/.exec(entry) ?? [];
    return {
      ts: `${label}-01T03:00:07Z`,
      label: x.label(label),
      parent: parent === undefined ? null : x.label(parent),
      sizeBytes: Number(size) * MIB,
      sha256: "9f2c41d0a7e3".padEnd(64, "0") as Sha256,
      localPath: "",
      objectKey: label === "2026-04" ? null : `dev/${label}`,
    };
  });

const rows: readonly { name: string; manifest: ManifestRow[]; width: number; text: string }[] = [
  { name: "nothing yet", manifest: [], width: 80, text: "No artifact is registered yet.\n" },
  {
    name: "two chains",
    manifest: manifest("2026-01 1126, 2026-02<2026-01 312, 2026-03<2026-02 9, 2026-04 1331"),
    width: 100,
    text: `
    LABEL    TYPE          SIZE  PARENT   MADE (UTC)        CLOUD  SHA-256
●   2026-01  anchor     1.1 GiB           2026-01-01 03:00  yes    9f2c41d0a7e3
├─  2026-02  increment  312 MiB  2026-01  2026-02-01 03:00  yes    9f2c41d0a7e3
└─  2026-03  increment    9 MiB  2026-02  2026-03-01 03:00  yes    9f2c41d0a7e3
●   2026-04  anchor     1.3 GiB           2026-04-01 03:00  no     9f2c41d0a7e3

4 artifacts in 2 chains, 2.71 GiB
`,
  },
  {
    name: "40 columns: the right-hand ones go",
    manifest: manifest("2026-01 100, 2026-02<2026-01 60"),
    width: 40,
    text: `
    LABEL    TYPE          SIZE  PARENT
●   2026-01  anchor     100 MiB
└─  2026-02  increment   60 MiB  2026-01

2 artifacts in 1 chain, 160 MiB
`,
  },
  {
    name: "increments stand with their own anchor",
    manifest: manifest("2026-01 100, 2026-02 100, 2026-03<2026-01 5"),
    width: 40,
    text: `
    LABEL    TYPE          SIZE  PARENT
●   2026-01  anchor     100 MiB
└─  2026-03  increment    5 MiB  2026-01
●   2026-02  anchor     100 MiB

3 artifacts in 2 chains, 205 MiB
`,
  },
];

for (const { name, manifest: given, width, text } of rows)
  test(`chain: ${name}`, () =>
    assert.equal(chainText(given, { color: false, width }), text.replace(/^\n/, "")));
