import assert from "node:assert/strict";
import { test } from "node:test";
import { createTransfer } from "../../src/report/transfer.ts";

const MIB = 1024 * 1024;

/** `2s 90` is 90 MiB at two seconds; `2s` is a look without news. Total: 100 MiB. */
const rows: readonly { name: string; course: string; total?: null; text: string }[] = [
  { name: "without bytes there is a clock", course: "12s", text: "0:12" },
  { name: "the first news tells no rate", course: "0s 5", text: "5 MiB of 100 MiB · 0:00" },
  {
    name: "a steady rate",
    course: "0s 0, 1s 10, 2s 20, 3s 30",
    text: "30 MiB of 100 MiB · 10 MiB/s · 0:03 · 0:07 left",
  },
  { name: "the total is not known", course: "0s 0, 1s 10", total: null, text: "10 MiB · 10 MiB/s · 0:01" },
  {
    name: "what was there before is no speed",
    course: "0s 80, 2s 82",
    text: "82 MiB of 100 MiB · 1 MiB/s · 0:02 · 0:18 left",
  },
  {
    name: "a jump is smoothed",
    course: "0s 0, 1s 10, 2s 60",
    text: "60 MiB of 100 MiB · 17.3 MiB/s · 0:02 · 0:02 left",
  },
  {
    name: "a link that died slows down",
    course: "0s 0, 1s 10, 61s",
    text: "10 MiB of 100 MiB · 64 B/s · 1:01",
  },
  {
    name: "at its end nothing is left",
    course: "0s 0, 1s 100",
    text: "100 MiB of 100 MiB · 100 MiB/s · 0:01",
  },
  {
    name: "a part that is sent again is not negative",
    course: "0s 50, 1s 40",
    text: "40 MiB of 100 MiB · 0 B/s · 0:01",
  },
];

for (const { name, course, total, text } of rows)
  test(`transfer: ${name}`, () => {
    let nowMs = 0;
    const transfer = createTransfer(() => nowMs);
    for (const step of course.split(", ")) {
      const [, seconds, mib] = /^(\d+)s(?: (\d+))?$/.exec(step) ?? [];
      nowMs = Number(seconds) * 1000;
      if (mib !== undefined) transfer.progress(Number(mib) * MIB, total === null ? null : 100 * MIB);
    }
    assert.equal(transfer.text(), text);
  });
