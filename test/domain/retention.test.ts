import assert from "node:assert/strict";
import { test } from "node:test";
import { known } from "../../src/domain/fact.ts";
import type { Label } from "../../src/domain/label.ts";
import type { Manifest } from "../../src/domain/manifest.ts";
import { type Copies, type CopyState, restoreChain } from "../../src/domain/restore-chain.ts";
import {
  artifactFates,
  artifactRules,
  type Fate,
  isWanted,
  type KeepRule,
  ruleProblems,
  snapshotFates,
} from "../../src/domain/retention.ts";
import { keptByRule } from "../properties/rules.ts";
import { history, label } from "./history.ts";

const ALL: KeepRule = { kind: "all" };
const last = (count: number): KeepRule => ({ kind: "last", count });
const chains = (count: number): KeepRule => ({ kind: "chains", count });

/** Two and a half chains. */
const FIVE = "2026-01 full 100, 2026-02 incr 10, 2026-03 full 100, 2026-04 incr 10, 2026-05 full 100";

/** `+ LABEL because` for what is kept, `- LABEL because` for what goes. */
const inWords = (fates: readonly Fate[]): string[] =>
  fates.map(({ kept, label: at, because }) => `${kept ? "+" : "-"} ${at} ${because}`);

interface Artifacts {
  readonly name: string;
  readonly server?: KeepRule;
  /** Null for no cloud. */
  readonly bucket?: KeepRule | null;
  /** What is not whole, as `2026-03: bucket missing`. */
  readonly but?: readonly string[];
  readonly locked?: string;
  readonly at?: "server" | "bucket";
  readonly become: readonly string[];
}

const ARTIFACTS: readonly Artifacts[] = [
  {
    name: "all",
    become: ["01", "02", "03", "04", "05"].map((month) => `+ 2026-${month} everything is kept there`),
  },
  {
    name: "the newest chains, with their increments",
    server: chains(2),
    become: [
      "- 2026-01 older than the newest 2 chains",
      "- 2026-02 older than the newest 2 chains",
      "+ 2026-03 of the newest 2 chains",
      "+ 2026-04 of the newest 2 chains",
      "+ 2026-05 of the newest 2 chains",
    ],
  },
  {
    name: "the newest labels keep the chains that hold them",
    server: last(2),
    become: [
      "- 2026-01 its chain holds none of the newest 2",
      "- 2026-02 its chain holds none of the newest 2",
      "+ 2026-03 its chain holds 2026-04, one of the newest 2",
      "+ 2026-04 one of the newest 2",
      "+ 2026-05 one of the newest 2",
    ],
  },
  {
    name: "more than there are",
    server: chains(9),
    become: ["01", "02", "03", "04", "05"].map((month) => `+ 2026-${month} of the newest 9 chains`),
  },
  {
    name: "from the bucket, where the server has them",
    at: "bucket",
    bucket: chains(1),
    become: [
      "- 2026-01 older than the newest chain",
      "- 2026-02 older than the newest chain",
      "- 2026-03 older than the newest chain",
      "- 2026-04 older than the newest chain",
      "+ 2026-05 of the newest chain",
    ],
  },
  {
    name: "without a cloud nothing goes",
    server: chains(2),
    bucket: null,
    become: [
      "+ 2026-01 without a cloud it is the only copy",
      "+ 2026-02 without a cloud it is the only copy",
      "+ 2026-03 of the newest 2 chains",
      "+ 2026-04 of the newest 2 chains",
      "+ 2026-05 of the newest 2 chains",
    ],
  },
  {
    name: "what both would let go stays in both",
    server: chains(1),
    bucket: chains(2),
    become: [
      "+ 2026-01 the rules of both places would let it go, and the last copy never goes",
      "+ 2026-02 the rules of both places would let it go, and the last copy never goes",
      "- 2026-03 older than the newest chain",
      "- 2026-04 older than the newest chain",
      "+ 2026-05 of the newest chain",
    ],
  },
  ...(["missing", "damaged", "unknown"] as const).map((standing) => ({
    name: `the bucket's copy of an increment is ${standing}: its chain stays, and no other`,
    server: chains(1),
    but: [`2026-02: bucket ${standing}`],
    become: [
      `+ 2026-01 the copy of 2026-02 in the bucket is ${standing}, and a chain goes whole or not at all`,
      `+ 2026-02 the copy of 2026-02 in the bucket is ${standing}, and a chain goes whole or not at all`,
      "- 2026-03 older than the newest chain",
      "- 2026-04 older than the newest chain",
      "+ 2026-05 of the newest chain",
    ],
  })),
  {
    name: "cut off half way: the rest goes as well, and what is damaged here",
    server: chains(2),
    but: ["2026-02: server missing", "2026-01: server damaged"],
    become: [
      "- 2026-01 older than the newest 2 chains",
      "+ 2026-03 of the newest 2 chains",
      "+ 2026-04 of the newest 2 chains",
      "+ 2026-05 of the newest 2 chains",
    ],
  },
  {
    name: "what is not known to stand here is not spoken of",
    server: chains(2),
    but: ["2026-01: server unknown", "2026-02: server unknown"],
    become: [
      "+ 2026-03 of the newest 2 chains",
      "+ 2026-04 of the newest 2 chains",
      "+ 2026-05 of the newest 2 chains",
    ],
  },
  {
    name: "a lock of one object keeps its chain",
    at: "bucket",
    bucket: chains(1),
    locked: "2026-04",
    become: [
      "- 2026-01 older than the newest chain",
      "- 2026-02 older than the newest chain",
      "+ 2026-03 2026-04 is locked, and a chain goes whole or not at all",
      "+ 2026-04 2026-04 is locked, and a chain goes whole or not at all",
      "+ 2026-05 of the newest chain",
    ],
  },
];

for (const { name, server = ALL, bucket = ALL, but = [], locked, at = "server", become } of ARTIFACTS)
  test(`artifacts: ${name}`, () => {
    const all = history(FIVE);
    const fates = artifactFates(at, {
      all,
      rules: artifactRules({ server, bucket }, all),
      copies: (of) => {
        const found: Record<string, CopyState | "undeclared"> = {
          server: "whole",
          bucket: bucket === null ? "undeclared" : "whole",
        };
        for (const each of but) {
          const [, which = "", place = "", standing = ""] = /^(\S+): (\S+) (\S+)$/.exec(each) ?? [];
          if (which === of) found[place] = standing as CopyState;
        }
        return found as unknown as Copies;
      },
      locked: (of) => (of === locked ? `${of} is locked` : null),
    });
    assert.deepEqual(inWords(fates), become);
  });

test("what a rule lets go is not wanted there; without a cloud all of it is wanted on the server", () => {
  const all = history(FIVE);
  const wanted = (bucket: KeepRule | null, place: "server" | "bucket") =>
    all
      .filter((row) => isWanted(artifactRules({ server: chains(1), bucket }, all), row.label, place))
      .map((row) => row.label);
  assert.deepEqual(wanted(ALL, "server"), ["2026-05"]);
  assert.equal(wanted(ALL, "bucket").length, 5);
  // both limited: neither asks for what both let go, wherever a copy of it still stands
  assert.deepEqual(wanted(chains(2), "bucket"), ["2026-03", "2026-04", "2026-05"]);
  assert.equal(wanted(null, "server").length, 5);
});

for (const [name, rule, held, become] of [
  [
    "all",
    ALL,
    {},
    [
      "+ 2026-01 everything is kept there",
      "+ 2026-02 everything is kept there",
      "+ 2026-05 parent of the next increment",
    ],
  ],
  [
    "the newest",
    last(1),
    {},
    [
      "- 2026-01 older than the newest 1",
      "- 2026-02 older than the newest 1",
      "+ 2026-05 parent of the next increment",
    ],
  ],
  [
    "the newest labels, whether they stand or not",
    last(4),
    {},
    [
      "- 2026-01 older than the newest 4",
      "+ 2026-02 one of the newest 4",
      "+ 2026-05 parent of the next increment",
    ],
  ],
  [
    "what can't be made again stays",
    last(1),
    { "2026-01": "it can't be made again" },
    [
      "+ 2026-01 it can't be made again",
      "- 2026-02 older than the newest 1",
      "+ 2026-05 parent of the next increment",
    ],
  ],
] as const)
  test(`snapshots: ${name}`, () => {
    const fates = snapshotFates({
      rule,
      all: history(FIVE),
      standing: new Set(["2026-01", "2026-02", "2026-05"].map(label)),
      held: (at) => (held as Record<string, string>)[at] ?? null,
    });
    assert.deepEqual(inWords(fates), become);
  });

test("rules that can let nothing go, or only a last copy, are told with their keys", () => {
  const told = (serverArtifacts: KeepRule, cloudArtifacts: KeepRule, cloud: boolean) =>
    ruleProblems({ serverArtifacts, cloudArtifacts }, cloud).map(({ text }) => text("R"));
  assert.deepEqual(told(chains(1), ALL, true), []);
  assert.deepEqual(told(ALL, last(1), true), []);
  assert.deepEqual(told(ALL, ALL, false), []);
  assert.match(told(chains(1), last(3), true).join(), /^R\.server_artifacts and R\.cloud_artifacts are both/);
  assert.match(told(chains(1), ALL, false).join(), /^R\.server_artifacts lets nothing go: no cloud/);
  assert.match(told(ALL, last(3), false).join(), /^R\.cloud_artifacts lets nothing go: no cloud/);
});

/** A manifest of so many months, with an anchor every so often. */
const months = (count: number, anchorEvery: number): Manifest =>
  history(
    Array.from({ length: count }, (_, at) => {
      const month = `${2024 + Math.floor(at / 12)}-${String((at % 12) + 1).padStart(2, "0")}`;
      return `${month} ${at % anchorEvery === 0 ? "full 100" : "incr 10"}`;
    }).join(", "),
  );

const ARTIFACT_RULES = [ALL, last(1), last(3), chains(1), chains(2)];
const named = (rule: KeepRule): string => (rule.kind === "all" ? "all" : `${rule.kind} ${rule.count}`);

test("36 months of every combination of rules: what is kept is what the rule says, and every label is made again", () => {
  for (const anchorEvery of [12, 6])
    for (const server of ARTIFACT_RULES)
      for (const bucket of [...ARTIFACT_RULES, null]) simulate(server, bucket, anchorEvery);
});

function simulate(server: KeepRule, bucket: KeepRule | null, anchorEvery: number): void {
  const what = `server ${named(server)}, bucket ${bucket === null ? "none" : named(bucket)}, anchors every ${anchorEvery}`;
  const places = { server: new Set<Label>(), bucket: new Set<Label>() };
  const all = months(36, anchorEvery);
  for (let month = 1; month <= all.length; month += 1) {
    const rows = all.slice(0, month);
    const rules = artifactRules({ server, bucket }, rows);
    const newest = rows.at(-1)?.label;
    assert(newest !== undefined);
    // made, and then whatever is wanted is fetched and sent, as every run does
    places.server.add(newest);
    for (const { label: at } of rows) {
      if (bucket !== null && places.server.has(at) && isWanted(rules, at, "bucket")) places.bucket.add(at);
      if (places.bucket.has(at) && isWanted(rules, at, "server")) places.server.add(at);
    }
    const copies = (at: Label): Copies => ({
      server: places.server.has(at) ? "whole" : "missing",
      bucket: bucket === null ? "undeclared" : places.bucket.has(at) ? "whole" : "missing",
    });
    const letGo = (["server", "bucket"] as const).map(
      (place) => [place, artifactFates(place, { all: rows, rules, copies, locked: () => null })] as const,
    );
    for (const [place, fates] of letGo)
      for (const { label: at, kept } of fates) if (!kept) assert(places[place].delete(at));
    const at = `${what}, month ${month}`;
    for (const row of rows) {
      const chain = restoreChain({
        rows,
        label: row.label,
        copies: (of) => copies(of.label),
        hydrated: known(new Set()),
      });
      assert.equal(chain?.restorable, true, `${row.label} can't be made again: ${at}`);
    }
    const [byServer, byBucket] = [
      keptByRule(server, rows),
      bucket === null ? null : keptByRule(bucket, rows),
    ];
    for (const { label: each } of rows) {
      const [s, b] = [byServer.has(each), byBucket?.has(each) ?? false];
      if (s) assert(places.server.has(each), `the server lacks ${each}: ${at}`);
      if (b) assert(places.bucket.has(each), `the bucket lacks ${each}: ${at}`);
      if (!s && b) assert(!places.server.has(each), `the server still has ${each}: ${at}`);
      if (!b && s && bucket !== null) assert(!places.bucket.has(each), `the bucket still has ${each}: ${at}`);
    }
  }
}
