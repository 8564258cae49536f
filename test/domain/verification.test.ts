import assert from "node:assert/strict";
import { test } from "node:test";
import {
  asOf,
  damageOf,
  lastVerified,
  leastRecentFirst,
  NEVER_VERIFIED,
  onlyOf,
  parseRecord,
  renderRecord,
  resumedFrom,
  shareOf,
  type Verifiable,
  type VerificationRecord,
  type VerifyCheck,
  withDamage,
  withoutVerified,
  withVerified,
} from "../../src/domain/verification.ts";
import { label } from "./history.ts";

const at = (day: number) => new Date(Date.UTC(2026, 0, day));
const thing = (of: string, check: VerifyCheck = "hash", sizeBytes = 10) => ({
  place: "server" as const,
  label: label(of),
  identity: `sha-${of}`,
  check,
  sizeBytes,
  row: { ts: "2025-12-01T00:00:00Z" },
});
const NOW = at(31);
const seen = (
  record: VerificationRecord,
  { place, label: of, identity, check }: Verifiable & { check: VerifyCheck },
  day: number,
) => withVerified(record, { place, label: of, identity, check, at: at(day), streamUuid: null });

test("what was looked at more closely was looked at less closely too, and not the other way round", () => {
  const record = seen(NEVER_VERIFIED, thing("2026-01", "deep"), 3);
  assert.deepEqual(lastVerified(record, thing("2026-01"), "hash")?.at, at(3));
  const shallow = seen(NEVER_VERIFIED, thing("2026-01", "hash"), 3);
  assert.equal(lastVerified(shallow, thing("2026-01"), "deep"), null);
  assert.deepEqual(lastVerified(seen(record, thing("2026-01"), 5), thing("2026-01"), "hash")?.at, at(5));
});

test("another thing under the same name has not been verified, and what was known of the former goes", () => {
  const record = seen(NEVER_VERIFIED, thing("2026-01", "deep"), 3);
  const another = { ...thing("2026-01"), identity: "another" };
  assert.equal(lastVerified(record, another, "hash"), null);
  const now = seen(record, another, 4);
  assert.equal(lastVerified(now, thing("2026-01"), "hash"), null);
  assert.equal(lastVerified(withoutVerified(now, another), another, "hash"), null);
});

test("least recently verified first, what never was by when it was registered, and else as it was given", () => {
  const things = ["2026-01", "2026-02", "2026-03", "2026-04"].map((of) => thing(of));
  const [first, second, , fourth] = things;
  assert.ok(first && second && fourth);
  const record = seen(seen(seen(NEVER_VERIFIED, first, 9), second, 7), fourth, 7);
  assert.deepEqual(
    leastRecentFirst(record, things, NOW).map((each) => each.label),
    ["2026-03", "2026-02", "2026-04", "2026-01"],
  );
  const registered = (day: number) => ({ ...thing("2026-05"), row: { ts: at(day).toISOString() } });
  const place = (day: number) =>
    leastRecentFirst(record, [...things, registered(day)], NOW).findIndex((each) => each.label === "2026-05");
  assert.deepEqual([place(8), place(30)], [3, 4]);
  // by a clock that ran ahead: else it would have no turn until that has come
  assert.equal(place(45), 0);
});

test("1/share runs see everything, whatever the sizes are, and none sees much more than its share", () => {
  for (const sizes of [
    [1, 1, 1],
    [1000, 1, 1, 1, 1, 1],
    [0, 0, 0],
    Array.from({ length: 47 }, (_, n) => n * n),
  ])
    for (const share of [1, 0.5, 0.34, 0.1]) {
      const things = sizes.map((sizeBytes, n) => thing(`20${10 + n}-01`, "hash", sizeBytes));
      const total = sizes.reduce((sum, size) => sum + size, 0);
      let record = NEVER_VERIFIED;
      const left = new Set(things.map((each) => each.label));
      for (let run = 1; run <= Math.ceil(1 / share); run += 1) {
        const chosen = shareOf(leastRecentFirst(record, things, NOW), share);
        const bytes = chosen.slice(0, -1).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        assert.ok(bytes <= share * total, `${bytes} of ${total} in one run`);
        for (const each of chosen) {
          record = seen(record, each, run);
          left.delete(each.label);
        }
      }
      if (total > 0) assert.deepEqual([...left], [], `${sizes} by ${share}`);
    }
});

test("with a new label before each run, 1/share runs have seen all that stood there before them", () => {
  const share = 0.1;
  for (const { hydrated, increment, anchorEvery } of [
    { hydrated: 2, increment: 10, anchorEvery: 12 },
    { hydrated: 2, increment: 2, anchorEvery: 12 },
    { hydrated: 2, increment: 25, anchorEvery: 6 },
    { hydrated: 1, increment: 10, anchorEvery: 24 },
    { hydrated: Infinity, increment: 10, anchorEvery: 12 },
  ]) {
    const registered = (n: number) => new Date(Date.UTC(2026, n));
    const standing = (newest: number) =>
      Array.from({ length: newest + 1 }, (_, n) => {
        const steps = n % anchorEvery;
        const name = `${2026 + Math.floor(n / 12)}-${String((n % 12) + 1).padStart(2, "0")}`;
        const of = { ...thing(name), row: { ts: registered(n).toISOString() }, n };
        const sizeBytes = steps === 0 ? 100 : increment;
        const snapshot = {
          place: "hydrated",
          check: "fingerprint",
          sizeBytes: 100 + increment * steps,
        } as const;
        return [
          { ...of, sizeBytes },
          { ...of, sizeBytes, place: "bucket", check: "note" } as const,
          ...(n > newest - hydrated ? [{ ...of, ...snapshot }] : []),
        ];
      }).flat();
    let record = NEVER_VERIFIED;
    const lastRun = new Map<string, number>();
    for (let run = 0; run < 60; run += 1) {
      const now = new Date(registered(run).getTime() + 60_000);
      for (const each of shareOf(leastRecentFirst(record, standing(run), now), share)) {
        record = withVerified(record, { ...each, at: now, streamUuid: null });
        lastRun.set(`${each.place} ${each.label}`, run);
      }
      for (const { place, label: of, n } of standing(run)) {
        const unseen = run - (lastRun.get(`${place} ${of}`) ?? n);
        assert.ok(unseen <= Math.ceil(1 / share), `${place} ${of}: unseen for ${unseen} labels`);
      }
    }
  }
});

test("a run that was cut off is gone on with for a week, by a clock that has not been set back", () => {
  const cutOff = { ...NEVER_VERIFIED, begunAt: at(10) };
  assert.deepEqual(resumedFrom(cutOff, at(10)), at(10));
  assert.deepEqual(resumedFrom(cutOff, at(16)), at(10));
  assert.equal(resumedFrom(cutOff, at(17)), null);
  assert.equal(resumedFrom(cutOff, at(9)), null);
  assert.equal(resumedFrom(NEVER_VERIFIED, at(9)), null);
});

test("damage that no apply mends is known until a look as close finds that very thing well, or another is there", () => {
  const of = thing("2026-01", "deep");
  const damaged = withDamage(seen(NEVER_VERIFIED, of, 3), { ...of, at: at(4), why: "no snapshot" });
  assert.equal(damageOf(damaged, of)?.why, "no snapshot");
  assert.equal(lastVerified(damaged, of, "hash"), null);
  assert.equal(damageOf(seen(damaged, thing("2026-01", "hash"), 5), of)?.why, "no snapshot");
  assert.equal(damageOf(withoutVerified(damaged, of), of)?.why, "no snapshot");
  assert.equal(damageOf(seen(damaged, of, 5), of), null);
  const another = { ...of, identity: "another" };
  assert.equal(damageOf(damaged, another), null);
  assert.equal(damageOf(seen(damaged, { ...another, check: "hash" }, 5), of), null);
  assert.deepEqual([onlyOf(damaged, [of]).damage.size, onlyOf(damaged, []).damage.size], [1, 0]);
});

test("the record comes back as it was written, and a line that can't be read costs that line alone", () => {
  const known = seen(seen(NEVER_VERIFIED, thing("2026-01"), 3), thing("2026-02", "deep"), 4);
  const { place, label: of, identity } = thing("2026-03");
  const record = {
    ...withDamage(known, { place, label: of, identity, check: "deep", at: at(4), why: "it holds\\tanother" }),
    begunAt: at(5),
    share: { label: label("2026-02"), at: at(4) },
  };
  const text = renderRecord(record);
  assert.deepEqual(parseRecord(text), record);
  assert.deepEqual(parseRecord(""), NEVER_VERIFIED);
  const spoilt = text.replace(
    /^.*\t2026-01\t.*\n/m,
    "rubbish\t\t\n2026-01-03T00:00:00Z\tserver\t2026-01\tnote\tx\t-\n",
  );
  assert.deepEqual(parseRecord(spoilt), withoutVerified(record, thing("2026-01")));
});

test("what was verified under a clock that ran ahead counts as never, so that everything has its turn", () => {
  const record = seen(NEVER_VERIFIED, thing("2026-01"), 5);
  const { at } = lastVerified(record, thing("2026-01"), "hash") ?? assert.fail();
  const later = (ms: number) =>
    lastVerified(asOf(record, new Date(at.getTime() + ms)), thing("2026-01"), "hash");
  const DAY_MS = 86_400_000;
  assert.deepEqual([later(-0.5 * DAY_MS)?.at, later(-2 * DAY_MS)], [at, null]);
});
