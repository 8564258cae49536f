import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type DrillProof, parseProofs, proofRecord, whyDrillDue } from "../../src/domain/proof.ts";
import { differenceInWords, differencesIn } from "../../src/domain/tree-difference.ts";
import { label } from "./history.ts";

const GOOD: DrillProof = {
  label: label("2026-03"),
  at: new Date("2026-03-31T04:00:00Z"),
  result: "same",
  durationMs: 4200,
  tree: { files: 7, bytes: 70 },
  artifacts: { count: 3, bytes: 50 },
  why: [],
};
const of = (at: string, result: DrillProof["result"]): DrillProof => ({ ...GOOD, at: new Date(at), result });
const written = (proof: DrillProof) => JSON.stringify(proofRecord(proof));

describe("the log of drills", () => {
  test("a proof is read as it was written", () => {
    const failed: DrillProof = { ...GOOD, result: "failed", tree: null, why: ["a: missing", "no room"] };
    assert.deepEqual(parseProofs(`${written(GOOD)}\n${written(failed)}\n`), [GOOD, failed]);
  });
  for (const [what, line] of Object.entries({
    "a line that was cut off": written(GOOD).slice(0, -9),
    "no JSON": "same",
    "another result": written(GOOD).replace('"same"', '"fine"'),
    "no label": written(GOOD).replace("2026-03", "../../etc"),
    "no time": written(GOOD).replace("2026-03-31T", ""),
    "no size": written(GOOD).replace('"bytes":70', '"bytes":"70"'),
    "less than nothing": written(GOOD).replace("4200", "-1"),
    "no reasons": written(GOOD).replace("[]", '[{"a":1}]'),
  }))
    test(`${what} proves nothing, and hides nothing`, () => {
      assert.deepEqual(parseProofs(`${written(GOOD)}\n${line}`), [GOOD]);
    });
});

describe("when a drill is due", () => {
  const every = { count: 3, unit: "month" } as const;
  const now = new Date("2026-06-30T04:00:00Z");
  for (const [what, proofs, due] of [
    ["never, so far", [], /no drill has proven/],
    ["the last good one is as old as that", [GOOD], /of 2026-03, was on 2026-03-31: more than 3 months ago/],
    ["the last good one is younger", [of("2026-03-31T04:00:01Z", "same")], null],
    ["one without a fingerprint proves a restore too", [of("2026-05-01T00:00:00Z", "restored")], null],
    ["one that failed proves nothing", [of("2026-05-01T00:00:00Z", "failed")], /no drill has proven/],
    ["one that differs neither", [GOOD, of("2026-05-01T00:00:00Z", "differs")], /of 2026-03/],
    [
      "one that is dated years ahead proves nothing",
      [of("2036-01-01T00:00:00Z", "same")],
      /no drill has proven/,
    ],
    ["a clock that was a little ahead is none the worse", [of("2026-06-30T09:00:00Z", "same")], null],
    [
      "a failure behind a good one",
      [of("2026-05-01T00:00:00Z", "same"), of("2026-06-01T00:00:00Z", "failed")],
      /^the drill of 2026-03 on 2026-06-01 did not restore/,
    ],
    [
      "that the same label has answered",
      [of("2026-05-01T00:00:00Z", "differs"), of("2026-06-01T00:00:00Z", "same")],
      null,
    ],
    [
      "that a later one has answered",
      [
        of("2026-05-01T00:00:00Z", "differs"),
        { ...of("2026-06-01T00:00:00Z", "same"), label: label("2026-04") },
      ],
      null,
    ],
    [
      "that an older one can't answer",
      [
        of("2026-05-01T00:00:00Z", "differs"),
        { ...of("2026-06-01T00:00:00Z", "same"), label: label("2026-02") },
      ],
      /^the drill of 2026-03 on 2026-05-01 did not restore/,
    ],
    [
      "that one dated years ahead can't answer",
      [GOOD, of("2026-05-01T00:00:00Z", "differs"), of("2036-01-01T00:00:00Z", "same")],
      /^the drill of 2026-03 on 2026-05-01 did not restore/,
    ],
  ] as const)
    test(what, () => {
      const why = whyDrillDue(proofs, every, now);
      if (due === null) assert.equal(why, null);
      else assert.match(why ?? "", due);
    });
});

describe("differences between two trees", () => {
  const HASH = "a".repeat(64);
  const file = (path: string, more: { hash?: string; mode?: string; links?: string; time?: string } = {}) =>
    `${more.hash ?? HASH} f ${more.mode ?? "644"} 0 0 5 ${more.links ?? "1"} ${more.time ?? "1.0"} ${path}`;
  const link = (path: string, target: string) => `${"-".repeat(64)} l 777 0 0 3 1 1.0 ${path}//${target}`;
  for (const [what, records, words] of [
    ["contents", [`- ${file("./a")}`, `+ ${file("./a", { hash: "b".repeat(64) })}`], "a: other contents"],
    [
      "several",
      [`- ${file("./a b")}`, `+ ${file("./a b", { mode: "600", links: "2", time: "2.0" })}`],
      "a b: other mode, hard links, modification time",
    ],
    ["gone", [`- ${file("./x\n+ y")}`], "x\n+ y: missing"],
    ["new", [`+ ${file("./deep/new")}`], "deep/new: not in what was backed up"],
    ["a target", [`- ${link("./l", "a//b")}`, `+ ${link("./l", "a//c")}`], "l: other target"],
    ["the tree itself", [`- ${file(".")}`, `+ ${file(".", { mode: "700" })}`], ".: other mode"],
    ["no UTF-8", [`- ${file("./\xff\xc3\xa4")}`], "\ufffdä: missing"],
  ] as const)
    test(what, () => {
      const found = differencesIn(records.map((record) => `${record}\0`).join(""));
      assert.deepEqual(found.map(differenceInWords), [words]);
    });
});
