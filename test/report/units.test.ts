import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatAge,
  formatAgo,
  formatBytes,
  formatClock,
  formatDuration,
  formatMonths,
  formatRate,
  formatStamp,
  formatUsd,
  plural,
} from "../../src/domain/units.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const rows: readonly [string, (value: number) => string, readonly (readonly [number, string])[]][] = [
  [
    "bytes",
    formatBytes,
    [
      [0, "0 B"],
      [1, "1 B"],
      [1023, "1023 B"],
      [KIB, "1 KiB"],
      [1.5 * KIB, "1.5 KiB"],
      [312 * MIB, "312 MiB"],
      [MIB - 1, "1 MiB"],
      [1023.6 * MIB, "1 GiB"],
      [1.2 * GIB, "1.2 GiB"],
      [1.236 * GIB, "1.24 GiB"],
      [99.96 * GIB, "100 GiB"],
      [3 * GIB * KIB, "3 TiB"],
      [Number.MAX_SAFE_INTEGER, "8 PiB"],
    ],
  ],
  ["rate", formatRate, [[45 * MIB, "45 MiB/s"]]],
  [
    "duration",
    formatDuration,
    [
      [0, "0 s"],
      [430, "0.4 s"],
      [9_940, "9.9 s"],
      [9_960, "10 s"],
      [12 * SECOND, "12 s"],
      [59_700, "1 min"],
      [184 * SECOND, "3 min 4 s"],
      [HOUR + 2 * MINUTE + 59 * SECOND, "1 h 2 min"],
      [2 * DAY + 3 * HOUR, "2 d 3 h"],
      [-5, "0 s"],
    ],
  ],
  [
    "ago",
    formatAgo,
    [
      [5, "just now"],
      [3 * DAY, "3 days ago"],
    ],
  ],
  [
    "months",
    formatMonths,
    [
      [0.9, "less than a month"],
      [1, "1 month"],
      [23.9, "23 months"],
      [24, "2 years"],
      [240, "more than 20 years"],
    ],
  ],
  [
    "a bill",
    formatUsd,
    [
      [0, "$0.00"],
      [0.004, "less than $0.01"],
      [1.5, "$1.50"],
    ],
  ],
  [
    "clock",
    formatClock,
    [
      [0, "0:00"],
      [12_900, "0:12"],
      [184 * SECOND, "3:04"],
      [HOUR + 2 * MINUTE + 3 * SECOND, "1:02:03"],
    ],
  ],
  [
    "age",
    formatAge,
    [
      [30 * SECOND, "just now"],
      [MINUTE, "1 minute"],
      [5 * HOUR, "5 hours"],
      [31 * DAY, "31 days"],
      [61 * DAY, "2 months"],
      [364 * DAY, "11 months"],
      [731 * DAY, "2 years"],
    ],
  ],
  [
    "plural",
    (count) => plural(count, "copy", "copies"),
    [
      [1, "1 copy"],
      [0, "0 copies"],
    ],
  ],
];

for (const [what, write, examples] of rows)
  for (const [value, text] of examples)
    test(`${what}: ${value} is written ${text}`, () => assert.equal(write(value), text));

test("a time in a name is UTC's, without what a name had better not hold", () => {
  assert.equal(formatStamp(new Date("2026-11-22T07:12:07.345+01:00")), "20261122T061207Z");
});
