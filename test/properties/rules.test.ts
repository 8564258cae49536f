import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { known } from "../../src/domain/fact.ts";
import { type Label, labelAt } from "../../src/domain/label.ts";
import { decideAnchor, type Link } from "../../src/domain/lineage.ts";
import type { ManifestRow } from "../../src/domain/manifest.ts";
import { type Copies, restoreChain } from "../../src/domain/restore-chain.ts";
import { history } from "../domain/history.ts";
import { check } from "./checking.ts";
import { cadenceArbitrary } from "./happenings.ts";
import { mustBeAnchor, toReceive } from "./rules.ts";

const DAY_MS = 86_400_000;
const BEGINNING_MS = Date.UTC(2026, 0, 31);
const labelled = fc
  .record({
    cadence: cadenceArbitrary,
    /** Days from one label to the next. */
    gaps: fc.array(fc.integer({ min: 31, max: 200 }), { minLength: 1, maxLength: 10 }),
    anchors: fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }),
    sizes: fc.array(fc.constantFrom(10, 20, 30, 60), { minLength: 10, maxLength: 10 }),
  })
  .map(({ cadence, gaps, anchors, sizes }) => {
    const days = gaps.map((_, index) => gaps.slice(0, index + 1).reduce((sum, gap) => sum + gap, 0));
    const labels = days.map((day) => labelAt(new Date(BEGINNING_MS + day * DAY_MS), cadence, "UTC"));
    const links = labels.slice(0, -1).map(
      (label, index): Link => ({
        label,
        parent: index === 0 || anchors[index] === true ? null : (labels[index - 1] ?? null),
        sizeBytes: sizes[index] ?? 1,
      }),
    );
    return { links, next: labels.at(-1) as Label };
  });

test("the anchor rule is the contract's, on every calendar", (context) =>
  check(
    context,
    fc.record({
      of: labelled,
      rule: fc.record({
        maxAgeMonths: fc.integer({ min: 1, max: 14 }),
        maxIncrementalRatio: fc.constantFrom(0.1, 0.5, 1, 2),
      }),
    }),
    ({ of: { links, next }, rule }) => [
      links
        .map(({ label, parent, sizeBytes }) => `${label} on ${parent ?? "nothing"} ${sizeBytes}`)
        .join(", "),
      `then ${next}, by ${JSON.stringify(rule)}`,
    ],
    ({ of: { links, next }, rule }) => {
      const decided = decideAnchor(links, next, rule, null);
      assert.notEqual(decided.kind, "open");
      assert.equal(decided.kind === "anchor", mustBeAnchor(links, next, rule), decided.because);
      if (decided.kind === "increment") assert.equal(decided.parent, links.at(-1)?.label);
    },
    300,
  ));

const ROWS = history(
  "2026-01 full 9, 2026-02 incr 1, 2026-03 incr 2, 2026-04 full 8, 2026-05 incr 1, 2026-06 incr 4",
);
const standing = fc.constantFrom("whole", "missing", "damaged", "unknown") as fc.Arbitrary<Copies["server"]>;

test("a restore takes the shortest chain, and is possible just where every link of it is somewhere", (context) =>
  check(
    context,
    fc.record({
      at: fc.nat({ max: ROWS.length - 1 }),
      hydrated: fc.subarray(ROWS.map(({ label }) => label)),
      copies: fc.array(fc.record({ server: standing, bucket: standing }), {
        minLength: ROWS.length,
        maxLength: ROWS.length,
      }),
    }),
    (one) => [JSON.stringify(one)],
    ({ at, hydrated, copies }) => {
      const label = ROWS[at]?.label as Label;
      const copiesOf = (row: ManifestRow): Copies => copies[ROWS.indexOf(row)] ?? assert.fail();
      const chain = restoreChain({
        rows: ROWS,
        label,
        copies: copiesOf,
        hydrated: known(new Set(hydrated)),
      });
      const needed = toReceive(ROWS, label, (other) => hydrated.includes(other));
      const received = chain?.steps.filter(({ source }) => source !== "hydrated").map(({ row }) => row);
      assert.deepEqual(received, needed);
      const all = needed.map((row) => Object.values(copiesOf(row)));
      const possible = all.every((places) => places.includes("whole"));
      const hopeless = all.some((places) => !places.includes("whole") && !places.includes("unknown"));
      assert.equal(chain?.restorable, hopeless ? false : possible ? true : "unknown");
    },
    2000,
  ));
