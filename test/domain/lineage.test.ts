import assert from "node:assert/strict";
import { test } from "node:test";
import { chainOf, decideAnchor, missingFrom } from "../../src/domain/lineage.ts";
import { pendingLabels } from "../../src/domain/pending.ts";
import { history, label } from "./history.ts";

const RULE = { maxAgeMonths: 12, maxIncrementalRatio: 1 };

test("anchor or increment", () => {
  const rows = [
    { name: "nothing yet", sizes: "", at: "2026-01", next: "anchor", says: "first backup" },
    {
      name: "right after an anchor",
      sizes: "2026-01 full 100",
      at: "2026-02",
      next: "increment",
      says: "2026-01",
    },
    {
      name: "increments are smaller than the anchor",
      sizes: "2026-01 full 100, 2026-02 incr 60, 2026-03 incr 39",
      at: "2026-04",
      next: "increment",
      says: "increments since 2026-01 are 99 B, the anchor is 100 B",
    },
    {
      name: "increments have come up to the anchor",
      sizes: "2026-01 full 100, 2026-02 incr 60, 2026-03 incr 40",
      at: "2026-04",
      next: "anchor",
      says: "increments since 2026-01 are 100 B, the anchor is 100 B",
    },
    {
      name: "only increments since the last anchor count",
      sizes: "2026-01 full 100, 2026-02 incr 200, 2026-03 full 100, 2026-04 incr 10",
      at: "2026-05",
      next: "increment",
      says: "increments since 2026-03 are 10 B",
    },
    { name: "eleven months", sizes: "2025-04 full 100", at: "2026-03", next: "increment", says: "2025-04" },
    {
      name: "twelve months",
      sizes: "2025-03 full 100",
      at: "2026-03",
      next: "anchor",
      says: "2025-03, is 12 months old",
    },
    {
      name: "age counts from the anchor, not from the newest row",
      sizes: "2025-03 full 100, 2026-02 incr 1",
      at: "2026-03",
      next: "anchor",
      says: "12 months",
    },
  ];
  for (const { name, sizes, at, next, says } of rows) {
    const decision = decideAnchor(history(sizes), label(at), RULE, null);
    assert.equal(decision.kind, next, name);
    assert.match(decision.because, new RegExp(says), name);
  }
});

test("an increment builds on the newest row; without its parent it becomes an anchor that says why", () => {
  const before = history("2026-01 full 100, 2026-02 incr 1");
  assert.deepEqual(decideAnchor(before, label("2026-03"), RULE, null), {
    kind: "increment",
    parent: "2026-02",
    because: "increments since 2026-01 are 1 B, the anchor is 100 B",
  });
  assert.deepEqual(decideAnchor(before, label("2026-03"), RULE, "the parent is gone from ws"), {
    kind: "anchor",
    because: "the parent is gone from ws",
  });
});

test("a chain is the nearest anchor and the increments up to the label, never more", () => {
  const all = history("2026-01 full 9, 2026-02 incr 1, 2026-03 full 9, 2026-04 incr 1, 2026-05 incr 1");
  const labels = (at: string) => chainOf(all, label(at))?.map((row) => row.label);
  assert.deepEqual(labels("2026-05"), ["2026-03", "2026-04", "2026-05"]);
  assert.deepEqual(labels("2026-03"), ["2026-03"]);
  assert.deepEqual(labels("2026-02"), ["2026-01", "2026-02"]);
  assert.equal(labels("2026-06"), undefined);
});

test("only what the nearest hydrated snapshot lacks is received", () => {
  const chain = history("2026-01 full 9, 2026-02 incr 1, 2026-03 incr 1, 2026-04 incr 1");
  const missing = (...hydrated: string[]) =>
    missingFrom(chain, (at) => hydrated.includes(at)).map((row) => row.label);
  assert.deepEqual(missing(), ["2026-01", "2026-02", "2026-03", "2026-04"]);
  assert.deepEqual(missing("2026-01", "2026-03"), ["2026-04"]);
  assert.deepEqual(missing("2026-04"), []);
});

test("what is due", () => {
  const due = (given: {
    rows?: string;
    made?: string;
    snapshots?: string[];
    target: string;
    gone?: string;
  }) =>
    pendingLabels({
      rows: history(given.rows ?? ""),
      made:
        given.made === undefined
          ? []
          : history(`${given.rows}, ${given.made}`).slice(history(given.rows ?? "").length),
      snapshots: (given.snapshots ?? []).map(label),
      target: label(given.target),
      rule: RULE,
      parentGone: given.gone ?? null,
    }).map(({ label: at, decision, made }) => `${at} ${decision.kind}${made === null ? "" : " made"}`);
  const rows = "2026-01 full 100, 2026-02 incr 1";
  assert.deepEqual(due({ target: "2026-01" }), ["2026-01 anchor"], "the first");
  assert.deepEqual(due({ rows, target: "2026-02" }), [], "registered already");
  assert.deepEqual(due({ rows, target: "2026-03" }), ["2026-03 increment"], "the next period");
  assert.deepEqual(
    due({ rows, target: "2026-06" }),
    ["2026-06 increment"],
    "periods without a snapshot are not made up",
  );
  assert.deepEqual(
    due({ rows, snapshots: ["2025-12", "2026-01", "2026-02", "2026-03"], target: "2026-04" }),
    ["2026-03 increment", "2026-04 open"],
    "a snapshot that an earlier run left; what follows it hangs on its size",
  );
  assert.deepEqual(
    due({ rows, snapshots: ["2027-01"], target: "2026-03" }),
    ["2026-03 increment"],
    "the future waits",
  );
  assert.deepEqual(due({ rows, made: "2026-03 incr 5", target: "2026-03" }), ["2026-03 increment made"]);
  assert.deepEqual(due({ rows, target: "2026-03", gone: "gone" }), ["2026-03 anchor"]);
  assert.deepEqual(
    due({ rows, snapshots: ["2026-03"], target: "2026-04", gone: "gone" }),
    ["2026-03 anchor", "2026-04 increment"],
    "only the first of them lacks its parent",
  );
});
