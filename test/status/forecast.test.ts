import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import { type Fact, known, unknown } from "../../src/domain/fact.ts";
import type { JournalRun } from "../../src/domain/journal.ts";
import type { Manifest } from "../../src/domain/manifest.ts";
import type { DrillProof } from "../../src/domain/proof.ts";
import { monthlyCostUsd } from "../../src/status/cloud.ts";
import { growthPerLabel, monthsLeft, nextAnchor, typicalIncrement } from "../../src/status/forecast.ts";
import { history, label } from "../domain/history.ts";
import { desired, SRV, taken } from "../reconcilers/world.ts";
import { type Given, NOW, statusIn, world } from "./states.ts";

const SPEC = desired().datasets[0] ?? assert.fail();
const spec = (some: Partial<DatasetSpec> = {}): DatasetSpec => ({ ...SPEC, ...some });
const LAST: DatasetSpec["retention"] = { ...SPEC.retention, serverSnapshots: { kind: "last", count: 2 } };

describe("the next anchor", () => {
  const rows: readonly {
    name: string;
    given: Given;
    label: string | null;
    by: string | null;
    because?: RegExp;
  }[] = [
    { name: "the first", given: { rows: "" }, label: "2026-06", by: "first" },
    { name: "by age", given: { rows: "2026-01 full 1000, 2026-02 incr 9" }, label: "2027-01", by: "age" },
    {
      name: "by age, and due now",
      given: { rows: "2025-05 full 1000, 2026-05 incr 9" },
      label: "2026-06",
      by: "age",
    },
    {
      name: "by growth: 40 + 30 + 30 reach 100, the one after that is an anchor",
      given: { rows: "2026-03 full 100, 2026-04 incr 40, 2026-05 incr 20" },
      label: "2026-08",
      by: "growth",
      because: /^at 30 B a label, increments have then outgrown 2026-03 \(100 B\)$/,
    },
    {
      name: "by growth, and due now",
      given: { rows: "2026-03 full 100, 2026-04 incr 60, 2026-05 incr 50" },
      label: "2026-06",
      by: "growth",
    },
    {
      name: "the parent is gone",
      given: { rows: "2026-04 full 100, 2026-05 incr 20", change: { snapshots: taken("2026-04") } },
      label: "2026-06",
      by: "parent-gone",
      because: /dev@2026-05 is gone from ws/,
    },
    {
      name: "a workstation that is away has lost nothing",
      given: { rows: "2026-04 full 100, 2026-05 incr 5", away: "no answer" },
      label: "2027-04",
      by: "age",
    },
    {
      name: "every label",
      given: { rows: "2026-05 full 100", spec: { anchor: { maxAgeMonths: 1, maxIncrementalRatio: 1 } } },
      label: "2026-06",
      by: "age",
    },
  ];
  for (const { name, given, because, ...expected } of rows)
    test(name, () => {
      const found = statusIn(given).datasets[0]?.nextAnchor ?? assert.fail();
      assert.deepEqual({ label: found.label, by: found.by }, expected, found.because);
      if (because !== undefined) assert.match(found.because, because);
    });

  test("daily, with an anchor a decade: none in sight is said, and soon", () => {
    const daily = spec({ cadence: "daily", anchor: { maxAgeMonths: 600, maxIncrementalRatio: 1e9 } });
    const manifest = history("2026-05-31 full 100, 2026-06-01 incr 1");
    assert.equal(nextAnchor(daily, manifest, [], label("2026-06-01")).label, null);
  });
});

describe("room", () => {
  const anchorIn = (at: string) => ({ label: label(at), by: "age", because: "" }) as const;
  const grown = (rows: string, next: string, some: Partial<DatasetSpec> = {}) =>
    growthPerLabel(spec({ retention: LAST, ...some }), history(rows), anchorIn(next));

  test("the median of the last six increments", () => {
    const manifest: Manifest = history(
      "2026-01 full 9, 2026-02 incr 900, 2026-03 incr 1, 2026-04 incr 2, 2026-05 incr 3, 2026-06 incr 4, 2026-07 incr 5, 2026-08 incr 6",
    );
    assert.equal(typicalIncrement(manifest), 4);
    assert.equal(typicalIncrement(history("2026-01 full 9")), null);
    assert.equal(typicalIncrement(history("2026-01 full 9, 2026-02 incr 3")), 3);
  });

  test("an increment and the anchor's share; twice where every hydrated snapshot is kept", () => {
    assert.equal(grown("2026-01 full 120, 2026-02 incr 12", "2027-01"), 21);
    assert.equal(grown("2026-01 full 120, 2026-02 incr 12", "2027-01", { retention: SPEC.retention }), 42);
    assert.equal(grown("2026-01 full 120", "2027-01"), null);
    assert.equal(grown("2026-01 full 120", "2026-02"), 120);
    assert.equal(growthPerLabel(spec(), [], { label: label("2026-01"), by: "first", because: "" }), null);
  });

  test("for how long: what is spared counts for nothing, and a quota may leave less than the disk", () => {
    const MIB = 2 ** 20;
    const place = { ...SRV, freeBytes: 164 * MIB, quota: null };
    assert.equal(monthsLeft(place, 10 * MIB, "monthly"), 10);
    assert.equal(monthsLeft(place, 10 * MIB, "weekly"), 2.3);
    assert.equal(
      monthsLeft({ ...place, quota: { limitBytes: 0, leftBytes: 84 * MIB } }, 10 * MIB, "monthly"),
      2,
    );
    assert.equal(monthsLeft({ ...place, freeBytes: 1 }, 10, "monthly"), 0);
    for (const nothing of [
      monthsLeft(null, 10, "monthly"),
      monthsLeft(place, null, "monthly"),
      monthsLeft(place, 0, "monthly"),
    ])
      assert.equal(nothing, null);
  });
});

test("what R2 costs: 10 GB are free, a begun GB counts whole; of another store no price is known", () => {
  const cloud = (endpoint: string) => ({ ...(desired().cloud ?? assert.fail()), endpoint });
  const r2 = cloud("https://0123.r2.cloudflarestorage.com");
  const costs: readonly (readonly [number, number])[] = [
    [0, 0],
    [10e9, 0],
    [10e9 + 1, 0.015],
    [110e9, 1.5],
  ];
  for (const [bytes, usd] of costs) assert.equal(monthlyCostUsd(r2, bytes), usd);
  assert.equal(monthlyCostUsd(cloud("https://0123.eu.r2.cloudflarestorage.com"), 20e9), 0.15);
  assert.equal(monthlyCostUsd(cloud("https://r2.cloudflarestorage.com.example.org"), 20e9), null);
});

const GOOD_AHEAD = { at: new Date("2036-01-01T00:00:00Z"), result: "same" } as const;

test("drills: the newest good one says how long a restore takes, the newest bad one is in doubt", () => {
  const proof = (day: string, result: DrillProof["result"]): DrillProof => ({
    label: label("2026-05"),
    at: new Date(`${day}T04:00:00Z`),
    result,
    durationMs: 600_000,
    tree: { files: 3, bytes: 99 },
    artifacts: { count: 1, bytes: 10 },
    why: result === "differs" ? ["notes/a: another content", "and 3 more"] : [],
  });
  const of = (...proofs: DrillProof[]) =>
    statusIn({
      rows: "2026-05 full 100, 2026-06 incr 12",
      change: { drills: known({ proofs, left: false }) },
    }).datasets[0] ?? assert.fail();
  const none = of();
  assert.deepEqual([none.restore, none.drills], [{ estimateMs: null, because: "no drill yet" }, []]);
  const good = of(proof("2026-05-01", "same"));
  assert.deepEqual(good.restore, { estimateMs: 600_000, because: "as the drill of 2026-05 took" });
  assert.equal(good.verdict, "well");
  const bad = of(proof("2026-05-01", "restored"), proof("2026-05-31", "differs"));
  assert.equal(bad.restore.estimateMs, 600_000);
  assert.deepEqual(
    bad.drills?.map(({ result, why }) => [result, why]),
    [
      ["restored", "there was no fingerprint to compare it with"],
      ["failed", "notes/a: another content"],
    ],
  );
  assert.deepEqual(bad.because, [
    "ls: the drill of 2026-05 on 2026-05-31 did not restore what was backed up: notes/a: another content",
  ]);
  // neither an older label nor one whose clock ran ahead answers for it
  const failed = { ...proof("2026-05-01", "differs"), label: label("2026-06") };
  for (const beside of [proof("2026-05-31", "same"), { ...failed, ...GOOD_AHEAD }])
    assert.equal(of(failed, beside).verdict, "in-doubt");
  assert.equal(of(failed, { ...failed, ...GOOD_AHEAD }).drills?.length, 1);
  const unread = statusIn({ rows: "2026-06 full 100", change: { drills: unknown("no") } }).datasets[0];
  assert.deepEqual([unread?.drills, unread?.restore.because], [null, "not known"]);
});

test("applies: the newest fifty, newest last, with their age", () => {
  const run = (at: number): JournalRun => ({
    startedAt: new Date(Date.UTC(2026, 4, 1, 0, at)).toISOString(),
    who: "chuck@ws",
    result: "done",
    durationMs: 1,
    planned: 1,
    done: 1,
    failed: null,
    why: null,
    exitCode: 0,
  });
  const of = (journal: Fact<readonly JournalRun[]>) =>
    statusIn({ rows: "2026-06 full 100", change: { journal } }).datasets[0]?.applies;
  const runs = Array.from({ length: 60 }, (_, at) => run(at));
  const applies = of(known(runs)) ?? assert.fail();
  assert.deepEqual(
    applies.map(({ startedAt }) => startedAt),
    runs.slice(10).map(({ startedAt }) => startedAt),
  );
  assert.equal(applies.at(-1)?.ageMs, Date.parse(NOW) - Date.UTC(2026, 4, 1, 0, 59));
  assert.equal(of(unknown("it was not asked")), null);
});

test("due: what the desired state lets through waits for nobody", () => {
  const hazards = (auto: boolean) =>
    statusIn({
      rows: "2026-04 full 100, 2026-05 incr 10, 2026-06 incr 12",
      spec: { retention: { ...LAST, auto } },
    }).datasets[0]?.due.map(({ id, hazard }) => [id.split(":")[0], hazard]);
  const waiting = hazards(false) ?? assert.fail();
  assert.ok(waiting.length > 0, "nothing is let go");
  assert.ok(
    waiting.every(([, hazard]) => hazard === "destructive"),
    JSON.stringify(waiting),
  );
  assert.deepEqual(
    hazards(true),
    waiting.map(([kind]) => [kind, "none"]),
  );
});

test("a row whose clock ran years ahead is in doubt, and no younger than its period", () => {
  const rows = "2026-01 full 100, 2026-02 incr 10";
  const manifest = world({ rows }).facts.manifest;
  if (manifest.kind !== "known" || manifest.value.reading.kind !== "valid") return assert.fail();
  const { value } = manifest;
  const [first, last] = manifest.value.reading.rows;
  if (first === undefined || last === undefined) return assert.fail();
  const lastDated = (ts: string) => {
    const reading = { kind: "valid" as const, rows: [first, { ...last, ts }] };
    const { datasets } = statusIn({ rows, change: { manifest: known({ ...value, reading }) } });
    return datasets[0] ?? assert.fail();
  };
  const ahead = lastDated("2026-06-11T14:00:00.000Z");
  assert.deepEqual(ahead.overdue, {
    isOverdue: true,
    allowed: "40 days",
    since: "2026-04-11T00:00:00.000Z",
  });
  assert.match(ahead.because[1] ?? "", /^2026-02 is dated 10 d 2 h ahead of now: .* ran ahead/);
  // two clocks are never the same
  assert.deepEqual(lastDated("2026-06-01T12:04:00.000Z").doubts, []);
});
