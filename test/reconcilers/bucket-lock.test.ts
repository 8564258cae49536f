import assert from "node:assert/strict";
import { test } from "node:test";
import type { DesiredState } from "../../src/desired-state/desired-state.ts";
import { type Fact, known, unknown } from "../../src/domain/fact.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import { lookAt, settled } from "./world.ts";

const R2 = "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com";

function told(wanted: number | null, found: Fact<number> | undefined, endpoint = "http://127.0.0.1:9000") {
  const { bucket } = settled("2026-05 full 9");
  if (bucket.kind !== "known") return assert.fail();
  const { desired, observed, request } = lookAt({
    rows: "2026-05 full 9",
    target: "2026-05",
    bucket: known({ ...bucket.value, ...(found !== undefined && { lockDays: found }) }),
  });
  const cloud = desired.cloud === null ? assert.fail() : { ...desired.cloud, lockDays: wanted, endpoint };
  const state: DesiredState = { ...desired, cloud };
  const { warnings, notes, actions } = planFrom(state, observed, request);
  assert.deepEqual(actions, []);
  return {
    warnings: warnings.filter(({ code }) => code === "bucket-unlocked").map(({ text }) => text),
    notes: notes.filter((note) => note.includes("lock_days")),
  };
}

test("nothing declared, or as declared: nothing said", () => {
  assert.deepEqual(told(null, undefined), { warnings: [], notes: [] });
  assert.deepEqual(told(90, known(90)), { warnings: [], notes: [] });
  assert.deepEqual(told(90, known(365)), { warnings: [], notes: [] });
});

test("what the store's interface shows as too short is a warning, with the command", () => {
  const { warnings, notes } = told(90, known(0));
  assert.deepEqual(notes, []);
  assert.match(
    warnings.join(),
    /locks what is new for 0 days, and cloud.lock_days is 90.*aws s3api put-object-lock-configuration --endpoint-url http:\/\/127.0.0.1:9000 --bucket dev-backups .*Days=90/,
  );
});

test("what R2's interface does not show is told with wrangler's commands, for the artifacts alone", () => {
  const { warnings, notes } = told(90, unknown("NotImplemented"), R2);
  assert.deepEqual(warnings, []);
  assert.match(notes.join(), /npx wrangler r2 bucket lock list dev-backups\./);
  assert.match(
    notes.join(),
    /npx wrangler r2 bucket lock add dev-backups --name devbackup-dev --prefix dev\/artifacts\/ --retention-days 90$/,
  );
  const eu = told(7, unknown("NotImplemented"), R2.replace(".r2", ".eu.r2"));
  assert.match(eu.notes.join(), /--retention-days 7 --jurisdiction eu$/);
});
