import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { known, unknown } from "../../src/domain/fact.ts";
import type { DrillProof } from "../../src/domain/proof.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planFrom, viewOf } from "../../src/reconcilers/diff-all.ts";
import { fetchesFor, wholeChain } from "../../src/reconcilers/proof/drill-chain.ts";
import { thingsOf } from "../../src/reconcilers/verify/things.ts";
import { history, label } from "../domain/history.ts";
import { monthOf, store, THREE } from "./rows.ts";
import { type Case, filesOf, folder, HOME, lookAt, settled, subvolume } from "./world.ts";

const EVERY = { every: { count: 3, unit: "month" } } as const;
const proof = (at: string, result: DrillProof["result"] = "same"): DrillProof => ({
  label: label("2026-01"),
  at: new Date(at),
  result,
  durationMs: 1,
  tree: null,
  why: [],
  artifacts: { count: 1, bytes: 1 },
});
const drills = (...proofs: DrillProof[]) => ({ drills: known({ proofs, left: false }) });

/** Of three months, looked at on the first of June, with a drill declared. */
function planned(given: Partial<Case> = {}, declared: typeof EVERY | null = EVERY): Plan {
  const { desired, observed, request } = lookAt({ rows: THREE, target: "2026-03", ...given });
  return planFrom({ ...desired, drill: declared }, observed, request);
}
const ids = ({ actions }: Plan) => actions.map(({ id }) => id as string);
const codes = ({ warnings }: Plan) => warnings.map(({ code }) => code);
const action = (plan: Plan, id: string) =>
  plan.actions.find((each) => each.id === id) ?? assert.fail(`${id} is not in ${ids(plan)}`);

describe("a drill in the plan", () => {
  test("nothing is proven yet: done, and told as overdue", () => {
    const plan = planned();
    assert.deepEqual([ids(plan), codes(plan)], [["drill:dev"], ["drill-overdue"]]);
    assert.match(action(plan, "drill:dev").reason, /no drill has proven/);
  });
  test("the first backup has it, behind all that it rests on, so that the second plan is empty", () => {
    const plan = planned({ rows: "", target: "2026-01" });
    const { needs, label: of } = action(plan, "drill:dev");
    assert.equal(of, "2026-01");
    for (const kind of ["register", "fingerprint", "hydrate"])
      assert.ok(needs.includes(`${kind}:dev@2026-01` as (typeof needs)[number]), kind);
    assert.deepEqual(codes(plan), []);
  });
  test("the last good one is older than declared", () => {
    const plan = planned({
      change: drills(proof("2026-02-28T00:00:00Z"), proof("2026-05-01T00:00:00Z", "differs")),
    });
    assert.deepEqual([ids(plan), codes(plan)], [["drill:dev"], ["drill-overdue"]]);
  });
  test("there is a good one that is younger, or none is declared: nothing, and nothing said", () => {
    for (const plan of [
      planned({ change: drills(proof("2026-03-02T00:00:00Z")) }),
      planned({ change: drills(proof("2026-03-02T00:00:00Z", "restored")) }),
      planned({}, null),
    ])
      assert.deepEqual([ids(plan), codes(plan)], [[], []]);
  });
  test("what it is made from is fetched first; where that is nowhere, none is begun, and it is said", () => {
    const files = known({ ...store, files: new Map([...store.files].slice(1)) });
    const plan = planned({ change: { store: files } });
    assert.ok(action(plan, "drill:dev").needs.some((id) => id === "fetch:dev@2026-01"));
    const lost = planned({ cloud: false, change: { store: files } });
    assert.deepEqual(ids(lost), []);
    const text = lost.warnings.find(({ code }) => code === "drill-overdue")?.text ?? "";
    assert.match(text, /none can be done: the artifact of 2026-01 is missing on the server$/);
  });
  test("what one that was cut off has left is cleared away, whether one is due or not", () => {
    for (const [declared, proofs] of [
      [null, []],
      [EVERY, [proof("2026-05-01T00:00:00Z")]],
    ] as const) {
      const plan = planned({ change: { drills: known({ proofs, left: true }) } }, declared);
      assert.deepEqual([ids(plan), action(plan, "drill:dev").change], [["drill:dev"], "delete"]);
    }
    assert.equal(
      action(planned({ change: { drills: known({ proofs: [], left: true }) } }), "drill:dev").change,
      "create",
    );
  });
  test("nobody could look: not unneeded, but unknown", () => {
    const plan = planned({ change: { drills: unknown("no") } });
    assert.deepEqual([ids(plan), plan.warnings.map(({ hides }) => hides)], [[], ["hydrate"]]);
    // one that failed would be passed over, whatever is declared
    const undeclared = planned({ change: { drills: unknown("no") } }, null);
    assert.deepEqual([ids(undeclared), codes(undeclared)], [[], ["unknown-state"]]);
  });
  test("a restore has none", () => {
    assert.deepEqual(ids(planned({ restore: { label: "latest", to: null } })), []);
  });
});

describe("a drill of a label that was asked for", () => {
  const FIVE = "2026-01 full 100, 2026-02 incr 10, 2026-03 full 100";
  const asked = (given: Partial<Case>) => {
    const { desired, observed, request } = lookAt({
      rows: FIVE,
      target: "2026-03",
      retention: { serverArtifacts: { kind: "chains", count: 1 } },
      change: { store: known({ ...store, files: filesOf(history(FIVE).slice(2)) }) },
      ...given,
    });
    const [spec = assert.fail()] = desired.datasets;
    const about = viewOf(desired, spec, observed, request);
    return about.kind === "view" ? about.view : assert.fail();
  };
  test("what the server's rule has let go of it is fetched, and no more", () => {
    const view = asked({});
    const fetched = (at: string) =>
      fetchesFor(view, wholeChain(view, label(at))).map((each) => each.label as string);
    assert.deepEqual([fetched("2026-02"), fetched("2026-03")], [["2026-01", "2026-02"], []]);
  });
  test("what is nowhere, or in an archive, is told instead", () => {
    assert.throws(() => wholeChain(asked({ cloud: false }), label("2026-02")), {
      message: /2026-02 can't be restored: the artifact of 2026-01 is missing on the server$/,
    });
    const { bucket } = settled(FIVE);
    assert(bucket.kind === "known");
    const objects = new Map(
      [...bucket.value.objects].map(([key, object]) => [key, { ...object, archive: "GLACIER" }]),
    );
    assert.throws(
      () => wholeChain(asked({ bucket: known({ ...bucket.value, objects }) }), label("2026-02")),
      {
        message: /2026-01 is missing on the server and archived in the bucket$/,
      },
    );
  });
});

describe("a fingerprint in the plan", () => {
  const without = (...labels: string[]) => ({ fingerprints: known(new Set(labels.map(label))) });
  const base = (plan: Plan, at: string) =>
    (action(plan, `fingerprint:dev@${at}`).input as { base: string | null }).base;
  test("of the newest label that lacks one, on its parent's where that has one", () => {
    const plan = planned({ change: without("2026-02") }, null);
    assert.deepEqual([ids(plan), base(plan, "2026-03")], [["fingerprint:dev@2026-03"], "2026-02"]);
    assert.equal(base(planned({ change: without("2026-01") }, null), "2026-03"), null);
  });
  test("that unchanged files are not read again is said where that is so", () => {
    const why = (given: Partial<Case>, at: string) =>
      action(planned(given, null), `fingerprint:dev@${at}`).reason;
    const spares = /as they were at 2026-0\d are not read again$/;
    assert.match(why({ change: without("2026-02") }, "2026-03"), spares);
    assert.match(why({ change: without("2026-01") }, "2026-03"), /every file is read$/);
    assert.match(why({ target: "2026-04" }, "2026-04"), spares);
  });
  test("of an anchor every file is read", () => {
    assert.equal(base(planned({ rows: "2026-03 full 9", change: without() }, null), "2026-03"), null);
    const next = planned({ target: "2026-04" }, null);
    assert.deepEqual(new Set(ids(next)), new Set(monthOf("2026-04")));
    assert.equal(base(next, "2026-04"), "2026-03");
  });
  test("of a snapshot that came back from the server it would prove nothing", () => {
    const snapshots = folder(HOME, [["dev@2026-03", subvolume("new", { receivedUuid: "ws-2026-03" })]]);
    assert.deepEqual(ids(planned({ change: { snapshots, ...without() } }, null)), []);
  });
  test("nobody could look: nothing is made anew, and it is said", () => {
    const plan = planned({ change: { fingerprints: unknown("no") } }, null);
    assert.deepEqual([ids(plan), plan.warnings.map(({ hides }) => hides)], [[], ["register"]]);
  });
});

test("an object in an archive is not looked at, by whatever it says of itself", () => {
  const given = lookAt({ rows: THREE, target: "2026-03" });
  const [[name, bucket] = assert.fail()] = given.observed.buckets ?? [];
  assert(bucket.kind === "known");
  const objects = new Map(
    [...bucket.value.objects].map(([key, object]) => [
      key,
      key.includes("dev@2026-02") ? { ...object, archive: "DEEP_ARCHIVE" } : object,
    ]),
  );
  const observed = { ...given.observed, buckets: new Map([[name, known({ ...bucket.value, objects })]]) };
  const [spec = assert.fail()] = given.desired.datasets;
  const about = viewOf(given.desired, spec, observed, given.request);
  assert(about.kind === "view");
  for (const cloud of [false, true]) {
    const { things, findings } = thingsOf(about.view, { deep: false, cloud });
    const inBucket = things.filter(({ place }) => place === "bucket").map((thing) => thing.label as string);
    assert.deepEqual(inBucket, ["2026-01", "2026-03"]);
    assert.deepEqual(
      findings.map(({ label: at, state }) => `${at} ${state}`),
      ["2026-02 not-checked"],
    );
    assert.match(findings[0]?.why ?? "", /DEEP_ARCHIVE/);
  }
});

test("what verify found can't be read: it is said, and that the bucket may need something", () => {
  const plan = planned({ change: { verified: unknown("Input/output error") } }, null);
  assert.deepEqual([ids(plan), codes(plan)], [[], ["unknown-state"]]);
  assert.deepEqual(
    plan.warnings.map(({ hides }) => hides),
    ["cloud"],
  );
  assert.match(plan.warnings[0]?.text ?? "", /which objects it found damaged: Input\/output error$/);
});
