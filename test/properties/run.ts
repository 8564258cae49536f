import assert from "node:assert/strict";
import { compareLabels, type Label } from "../../src/domain/label.ts";
import type { ManifestRow } from "../../src/domain/manifest.ts";
import { driftOf } from "../../src/plan/drift.ts";
import type { Action, ActionId, Plan } from "../../src/plan/plan.ts";
import { newlySeen } from "../../src/reconcilers/keys/memory.ts";
import { waitingRows } from "../../src/reconcilers/manifest/store.ts";
import { carryOut, Damaged } from "./effects.ts";
import { befall, type Happening, later, STRANGERS } from "./happenings.ts";
import { type Asked, look, planOf, Refused } from "./look.ts";
import { chainTo, mustBeAnchor, standsOnBoth, toReceive } from "./rules.ts";
import { copiesLeft, type World } from "./world.ts";

/** What came of one run. */
export interface Ran {
  readonly asked: Asked;
  /** Null where there was none: the recovery identity did not open what it needs. */
  readonly plan: Plan | null;
  /** All of it was done, with nothing left out, cut off or found damaged. */
  readonly whole: boolean;
}

/** Lets a history happen; every step of it is held to what a step must never do. Null for what was no run. */
export function live(world: World, history: readonly Happening[]): (Ran | null)[] {
  return history.map((happening) => happen(world, happening));
}

export function happen(world: World, happening: Happening): Ran | null {
  if (happening.kind === "mishap") {
    befall(world, happening);
    return null;
  }
  if (happening.kind === "backup") {
    world.now = later(world, happening.periods);
    const size = (isAnchor: boolean) => (isAnchor ? happening.anchorBytes : happening.incrementBytes);
    return run(world, { restore: null }, happening, size);
  }
  const rows = world.ls.manifest ?? [];
  const label = happening.back < 0 ? "latest" : (rows.at(-1 - happening.back)?.label ?? "latest");
  return run(world, { restore: label }, happening, () => 1);
}

interface How {
  readonly approve: boolean;
  readonly steps: number | null;
}

/** As `apply` does it: each action worked out afresh, and looked after. */
function run(world: World, asked: Asked, { approve, steps }: How, size: (isAnchor: boolean) => number): Ran {
  const before = rowsKnown(world);
  const plan = planned(world, asked);
  if (plan === null || plan.problems.length > 0) return { asked, plan, whole: false };
  const out = new Set<ActionId>();
  for (const [at, action] of plan.actions.entries()) {
    if (steps !== null && at >= steps) return ended(world, { asked, plan, whole: false }, before);
    const waits = action.needs.some((need) => out.has(need));
    if (waits || (action.hazard !== "none" && action.approvedBy === undefined && !approve))
      out.add(action.id);
    else if (!carriedOut(world, asked, action, size)) out.add(action.id);
  }
  return ended(world, { asked, plan, whole: out.size === 0 }, before);
}

function planned(world: World, asked: Asked): Plan | null {
  try {
    const plan = planOf(world, asked);
    wellFormed(plan);
    remember(world, asked);
    return plan;
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}

/** False where the action found something damaged. */
function carriedOut(
  world: World,
  asked: Asked,
  action: Action,
  size: (isAnchor: boolean) => number,
): boolean {
  const fresh = planOf(world, asked);
  if (fresh.problems.length > 0) {
    // what is found damaged on the way may stop the rest; nothing else may
    assert(isDamagedSomewhere(world), `a problem came up before ${action.id}: ${fresh.problems[0]?.text}`);
    return false;
  }
  const now = fresh.actions.find(({ id }) => id === action.id);
  if (now === undefined) return true;
  assert.equal(driftOf(action, now), null, `${action.id} drifts by what its own plan did`);
  if (now.kind === "artifact") keepsAnchorRule(world, now);
  const [rows, copies] = copiesOfAll(world);
  const stranger = strangersOf(world);
  const rotten = rottenOf(world);
  const restorable = new Set(
    rows.map(({ label }) => label).filter((label) => isRestorable(world, rows, label)),
  );
  try {
    carryOut(world, now, size);
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    return false;
  }
  for (const [index, row] of rows.entries()) {
    const left = copiesLeft(world, row);
    const lost = copies[index]?.filter((copy) => !left.includes(copy));
    if (now.kind !== "retention")
      assert.deepEqual(lost, [], `${now.id} takes a whole copy of ${row.label} away`);
    else if (rotten.size === 0)
      assert(
        !restorable.has(row.label) || isRestorable(world, rows, row.label),
        `${now.id} takes the last copy of ${row.label} away (${lost})`,
      );
  }
  if (now.kind === "retention") keepsParent(world, now);
  const replaced = stranger.filter((one) => !strangersOf(world).includes(one));
  if (replaced.length > 0 && now.kind !== "set-aside")
    assert.notEqual(now.hazard, "none", `${now.id} replaces what is not ours (${replaced}) unasked`);
  const again = planOf(world, asked).actions.some(({ id }) => id === now.id);
  assert(!again, `${now.id} is still to be done when it was done`);
  return true;
}

function ended(world: World, ran: Ran, before: readonly ManifestRow[]): Ran {
  remember(world, ran.asked);
  for (const row of before) {
    const now = rowsKnown(world).find(({ label, sha256 }) => label === row.label && sha256 === row.sha256);
    assert(now !== undefined, `the row of ${row.label} was rewritten or dropped`);
  }
  for (const { label } of world.ls.manifest ?? []) chainTo(world.ls.manifest ?? [], label);
  if (ran.whole) {
    const after = planOf(world, ran.asked);
    assert.deepEqual(
      after.actions.map(({ id, reason }) => `${id}: ${reason}`),
      [],
      "a second plan has nothing to do",
    );
    assert.deepEqual(after.problems, []);
    const newest = world.ls.manifest?.at(-1)?.label;
    const made = ran.plan?.actions.some(({ kind, label }) => kind === "register" && label === newest);
    if (newest !== undefined && (made === true || ran.asked.restore === "latest"))
      assert(
        standsOnBoth(world, newest),
        `the parent of the next increment, ${newest}, is not on both sides`,
      );
  }
  return ran;
}

/** Rows of the server's manifest; what has no row is not promised to anyone yet. */
const rowsKnown = ({ ls }: World): readonly ManifestRow[] => ls.manifest ?? [];

function copiesOfAll(world: World): readonly [readonly ManifestRow[], readonly string[][]] {
  const rows = rowsKnown(world);
  return [rows, rows.map((row) => copiesLeft(world, row))];
}

/** What stands where ours would, and is somebody else's. */
const strangersOf = ({ ls, bucket }: World): string[] => [
  ...(ls.copy?.uuid.startsWith(STRANGERS) ? ["the working copy"] : []),
  ...[...bucket].filter(([, { etag }]) => etag.startsWith(STRANGERS)).map(([key]) => key),
];

/** From artifacts alone, by what they really hold. */
const isRestorable = (world: World, rows: readonly ManifestRow[], label: Label): boolean =>
  chainTo([...rows], label).every((row) =>
    copiesLeft(world, row).some((copy) => copy === "the server's artifact" || copy === "the bucket"),
  );

/** Files that nobody can tell from whole ones without reading them. */
const rottenOf = ({ ls }: World): Set<string> =>
  new Set(
    (ls.manifest ?? [])
      .filter(({ localPath, sizeBytes, sha256 }) => {
        const file = ls.files.get(localPath);
        return file !== undefined && file.sizeBytes === sizeBytes && file.sha256 !== sha256;
      })
      .map(({ localPath }) => localPath),
  );

/** What the next increment builds on stays on both sides, where it stood. */
function keepsParent({ spec, ls }: World, { input }: Action): void {
  const newest = ls.manifest?.at(-1)?.label;
  const names = ((input as { snapshots?: { name: string }[] }).snapshots ?? []).map(({ name }) => name);
  assert(!names.includes(`${spec.name}@${newest}`), `the parent of the next increment, ${newest}, goes`);
}

const isDamagedSomewhere = ({ ls }: World): boolean => ls.damaged.size > 0;

/** Once a look has told something new, it is remembered, as every run does at its end. */
function remember(world: World, asked: Asked): void {
  const seen = newlySeen(world.desired, world.spec, look(world, { ...asked, restore: null }));
  if (seen !== null) world.memory = { ...world.memory, ...seen };
}

/** What is true of every plan. */
export function wellFormed({ actions }: Plan): void {
  const ids = actions.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, `an id stands twice: ${ids}`);
  for (const [at, { id, needs }] of actions.entries())
    for (const need of needs)
      assert(ids.slice(0, at).includes(need), `${id} needs ${need}, which does not stand before it`);
}

function keepsAnchorRule(world: World, action: Action): void {
  const { ls, spec } = world;
  const { label, parent } = action.input as { label: Label; parent: Label | null };
  const rows = ls.manifest ?? [];
  const store = {
    files: new Map([...ls.files].map(([path, { sizeBytes }]) => [path, sizeBytes])),
    made: ls.waiting.filter((row) => ls.files.get(row.localPath)?.sizeBytes === row.sizeBytes),
    begunUploads: new Map(),
    fetched: new Map(),
    damaged: ls.damaged,
  };
  const links = [...rows, ...waitingRows(store, rows)];
  const newest = links.at(-1);
  if (parent === null) {
    const needed =
      newest === undefined ||
      mustBeAnchor(links, label, spec.anchor) ||
      !canBeParent(world, links, newest.label);
    assert(needed, `${label} is sent whole, and an increment on ${newest?.label} would do`);
    return;
  }
  assert.equal(parent, newest?.label, `${label} builds on another label than the newest`);
  assert(compareLabels(parent, label) < 0);
  assert(!mustBeAnchor(links, label, spec.anchor), `${label} should be an anchor by the contract's rule`);
  assert(canBeParent(world, links, parent), `${parent} can't be received on the server again`);
}

/** On the workstation, and no other on the server, with all the artifacts that it is made of somewhere by name and size. */
function canBeParent(
  { spec, desired, ws, ls, bucket }: World,
  links: readonly ManifestRow[],
  label: Label,
): boolean {
  const name = (at: Label) => `${spec.name}@${at}`;
  const complete = (at: Label): boolean => {
    const there = ls.hydrated.get(name(at));
    return there?.readOnly === true && there.receivedUuid !== null && !there.receiving;
  };
  const here = ws.snapshots.get(name(label));
  if (here?.readOnly !== true) return false;
  if (complete(label) && ls.hydrated.get(name(label))?.receivedUuid !== (here.receivedUuid ?? here.uuid))
    return false;
  return toReceive(links, label, () => false).every((row) => {
    const onServer =
      ls.files.get(row.localPath)?.sizeBytes === row.sizeBytes && !ls.damaged.has(row.localPath);
    const key = `${desired.cloud?.prefix}${spec.name}/${row.localPath}`;
    return onServer || (desired.cloud !== null && bucket.get(key)?.sizeBytes === row.sizeBytes);
  });
}
