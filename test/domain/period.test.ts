import assert from "node:assert/strict";
import { test } from "node:test";
import { after, formatPeriod, parsePeriod } from "../../src/domain/period.ts";

for (const [text, from, to] of [
  ["1 day", "2026-02-28", "2026-03-01"],
  ["2 weeks", "2026-12-25", "2027-01-08"],
  ["3 months", "2026-11-30", "2027-02-28"],
  ["1 month", "2026-01-31", "2026-02-28"],
  ["1 month", "2026-03-31", "2026-04-30"],
  ["1 year", "2024-02-29", "2025-02-28"],
  ["40 days", "2026-01-01", "2026-02-10"],
] as const)
  test(`period: ${text} after ${from}`, () => {
    const period = parsePeriod(text);
    assert.ok(period !== undefined);
    assert.equal(formatPeriod(period), text);
    assert.equal(after(new Date(`${from}T12:00:00Z`), period).toISOString(), `${to}T12:00:00.000Z`);
  });

for (const text of [
  "",
  "3",
  "months",
  "0 days",
  "3months",
  "3 fortnights",
  "-1 day",
  "1.5 months",
  "10000 days",
])
  test(`period: ${JSON.stringify(text)} is none`, () => assert.equal(parsePeriod(text), undefined));
