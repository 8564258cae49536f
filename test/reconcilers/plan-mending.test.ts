import assert from "node:assert/strict";
import { test } from "node:test";
import { known } from "../../src/domain/fact.ts";
import type { Sha256 } from "../../src/domain/names.ts";
import { NEVER_VERIFIED } from "../../src/domain/verification.ts";
import type { ObjectMark } from "../../src/reconcilers/verify/record.ts";
import { objects, store, THREE, testRows } from "./rows.ts";
import { folder, planOf, SRV, subvolume } from "./world.ts";

const OTHER = "ef".repeat(32) as Sha256;
const SECOND = "dev@2026-02.incr.from_2026-01.send.zst.age";
const PATH = `artifacts/incr/${SECOND}`;
const [object] = [...objects.values()];

const marked = (mark: Partial<ObjectMark> = {}) =>
  known({
    record: NEVER_VERIFIED,
    damagedObjects: new Map([
      [
        SECOND,
        {
          etag: "e",
          lastModified: object?.lastModified.toISOString() ?? "",
          by: "sha256" as const,
          found: OTHER,
          ...mark,
        },
      ],
    ]),
  });
const onServer = known({ ...store, damaged: new Map([[PATH, OTHER]]) });

/** As they stand on the server, those of `damaged` found to be other than they should be. */
const hydrated = (labels: readonly string[], damaged: readonly string[]) =>
  folder(
    SRV,
    labels.map((at) => [
      `dev@${at}`,
      subvolume(`ls-${at}`, {
        receivedUuid: `ws-${at}`,
        ...(damaged.includes(at) && { damaged: true as const }),
      }),
    ]),
  );
const ALL = ["2026-01", "2026-02", "2026-03"];
const settledAt = { target: "2026-03" };

testRows([
  {
    name: "an object whose bytes were found damaged is sent anew, unasked",
    ...settledAt,
    change: { verified: marked() },
    actions: ["upload:dev@2026-02"],
    says: { "upload:dev@2026-02": /the object there is damaged: its SHA-256 is efefefefefef…/ },
  },
  {
    name: "one that says of itself that it is another is replaced on approval alone",
    ...settledAt,
    change: { verified: marked({ by: "note" }) },
    actions: ["upload:dev@2026-02"],
    hazards: { "upload:dev@2026-02": "destructive" },
    says: { "upload:dev@2026-02": /the object there is another; it is replaced/ },
  },
  {
    name: "the mark is void once another object is there, or the same bytes were sent once more",
    ...settledAt,
    change: { verified: marked({ etag: "former" }) },
  },
  {
    name: "the same by the time of the object",
    ...settledAt,
    change: { verified: marked({ lastModified: "1969-12-31T00:00:00.000Z" }) },
  },
  {
    name: "an artifact that is damaged on the server is fetched, although nothing is to be received",
    ...settledAt,
    change: { store: onServer },
    actions: ["fetch:dev@2026-02"],
  },
  {
    name: "both copies damaged: nothing is made of either, and it is said what that costs",
    ...settledAt,
    change: { store: onServer, verified: marked() },
    warnings: ["artifact-lost"],
  },
  {
    name: "a damaged snapshot is set aside, and received again",
    ...settledAt,
    change: { hydrated: hydrated(ALL, ["2026-03"]) },
    actions: ["set-aside-snapshot:dev@2026-03", "hydrate:dev@2026-03"],
    says: { "hydrate:dev@2026-03": /the one there is damaged, and is set aside first/ },
  },
  {
    name: "one in the middle, with what it builds on, where that is gone; what builds on it stays",
    ...settledAt,
    change: { hydrated: hydrated(["2026-02", "2026-03"], ["2026-02"]) },
    actions: ["hydrate:dev@2026-01", "set-aside-snapshot:dev@2026-02", "hydrate:dev@2026-02"],
  },
  {
    name: "all of them, from the anchor on",
    ...settledAt,
    change: { hydrated: hydrated(ALL, ALL) },
    actions: ALL.flatMap((at) => [`set-aside-snapshot:dev@${at}`, `hydrate:dev@${at}`]),
  },
  {
    name: "a damaged snapshot whose artifact is lost stays where it is",
    ...settledAt,
    change: { hydrated: hydrated(ALL, ["2026-02"]), store: onServer, verified: marked() },
    warnings: ["artifact-lost", "snapshot-lost"],
  },
]);

test("none is set aside before what it builds on stands again", () => {
  const { actions } = planOf({ rows: THREE, ...settledAt, change: { hydrated: hydrated(ALL, ALL) } });
  const needs = (id: string) => actions.find((action) => action.id === id)?.needs ?? assert.fail(id);
  for (const [index, at] of ALL.entries())
    assert.deepEqual(
      needs(`set-aside-snapshot:dev@${at}`).filter((id) => id.startsWith("hydrate:")),
      ALL.slice(Math.max(0, index - 1), index).map((below) => `hydrate:dev@${below}`),
    );
});
