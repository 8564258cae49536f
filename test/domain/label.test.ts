import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Cadence,
  compareLabels,
  type Label,
  labelAfter,
  labelAt,
  labelsInWords,
  monthsBetween,
  parseLabel,
  periodStart,
  periodsBetween,
} from "../../src/domain/label.ts";

const label = (text: string): Label => {
  const parsed = parseLabel(text);
  assert.ok(parsed, `${text} is a label`);
  return parsed;
};

test("a label is a period of the calendar, and nothing else", () => {
  for (const good of ["2026-03", "2026-12", "2026-W01", "2026-W53", "2024-02-29", "1999-12-31"]) label(good);
  const bad = ["", "2026", "2026-00", "2026-13", "2026-3", "2026-W00", "2025-W53", "2026-W1", "2026-02-29"];
  for (const text of [...bad, "2026-04-31", "2026-03 ", "../x", "2026-03\n", "26-03"])
    assert.equal(parseLabel(text), undefined, text);
});

test("a label of another cadence is refused where a cadence is asked for", () => {
  assert.equal(parseLabel("2026-03", "weekly"), undefined);
  assert.equal(parseLabel("2026-W11", "monthly"), undefined);
  assert.equal(parseLabel("2026-03-09", "daily"), "2026-03-09");
});

test("the calendar of the dataset's timezone decides", () => {
  const rows: [string, Cadence, string, string][] = [
    ["2026-02-28T23:30:00Z", "monthly", "UTC", "2026-02"],
    ["2026-02-28T23:30:00Z", "monthly", "Europe/Berlin", "2026-03"],
    ["2026-03-01T04:00:00Z", "monthly", "America/New_York", "2026-02"],
    ["2026-03-29T01:30:00Z", "daily", "Europe/Berlin", "2026-03-29"],
    ["2027-01-01T12:00:00Z", "weekly", "UTC", "2026-W53"],
    ["2024-12-30T12:00:00Z", "weekly", "UTC", "2025-W01"],
    ["2024-02-29T12:00:00Z", "daily", "UTC", "2024-02-29"],
  ];
  for (const [now, cadence, zone, expected] of rows)
    assert.equal(labelAt(new Date(now), cadence, zone), expected, `${now} ${zone}`);
});

test("labels are ordered by the first day of their period, across cadences too", () => {
  const sorted = ["2026-W10", "2025-12", "2026-03-03", "2026-03", "2026-W53"].map(label).sort(compareLabels);
  assert.deepEqual(sorted, ["2025-12", "2026-03", "2026-W10", "2026-03-03", "2026-W53"]);
});

test("months between two labels are whole ones", () => {
  const rows: [string, string, number][] = [
    ["2026-01", "2026-01", 0],
    ["2026-01", "2027-01", 12],
    ["2025-11", "2026-02", 3],
    ["2026-01-31", "2026-02-28", 0],
    ["2026-01-15", "2026-02-15", 1],
    ["2026-W01", "2026-W05", 0],
  ];
  for (const [from, to, months] of rows)
    assert.equal(monthsBetween(label(from), label(to)), months, `${from} ${to}`);
});

test("periods between two labels: over year ends, long years, leap days and daylight saving", () => {
  const rows: [string, string, number][] = [
    ["2026-11", "2026-11", 0],
    ["2026-11", "2027-11", 12],
    ["2026-12", "2027-01", 1],
    ["2027-01", "2026-12", -1],
    ["2026-W53", "2027-W01", 1],
    ["2026-W01", "2027-W01", 53],
    ["2027-W01", "2028-W01", 52],
    ["2024-02-28", "2024-03-01", 2],
    ["2026-02-28", "2026-03-01", 1],
    ["2026-03-28", "2026-03-30", 2],
  ];
  for (const [from, to, periods] of rows)
    assert.equal(periodsBetween(label(from), label(to)), periods, `${from} ${to}`);
});

/** To the minute, over three centuries: every leap rule, and every change of a zone's clocks. */
const minute = fc
  .integer({ min: Date.UTC(1970, 0, 1) / 60_000, max: Date.UTC(2300, 0, 1) / 60_000 })
  .map((minutes) => new Date(minutes * 60_000));
const zone = fc.constantFrom(...Intl.supportedValuesOf("timeZone"));
const cadence = fc.constantFrom<Cadence>("monthly", "weekly", "daily");

test("in every zone, time that goes on never takes a label back, and leaves out none for longer than it lasts", () => {
  fc.assert(
    fc.property(
      minute,
      zone,
      cadence,
      fc.integer({ min: 1, max: 24 * 60 }),
      (now, timezone, every, minutes) => {
        const later = new Date(now.getTime() + minutes * 60_000);
        const [first, second] = [labelAt(now, every, timezone), labelAt(later, every, timezone)];
        const passed = periodsBetween(first, second);
        assert.ok(passed >= 0, `${first} ${second} ${timezone}`);
        // Samoa left out a day to get to the other side of the date line
        assert.ok(passed <= (every === "daily" ? 2 : 1), `${first} ${second} ${timezone}`);
      },
    ),
  );
});

test("so many labels on from a label lie so many periods behind it, and the way back ends at it", () => {
  fc.assert(
    fc.property(minute, cadence, fc.integer({ min: -60, max: 60 }), (now, every, count) => {
      const from = labelAt(now, every, "UTC");
      const there = labelAfter(from, count);
      assert.equal(parseLabel(there, every), there);
      assert.equal(periodsBetween(from, there), count);
      assert.equal(labelAfter(there, -count), from);
    }),
  );
});

test("a label is of the day that it says, wherever the machine thinks that it is", () => {
  const here = process.env.TZ;
  try {
    fc.assert(
      fc.property(minute, zone, zone, cadence, (now, timezone, elsewhere, every) => {
        process.env.TZ = elsewhere;
        const found = labelAt(now, every, timezone);
        assert.equal(parseLabel(found, every), found);
        const day = new Intl.DateTimeFormat("en-CA", { timeZone: timezone, dateStyle: "short" }).format(now);
        const begun = (Date.parse(`${day}T00:00:00Z`) - periodStart(found).getTime()) / 86_400_000;
        assert.ok(begun >= 0 && begun < { monthly: 31, weekly: 7, daily: 1 }[every], `${found} ${day}`);
      }),
    );
  } finally {
    if (here === undefined) delete process.env.TZ;
    else process.env.TZ = here;
  }
});

test("labels in words: all of a few, the ends of a row without a gap, else the first and how many more", () => {
  for (const [labels, words] of [
    ["", ""],
    ["2026-01", "2026-01"],
    ["2026-01 2026-03 2026-04 2026-07", "2026-01, 2026-03, 2026-04, 2026-07"],
    ["2026-10 2026-11 2026-12 2027-01 2027-02", "2026-10 to 2027-02"],
    ["2026-W51 2026-W52 2026-W53 2027-W01 2027-W02", "2026-W51 to 2027-W02"],
    ["2026-01 2026-02 2026-03 2026-04 2026-06", "2026-01, 2026-02, 2026-03 and 2 more"],
  ] as const)
    assert.equal(labelsInWords(labels === "" ? [] : (labels.split(" ") as Label[])), words);
});
