import assert from "node:assert/strict";
import { test } from "node:test";
import { type Case, planOf, taken } from "./world.ts";

interface Row extends Partial<Case> {
  readonly name: string;
  readonly says: RegExp | null;
}

const THREE = "2026-01 full 100, 2026-02 incr 10, 2026-03 incr 10";
const rows: readonly Row[] = [
  { name: "this period's is there", target: "2026-03", says: null },
  { name: "the next period has come", target: "2026-04", says: null },
  { name: "one passed", target: "2026-05", says: /^1 month passed .*: 2026-04; 2026-05 follows on 2026-03$/ },
  { name: "each is named", target: "2026-08", says: /: 2026-04, 2026-05, 2026-06, 2026-07;/ },
  { name: "many are told by their ends", target: "2027-06", says: /^14 months .*: 2026-04 to 2027-05;/ },
  {
    name: "a snapshot that was taken and not sent yet is none that is missed",
    target: "2026-06",
    change: { snapshots: taken("2026-01", "2026-02", "2026-03", "2026-05") },
    says: /^1 month .*: 2026-04;/,
  },
  {
    name: "a label that was named says nothing about the calendar",
    target: "2026-09",
    labelled: true,
    says: null,
  },
  { name: "nothing is registered yet", rows: "", target: "2026-09", says: null },
];

for (const { name, says, ...given } of rows)
  test(`periods without a snapshot: ${name}`, () => {
    const plan = planOf({ rows: THREE, target: "2026-04", labelled: false, ...given });
    const texts = plan.warnings.flatMap(({ code, text }) => (code === "period-missed" ? [text] : []));
    if (says === null) return assert.deepEqual(texts, []);
    assert.equal(texts.length, 1);
    assert.match(texts[0] ?? "", says);
    // told of, and never made up
    assert.ok(!plan.actions.some(({ id }) => id === "snapshot:dev@2026-04"));
  });
