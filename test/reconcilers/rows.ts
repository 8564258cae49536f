import assert from "node:assert/strict";
import { test } from "node:test";
import { known } from "../../src/domain/fact.ts";
import { history } from "../domain/history.ts";
import { type Case, filesOf, planOf, settled } from "./world.ts";

export const THREE = "2026-01 full 100, 2026-02 incr 10, 2026-03 incr 10";
export const MONTH = ["snapshot", "artifact", "register", "fingerprint", "hydrate", "working-copy", "upload"];
export const monthOf = (at: string) => [...MONTH.map((kind) => `${kind}:dev@${at}`), "upload-manifest:dev"];
export const { facts, bucket } = settled(THREE);
export const source = facts.source.kind === "known" ? facts.source.value : assert.fail();
export const store = facts.store.kind === "known" ? facts.store.value : assert.fail();
export const copy = facts.workingCopy.kind === "known" ? facts.workingCopy.value : assert.fail();
export const objects = bucket.kind === "known" ? bucket.value.objects : assert.fail();
export const made = history(`${THREE}, 2026-04 incr 10`).slice(3);

/** A world with something changed about it, and what the plan must say of it. */
export interface Row extends Partial<Case> {
  readonly name: string;
  readonly actions?: readonly string[];
  readonly problems?: readonly string[];
  readonly warnings?: readonly string[];
  /** What the reasons of the actions must say, one expression an action id. */
  readonly says?: Readonly<Record<string, RegExp>>;
  readonly hazards?: Readonly<Record<string, string>>;
}

/** One test a row, about a world of three months that is asked for the fourth. */
export function testRows(rows: readonly Row[]): void {
  for (const { name, actions = [], problems = [], warnings = [], says = {}, hazards = {}, ...given } of rows)
    test(name, () => {
      const plan = planOf({ rows: THREE, target: "2026-04", ...given });
      assert.deepEqual([...new Set(plan.problems.map(({ code }) => code))], [...new Set(problems)]);
      assert.deepEqual(
        plan.warnings.map(({ code }) => code),
        [...warnings],
      );
      if (problems.length > 0) return;
      assert.deepEqual(new Set(plan.actions.map(({ id }) => id)), new Set(actions));
      assert.equal(plan.actions.length, actions.length);
      const byId = new Map(plan.actions.map((action) => [action.id as string, action]));
      for (const [id, pattern] of Object.entries(says)) assert.match(byId.get(id)?.reason ?? "", pattern, id);
      for (const action of plan.actions) assert.equal(action.hazard, hazards[action.id] ?? "none", action.id);
    });
}

export function entries() {
  return facts.snapshots.kind === "known" ? [...facts.snapshots.value.entries] : [];
}
export function withFiles(text: string) {
  return known({ ...store, files: filesOf(history(text)) });
}
export function workstationPresent() {
  const layout = facts.workstationLayout;
  return layout.kind === "known" ? layout.value.present : new Map<string, string>();
}
export function layoutPresent() {
  return facts.serverLayout.kind === "known" ? facts.serverLayout.value.present : new Map<string, string>();
}
export function rec() {
  return facts.key.kind === "known" ? facts.key.value.derived : null;
}
export function without(key: string) {
  return new Map([...objects].filter(([at]) => at !== key));
}
export function ticking(time: string) {
  const tools = new Set(["btrfs", "zstd", "age", "openssl", "curl", "flock", "ssh-keygen"]);
  return known({ epochSeconds: Date.parse(time) / 1000, distribution: ["debian"], tools });
}
export function noted(key: string, sha256: string) {
  const object = objects.get(key) ?? assert.fail();
  return new Map([...objects, [key, { ...object, sha256 }]]);
}
export function resized(key: string) {
  return new Map(
    [...objects].map(([at, object]) => [at, at === key ? { ...object, sizeBytes: 1 } : object] as const),
  );
}
