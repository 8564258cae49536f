import assert from "node:assert/strict";
import { test } from "node:test";
import type { RetentionSpec } from "../../src/desired-state/desired-state.ts";
import type { Label } from "../../src/domain/label.ts";
import type { KeepRule } from "../../src/domain/retention.ts";
import { desired } from "../reconcilers/world.ts";
import { planOf } from "./look.ts";
import { chainTo, keptByRule } from "./rules.ts";
import { happen } from "./run.ts";
import { copiesLeft, newWorld, type World } from "./world.ts";

const ALL: KeepRule = { kind: "all" };
const last = (count: number): KeepRule => ({ kind: "last", count });
const chains = (count: number): KeepRule => ({ kind: "chains", count });
const BEGINNING = new Date("2024-01-15T12:00:00Z");
const MONTHS = 36;

/** Snapshots on both machines, and artifacts on the server and in the bucket; null for no cloud. */
const POLICIES: readonly (readonly [KeepRule, KeepRule, KeepRule | null])[] = [
  [ALL, ALL, ALL],
  [last(1), chains(1), ALL],
  [last(3), chains(2), ALL],
  [last(1), last(1), ALL],
  [last(3), ALL, chains(1)],
  [last(1), ALL, last(3)],
  [last(3), chains(1), chains(2)],
  [last(1), chains(2), null],
];

const named = (rule: KeepRule | null): string =>
  rule === null ? "no bucket" : rule.kind === "all" ? "all" : `${rule.kind} ${rule.count}`;

for (const [index, [snapshots, server, bucket]] of POLICIES.entries())
  test(`36 months, snapshots ${named(snapshots)}, server ${named(server)}, bucket ${named(bucket)}`, () => {
    const retention: RetentionSpec = {
      workstationSnapshots: snapshots,
      serverSnapshots: snapshots,
      serverArtifacts: server,
      cloudArtifacts: bucket ?? ALL,
      auto: index % 2 === 0,
    };
    const state = desired(bucket !== null);
    const [spec] = state.datasets;
    assert(spec !== undefined);
    const anchor = { maxAgeMonths: index % 2 === 0 ? 12 : 6, maxIncrementalRatio: 1000 };
    const world = newWorld(state, { ...spec, anchor, retention }, BEGINNING);
    for (let month = 0; month < MONTHS; month += 1) {
      // now and then nobody approves; what that leaves goes the next time
      const approve = month % 5 !== 3;
      const before = standing(world);
      const ran = happen(world, {
        kind: "backup",
        periods: 1,
        anchorBytes: 100,
        incrementBytes: 10,
        approve,
        steps: null,
      });
      assert(ran !== null && (ran.whole || !approve), `month ${month} does not come to its end`);
      assert.equal(ran.plan?.actions.filter(({ kind }) => kind === "artifact").length, 1);
      const after = standing(world);
      if (!approve && !retention.auto) {
        for (const [place, labels] of Object.entries(before))
          for (const label of labels) assert(after[place]?.has(label), `${label} is gone unasked: ${place}`);
        continue;
      }
      keepsWhatItShould(world, retention, bucket !== null, after);
      assert.deepEqual(planOf(world, { restore: null }).actions, []);
    }
  });

/** By place, the labels of what stands there. */
function standing({ spec, ws, ls, bucket }: World): Record<string, Set<string>> {
  const labelsIn = (names: Iterable<string>) =>
    new Set([...names].flatMap((name) => new RegExp(`${spec.name}@([0-9-]+)`).exec(name)?.[1] ?? []));
  return {
    workstation: labelsIn(ws.snapshots.keys()),
    hydrated: labelsIn(ls.hydrated.keys()),
    server: labelsIn(ls.files.keys()),
    bucket: labelsIn([...bucket.keys()].filter((key) => key.includes("/artifacts/"))),
  };
}

function keepsWhatItShould(
  world: World,
  retention: RetentionSpec,
  cloud: boolean,
  now: Record<string, Set<string>>,
): void {
  const rows = world.ls.manifest ?? [];
  const labels = rows.map(({ label }) => label);
  const [server, bucket] = [retention.serverArtifacts, retention.cloudArtifacts].map((rule) =>
    keptByRule(rule, rows),
  ) as [Set<Label>, Set<Label>];
  const both = (label: Label) => !server.has(label) && !bucket.has(label);
  const should = {
    workstation: keptSnapshots(retention.workstationSnapshots, labels),
    hydrated: keptSnapshots(retention.serverSnapshots, labels),
    server: labels.filter((label) => !cloud || server.has(label)),
    bucket: labels.filter((label) => cloud && bucket.has(label)),
  };
  for (const [place, kept] of Object.entries(should)) {
    const more = [...(now[place] ?? [])].filter((label) => !kept.includes(label as Label));
    // of what neither rule keeps a copy stays wherever one stood
    assert.deepEqual(
      more.filter((label) => !both(label as Label)),
      [],
      place,
    );
    assert.deepEqual(
      kept.filter((label) => now[place]?.has(label) !== true),
      [],
      place,
    );
  }
  for (const label of labels)
    for (const row of chainTo([...rows], label))
      assert(
        copiesLeft(world, row).some((copy) => copy.endsWith("artifact") || copy === "the bucket"),
        `${label} can't be made again for want of ${row.label}`,
      );
}

const keptSnapshots = (rule: KeepRule, labels: readonly Label[]): Label[] =>
  rule.kind === "last" ? labels.slice(-rule.count) : [...labels];
