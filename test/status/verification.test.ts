import assert from "node:assert/strict";
import { test } from "node:test";
import { known, unknown } from "../../src/domain/fact.ts";
import type { Label } from "../../src/domain/label.ts";
import {
  NEVER_VERIFIED,
  type VerificationRecord,
  withDamage,
  withVerified,
} from "../../src/domain/verification.ts";
import { entryOf } from "../../src/reconcilers/snapshot/subvolumes.ts";
import type { DatasetStatus } from "../../src/status/status.ts";
import { label } from "../domain/history.ts";
import { type Given, rowsIn, statusIn, store, world } from "./states.ts";

test("verified: how much of what is there, and damage is not hidden by it", () => {
  const given: Given = { rows: "2026-05 full 100, 2026-06 incr 12" };
  const there = world(given).facts;
  const identityOf = (place: "server" | "hydrated", at: string) =>
    place === "server"
      ? rowsIn(there).find((row) => row.label === at)?.sha256
      : entryOf(there.hydrated, `dev@${at}`)?.uuid;
  const seen = (place: "server" | "hydrated", at: string) => ({
    place,
    label: at as Label,
    identity: identityOf(place, at) ?? assert.fail(),
    at: new Date("2026-05-31T12:00:00Z"),
    check: place === "server" ? ("hash" as const) : ("fingerprint" as const),
    streamUuid: null,
  });
  const record = [seen("server", "2026-05"), seen("server", "2026-06"), seen("hydrated", "2026-06")].reduce(
    withVerified,
    NEVER_VERIFIED,
  );
  const verified = known({ record, damagedObjects: new Map() });
  const DAY_MS = 86_400_000;
  const what = "2 of 2 artifacts, 1 of 2 hydrated snapshots";
  const at = "2026-05-31T12:00:00.000Z";
  const of = (change: Given["change"]) =>
    statusIn({ ...given, change: { verified, ...change } }).datasets[0]?.verification;
  assert.deepEqual(of({}), { at, ageMs: DAY_MS, result: "whole", what });
  const damaged = store(given, (files) => files.set([...files.keys()][0] ?? "", 1));
  assert.equal(of({ store: damaged })?.result, "damaged");
  assert.deepEqual(statusIn(given).datasets[0]?.verification, { result: "none" });
  // none is not what nobody could look at
  assert.equal(of({ verified: unknown("Input/output error") }), null);
  // nor is another one under its name what was verified, nor a date ahead when it was
  const june = seen("server", "2026-06");
  for (const [one, result] of [
    [{ ...june, identity: "another" }, "none"],
    [{ ...june, at: new Date("2027-01-01") }, "none"],
    [june, "whole"],
  ] as const) {
    const alone = known({ record: withVerified(NEVER_VERIFIED, one), damagedObjects: new Map() });
    assert.equal(of({ verified: alone })?.result, result);
  }
});

test("what verify found and no apply mends is in doubt until a later look finds it well", () => {
  const given: Given = { rows: "2026-05 full 100, 2026-06 incr 12" };
  const there = world(given).facts;
  const anchor = rowsIn(there)[0] ?? assert.fail();
  const snapshot = entryOf(there.hydrated, "dev@2026-06") ?? assert.fail();
  const at = new Date("2026-05-31T12:00:00Z");
  const artifact = { place: "server", label: anchor.label, identity: anchor.sha256, at } as const;
  const hydrated = { place: "hydrated", label: label("2026-06"), identity: snapshot.uuid, at } as const;
  const of = (record: VerificationRecord) =>
    statusIn({ ...given, change: { verified: known({ record, damagedObjects: new Map() }) } }).datasets[0] ??
    assert.fail();
  const places = ({ history }: DatasetStatus) =>
    history.map((entry) => entry.kind === "label" && [entry.places.artifact, entry.places.server]);
  const found = withDamage(
    withDamage(NEVER_VERIFIED, { ...artifact, check: "deep", why: "it holds no snapshot" }),
    { ...hydrated, check: "fingerprint", why: "1 path not as backed up" },
  );
  const doubtful = of(found);
  assert.equal(doubtful.verdict, "in-doubt");
  assert.deepEqual(doubtful.because, [
    "ls: dev@2026-05.full.send.zst.age on ls was found damaged on 2026-05-31, and no apply mends that: it holds no snapshot",
    "ls: the snapshot dev@2026-06 on ls was found damaged on 2026-05-31, and no apply mends that: 1 path not as backed up",
  ]);
  assert.equal(doubtful.doubts[0]?.next, "devbackup manifest chain 2026-05");
  assert.deepEqual(places(doubtful), [
    ["damaged", "whole"],
    ["whole", "damaged"],
  ]);
  assert.equal(doubtful.verification?.result, "damaged");
  const again = [
    { ...artifact, check: "deep", streamUuid: null } as const,
    { ...hydrated, check: "fingerprint", streamUuid: null } as const,
  ].reduce(withVerified, found);
  assert.deepEqual([of(again).verdict, of(again).verification?.result], ["well", "whole"]);
});
