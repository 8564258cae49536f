import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareLabels } from "../../src/domain/label.ts";
import { chainOf } from "../../src/domain/lineage.ts";
import { jsonLine } from "../../src/domain/printable.ts";
import { statusLine, statusText } from "../../src/report/status-text.ts";
import { PLACES, type Status } from "../../src/status/status.ts";
import { statusOf } from "../../src/status/status-of.ts";
import { desired } from "../reconcilers/world.ts";
import { check } from "./checking.ts";
import { cadenceArbitrary, type Happening, historyArbitrary, inWords } from "./happenings.ts";
import { look, planOf, requestOf } from "./look.ts";
import { happen, live } from "./run.ts";
import { newWorld, type World } from "./world.ts";

const BACKUP = { restore: null };
const WHOLE: Happening = {
  kind: "backup",
  periods: 1,
  anchorBytes: 100,
  incrementBytes: 10,
  approve: true,
  steps: null,
};
const STATES = { with: desired(true), without: desired(false) };

const cases = fc.record({
  cadence: cadenceArbitrary,
  cloud: fc.boolean(),
  history: historyArbitrary(10),
});
type Case = typeof cases extends fc.Arbitrary<infer One> ? One : never;
const words = ({ cadence, cloud, history }: Case): string[] => [
  `${cadence}, ${cloud ? "with" : "without"} a bucket`,
  ...history.map(inWords),
];

function worldOf({ cadence, cloud }: Case): World {
  const state = cloud ? STATES.with : STATES.without;
  const [spec = assert.fail()] = state.datasets;
  const anchor = { maxAgeMonths: 4, maxIncrementalRatio: 1 };
  return newWorld(state, { ...spec, cadence, anchor }, new Date("2026-01-05T12:00:00Z"));
}
const statusIn = (world: World): Status =>
  statusOf(world.desired, look(world, BACKUP), requestOf(world, BACKUP));

test("whatever has happened, the status can be told, of every label once, in 80 columns", (context) => {
  const verdicts = new Map<string, number>();
  check(context, cases, words, (one) => {
    const world = worldOf(one);
    live(world, one.history);
    const status = statusIn(world);
    verdicts.set(status.verdict, (verdicts.get(status.verdict) ?? 0) + 1);
    assert.deepEqual(JSON.parse(jsonLine(status)), status);
    const [dataset = assert.fail()] = status.datasets;
    const labels = dataset.history.flatMap((entry) => (entry.kind === "label" ? [entry.label] : []));
    assert.deepEqual(labels, [...new Set(labels)].sort(compareLabels));
    for (const { label } of world.ls.manifest ?? []) assert(labels.includes(label), `${label} is left out`);
    for (const verbose of [true, false]) {
      const text = statusText(status, { color: false, width: 80, verbose });
      for (const line of text.split("\n")) assert(line.length <= 80 || line.startsWith("  next: "), line);
    }
    assert.match(statusLine(status), /^(well|overdue|in doubt): [^\n]+\n$/);
  });
  context.diagnostic(JSON.stringify(Object.fromEntries(verdicts)));
  assert(verdicts.size > 1, "all of them come to one verdict");
});

test("what is well stands in no plan's way, and every label of it can be made again", (context) =>
  check(context, cases, words, (one) => {
    const world = worldOf(one);
    live(world, one.history);
    if (statusIn(world).verdict !== "well") return;
    assert.deepEqual(planOf(world, BACKUP).problems, []);
    const rows = world.ls.manifest ?? [];
    for (const { label } of rows)
      for (const { localPath, sizeBytes, objectKey } of chainOf(rows, label) ?? []) {
        const there = world.ls.files.get(localPath)?.sizeBytes === sizeBytes;
        assert(
          there || world.bucket.get(objectKey ?? "")?.sizeBytes === sizeBytes,
          `${localPath} is nowhere`,
        );
      }
  }));

test("after a backup that came to its end, its label is whole wherever it is wanted, and nothing is due", (context) =>
  check(context, cases, words, (one) => {
    const world = worldOf(one);
    live(world, one.history);
    if (happen(world, WHOLE)?.whole !== true) return;
    const [dataset = assert.fail()] = statusIn(world).datasets;
    const newest = dataset.history.at(-1);
    if (newest?.kind !== "label") return assert.fail("the newest is a gap");
    assert.equal(newest.label, dataset.newest?.label);
    for (const place of PLACES)
      assert(
        newest.places[place] === "whole" || (place === "cloud" && !one.cloud),
        `${place}: ${newest.places[place]}`,
      );
    assert.deepEqual([dataset.due, dataset.overdue.isOverdue], [[], false]);
  }));
