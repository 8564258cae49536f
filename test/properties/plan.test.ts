import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DesiredState, RetentionSpec } from "../../src/desired-state/desired-state.ts";
import { known, unknown } from "../../src/domain/fact.ts";
import type { Cadence } from "../../src/domain/label.ts";
import type { AbsolutePath, DatasetName } from "../../src/domain/names.ts";
import type { Action, Plan } from "../../src/plan/plan.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import type { DatasetFacts, Observation } from "../../src/reconcilers/facts.ts";
import { planJson } from "../../src/report/plan-json.ts";
import { desired } from "../reconcilers/world.ts";
import { check } from "./checking.ts";
import {
  cadenceArbitrary,
  type Happening,
  historyArbitrary,
  inWords,
  retentionArbitrary,
} from "./happenings.ts";
import { type Asked, look, planOf, Refused, requestOf } from "./look.ts";
import { toReceive } from "./rules.ts";
import { happen, live, wellFormed } from "./run.ts";
import { newWorld, type World } from "./world.ts";

const BEGINNING = new Date("2026-01-05T12:00:00Z");
const WHOLE: Happening = {
  kind: "backup",
  periods: 1,
  anchorBytes: 100,
  incrementBytes: 10,
  approve: true,
  steps: null,
};
const LATEST: Happening = { kind: "restore", back: -1, approve: true, steps: null };

interface Case {
  readonly cadence: Cadence;
  readonly cloud: boolean;
  /** Left out: everything is kept. */
  readonly retention?: RetentionSpec;
  readonly history: readonly Happening[];
}

const cases = (longest = 12): fc.Arbitrary<Case> =>
  fc.record({
    cadence: cadenceArbitrary,
    cloud: fc.boolean(),
    retention: retentionArbitrary,
    history: historyArbitrary(longest),
  });
const words = ({ cadence, cloud, retention, history }: Case): string[] => [
  `${cadence}, ${cloud ? "with" : "without"} a bucket, ${JSON.stringify(retention)}`,
  ...history.map(inWords),
];

const STATES = { with: desired(true), without: desired(false) };

function worldOf({ cadence, cloud, retention }: Case): World {
  const state = cloud ? STATES.with : STATES.without;
  const [spec] = state.datasets;
  if (spec === undefined) throw new RangeError("no dataset");
  const anchor = { maxAgeMonths: 4, maxIncrementalRatio: 1 };
  return newWorld(state, { ...spec, cadence, anchor, retention: retention ?? spec.retention }, BEGINNING);
}

test("whatever happens: rows stay, chains are complete, no copy is taken away, and a whole run leaves nothing to do", (context) => {
  let [whole, all] = [0, 0];
  check(context, cases(), words, (one) => {
    const ran = live(worldOf(one), one.history).filter((run) => run !== null);
    whole += ran.filter((run) => run.whole).length;
    all += ran.length;
  });
  context.diagnostic(`${all} runs, ${whole} of them to their end`);
  assert(whole > all / 10, "hardly any run comes to its end");
});

test("after a backup nothing is in the way of the next, which is an increment where the rule allows it", (context) =>
  check(context, cases(6), words, (one) => {
    const world = worldOf(one);
    live(world, one.history);
    const [first, second] = [happen(world, WHOLE), happen(world, WHOLE)];
    if (first?.whole !== true) return;
    assert.deepEqual(second?.plan?.problems, []);
    assert(second.whole, "the next backup does not come to its end");
  }));

test("what the bucket and the recovery identity have brings a wiped server or workstation, or both, back", (context) =>
  check(
    context,
    fc.record({
      cadence: cadenceArbitrary,
      months: fc.integer({ min: 1, max: 7 }),
      lost: fc.subarray(
        [
          "the server is wiped",
          "the workstation is wiped",
          "the controller forgets all that it has seen",
        ] as const,
        { minLength: 1 },
      ),
    }),
    ({ cadence, months, lost }) => [cadence, `${months} backups`, ...lost],
    ({ cadence, months, lost }) => {
      const world = worldOf({ cadence, cloud: true, history: [] });
      for (let month = 0; month < months; month++) assert(happen(world, WHOLE)?.whole);
      const before = [...(world.ls.manifest ?? [])];
      for (const what of lost) happen(world, { kind: "mishap", what, back: 0 });
      const restored = happen(world, LATEST);
      assert.deepEqual(restored?.plan?.problems, []);
      assert(restored.whole, "the restore does not come to its end");
      assert.deepEqual(world.ls.manifest, before);
      const target = before.at(-1)?.label;
      assert.equal(world.ws.source.parentUuid !== null || !lost.includes("the workstation is wiped"), true);
      const again = happen(world, WHOLE);
      assert(again?.whole, "the next backup does not come to its end");
      const row = world.ls.manifest?.at(-1);
      const made = planParent(again.plan, row?.label);
      assert(made === target || made === null, `it builds on ${made}`);
    },
  ));

test("a restore receives and fetches what is missing, and nothing else", (context) =>
  check(context, cases(8), words, (one) => {
    const world = worldOf(one);
    live(world, one.history);
    for (const { label } of world.ls.manifest ?? []) {
      const plan = tried(world, { restore: label });
      if (plan === null || plan.problems.length > 0) continue;
      const rows = world.ls.manifest ?? [];
      const complete = (at: string) => {
        const there = world.ls.hydrated.get(`${world.spec.name}@${at}`);
        return (
          there?.readOnly === true &&
          there.receivedUuid !== null &&
          !there.receiving &&
          there.damaged !== true
        );
      };
      const wanted = toReceive(rows, label, complete).map((row) => row.label);
      const labelled = (kind: string) => plan.actions.filter((action) => action.kind === kind);
      assert.deepEqual(
        labelled("hydrate").map((action) => action.label),
        wanted,
        label,
      );
      for (const fetch of labelled("fetch"))
        assert(
          fetch.label !== null && wanted.includes(fetch.label),
          `${fetch.id} is not needed for ${label}`,
        );
    }
  }));

test("the same facts give the same plan, in whatever order a machine lists them", (context) =>
  check(context, cases(8), words, (one) => {
    const world = worldOf(one);
    live(world, one.history);
    for (const asked of [{ restore: null }, { restore: "latest" }] as const) {
      const seen = looked(world, asked);
      if (seen === null) continue;
      const from = (other: Observation) => planJson(planFrom(world.desired, other, requestOf(world, asked)));
      assert.deepEqual(from(structuredClone(seen)), from(seen));
      assert.deepEqual(from(turnedRound(seen) as Observation), from(seen));
    }
  }));

test("what could not be looked at makes nothing hazardous, and nothing whole is sent for it", (context) =>
  check(
    context,
    fc.record({
      one: cases(8),
      hidden: fc.uniqueArray(fc.nat({ max: 30 }), { minLength: 1, maxLength: 4 }),
    }),
    ({ one, hidden }) => [...words(one), `unknown: ${hiddenNames(worldOf(one), hidden).join(", ")}`],
    ({ one, hidden }) => {
      const world = worldOf(one);
      live(world, one.history);
      for (const asked of [{ restore: null }, { restore: "latest" }] as const) {
        const seen = looked(world, asked);
        if (seen === null) continue;
        const request = requestOf(world, asked);
        const [open, blind] = [
          planFrom(world.desired, seen, request),
          planFrom(world.desired, hide(world, seen, hiddenNames(world, hidden)), request),
        ];
        wellFormed(blind);
        // while there is a problem nothing is applied
        if (blind.problems.length > 0) continue;
        for (const action of blind.actions) {
          const twin = open.actions.find(({ id }) => id === action.id);
          if (action.hazard === "none" && action.change !== "delete" && !isFullSend(action)) continue;
          assert(
            twin !== undefined && twin.hazard === action.hazard && isFullSend(twin) === isFullSend(action),
            `${action.id} (${action.hazard}, ${action.reason}) rests on what is not known`,
          );
          const goes = ({ assumes: { letGo = "" } }: Action) => String(letGo).split(" ");
          for (const label of goes(action)) assert(goes(twin).includes(label), `${label} goes unseen`);
        }
      }
    },
  ));

test("datasets do not depend on their order, or on each other", (context) =>
  check(
    context,
    fc.tuple(cases(5), cases(5)),
    ([one, other]) => ["the first dataset:", ...words(one), "the second:", ...words(other)],
    ([one, other]) => {
      const [first, second] = [
        worldOf({ ...one, cloud: true }),
        secondOf(worldOf({ ...other, cloud: true })),
      ];
      live(first, one.history);
      live(second, other.history);
      // one machine of each role, one clock
      second.now = first.now;
      for (const side of ["ws", "ls"] as const) second[side].tools = first[side].tools;
      const asked = { restore: null };
      const together = (worlds: readonly World[]): Plan => {
        const state: DesiredState = { ...first.desired, datasets: worlds.map(({ spec }) => spec) };
        const labels = new Map(worlds.flatMap((world) => [...requestOf(world, asked).labels]));
        return planFrom(state, joined(worlds), { ...requestOf(first, asked), labels });
      };
      const [forth, back] = [together([first, second]), together([second, first])];
      wellFormed(forth);
      for (const world of [first, second]) {
        const of = ({ actions }: Plan) => actions.filter(({ dataset }) => dataset === world.spec.name);
        assert.deepEqual(of(forth), of(back));
        assert.deepEqual(
          of(forth).map(({ id }) => id),
          of(planOf(world, asked)).map(({ id }) => id),
        );
      }
      assert.deepEqual(new Set(forth.problems.map(told)), new Set(back.problems.map(told)));
    },
  ));

const told = ({ dataset, code, text }: { dataset: string | null; code: string; text: string }): string =>
  `${dataset} ${code} ${text}`;

const isFullSend = ({ kind, input }: Action): boolean =>
  kind === "artifact" && (input as { parent: string | null }).parent === null;

function planParent(plan: Plan | null, label: string | undefined): string | null | undefined {
  const action = plan?.actions.find((each) => each.kind === "artifact" && each.label === label);
  return (action?.input as { parent: string | null } | undefined)?.parent;
}

const looked = (world: World, asked: Asked): Observation | null => {
  try {
    return look(world, asked);
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
};
const tried = (world: World, asked: Asked): Plan | null =>
  looked(world, asked) === null ? null : planOf(world, asked);

/** Every map and set in it the other way round. */
function turnedRound(value: unknown): unknown {
  if (value instanceof Date) return value;
  if (value instanceof Map)
    return new Map([...value].reverse().map(([key, inside]) => [key, turnedRound(inside)]));
  if (value instanceof Set) return new Set([...value].reverse());
  if (Array.isArray(value)) return value.map(turnedRound);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, turnedRound(inside)]));
}

/** The facts that can be hidden: all of a dataset's, and what is told of the bucket and by memory. */
function hiddenNames(world: World, hidden: readonly number[]): string[] {
  const { datasets } = look(newWorld(world.desired, world.spec, BEGINNING), { restore: null });
  const names = [...Object.keys(datasets.get(world.spec.name) ?? {}), "bucket", "unfinished", "memory"];
  return hidden.flatMap((at) => names[at % names.length] ?? []);
}

function hide({ spec }: World, seen: Observation, names: readonly string[]): Observation {
  const why = unknown("input/output error");
  const facts = seen.datasets.get(spec.name);
  if (facts === undefined) throw new RangeError("not observed");
  const hiddenFacts = Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [name, names.includes(name) ? why : fact]),
  ) as unknown as DatasetFacts;
  const bucket = seen.buckets?.get(spec.name);
  const seenBucket =
    names.includes("bucket") || bucket?.kind !== "known"
      ? why
      : known({ ...bucket.value, unfinished: names.includes("unfinished") ? why : bucket.value.unfinished });
  return {
    ...seen,
    datasets: new Map([[spec.name, hiddenFacts]]),
    buckets: seen.buckets === null ? null : new Map([[spec.name, seenBucket]]),
    memory: names.includes("memory") ? new Map([[spec.name, why]]) : seen.memory,
  };
}

/** The same world for a dataset of another name, in places of its own. */
function secondOf(world: World): World {
  const at = (path: string) => `${path}-two` as AbsolutePath;
  const { spec } = world;
  return newWorld(
    world.desired,
    {
      ...spec,
      name: "two" as DatasetName,
      path: at(spec.path),
      snapshots: at(spec.snapshots),
      repository: at(spec.repository),
      workingCopy: at(spec.workingCopy ?? "/srv/work"),
    },
    world.now,
  );
}

function joined(worlds: readonly World[]): Observation {
  const [first, ...others] = worlds.map((world) => look(world, { restore: null }));
  if (first === undefined) throw new RangeError("no world");
  const all = <Value>(of: (seen: Observation) => ReadonlyMap<DatasetName, Value>) =>
    new Map([first, ...others].flatMap((seen) => [...of(seen)]));
  return {
    ...first,
    datasets: all(({ datasets }) => datasets),
    buckets: all(({ buckets }) => buckets ?? new Map()),
    recovered: all(({ recovered }) => recovered),
    memory: all(({ memory }) => memory),
  };
}
