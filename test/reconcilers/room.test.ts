import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { absent, known } from "../../src/domain/fact.ts";
import type { AbsolutePath, DatasetName, HostName } from "../../src/domain/names.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import type { Place } from "../../src/reconcilers/machine/place.ts";
import type { RestoreRequest } from "../../src/reconcilers/request.ts";
import { history, label } from "../domain/history.ts";
import { copy, layoutPresent, source, store, withFiles, workstationPresent } from "./rows.ts";
import {
  type Case,
  filesOf,
  folder,
  HOME,
  lookAt,
  planOf,
  received,
  SIGNER,
  SRV,
  subvolume,
  taken,
} from "./world.ts";

const MIB = 1024 ** 2;
/** The next is an anchor by its age, or an increment. */
const ANCHOR = `2025-01 full ${400 * MIB}`;
const INCREMENTS = `2026-01 full ${400 * MIB}, 2026-02 incr ${300 * MIB}, 2026-03 incr ${10 * MIB}`;
const ROWS = { rows: INCREMENTS, target: "2026-04" };
const LATEST: RestoreRequest = { label: "latest", to: null };

const server = (place: Partial<Place>) => ({
  serverLayout: known({ place: { ...SRV, ...place }, present: layoutPresent() }),
});
const workstation = (place: Partial<Place>) => ({
  workstationLayout: known({ place: { ...HOME, ...place }, present: workstationPresent() }),
});
const free = (mib: number) => ({ freeBytes: mib * MIB });
/** The workstation has lost its snapshots and its dataset. */
const GONE = {
  snapshots: absent,
  source: known({ ...source, kind: "absent" as const, uuid: null, parentUuid: null }),
};

const said = (plan: Plan): string[] => [
  ...plan.problems.map(({ code, host, text }) => `${code} ${host}: ${text}`),
  ...plan.warnings.map(({ code, host, text }) => `warning ${code} ${host}: ${text}`),
];

interface Row extends Partial<Case> {
  readonly name: string;
  /** All that the plan says; nothing by default. */
  readonly says?: readonly (string | RegExp)[];
}

const rows: readonly Row[] = [
  {
    name: "an anchor takes what the last one took, twice, and the reserve",
    rows: ANCHOR,
    change: server(free(863)),
    says: [
      "no-space ls: 863 MiB free at /srv/dev; needed: about 800 MiB for the artifact of 2026-04 and its snapshot (2025-01 took 400 MiB), and 64 MiB to spare",
    ],
  },
  { name: "with a MiB more it is begun", rows: ANCHOR, change: server(free(864)) },
  {
    name: "an increment's size nobody knows: a warning by the last one, and what becomes of it",
    rows: `2026-01 full ${400 * MIB}, 2026-02 incr ${300 * MIB}`,
    change: server(free(600)),
    says: [
      "warning little-space ls: 600 MiB free at /srv/dev may not do for about 600 MiB for the artifact of 2026-04 and its snapshot (2026-02 took 300 MiB): where it does not, what was begun is removed, and a later run goes on",
    ],
  },
  {
    name: "without the reserve not even an increment is begun",
    change: server(free(63)),
    says: ["no-space ls: 63 MiB free at /srv/dev; needed: 64 MiB to spare"],
  },
  {
    name: "the first anchor: a warning by what is in use around the dataset",
    rows: "",
    change: {
      ...server(free(300)),
      source: known({ ...source, place: { ...HOME, sizeBytes: 2e9, freeBytes: 1e9 } }),
    },
    says: [
      /^warning little-space ls: 300 MiB free .* may not do for what the artifact of 2026-04 and its snapshot will take \(954 MiB are in use around \/home\/dev\/code\)/,
    ],
  },
  {
    name: "what a run that was cut off has left in tmp/ is room for the artifact that goes in its place",
    rows: ANCHOR,
    change: {
      serverLayout: known({
        place: { ...SRV, ...free(10), quota: { limitBytes: 1024 * MIB, leftBytes: 0 } },
        present: layoutPresent(),
        remainsBytes: 854 * MIB,
      }),
    },
  },
  {
    name: "an artifact that is made gets its row, and goes to the bucket, whatever room there is",
    change: {
      ...server(free(1)),
      snapshots: taken("2026-01", "2026-02", "2026-03", "2026-04"),
      store: known({
        ...store,
        files: filesOf(history(`${INCREMENTS}, 2026-04 incr 10`)),
        made: history(`${INCREMENTS}, 2026-04 incr 10`).slice(3),
      }),
    },
  },
  {
    name: "a snapshot that is still to be received holds up nothing else",
    target: "2026-03",
    change: { ...server(free(70)), hydrated: received("2026-01", "2026-02") },
    says: [
      /^warning little-space ls: 70 MiB free .* may not do for at least 10 MiB \(10 MiB for the snapshots of 2026-03\)/,
    ],
  },
  {
    name: "a quota leaves less than the disk",
    rows: ANCHOR,
    change: server({ quota: { limitBytes: 1024 * MIB, leftBytes: 463 * MIB } }),
    says: [
      "over-quota ls: 463 MiB left of the Btrfs quota of 1 GiB at /srv/dev; needed: 400 MiB for artifacts, and 64 MiB to spare",
    ],
  },
  {
    name: "received snapshots are under no quota of the repository's",
    rows: ANCHOR,
    change: server({ quota: { limitBytes: 1024 * MIB, leftBytes: 464 * MIB } }),
  },
  {
    name: "a quota that leaves no reserve",
    change: server({ quota: { limitBytes: 1024 * MIB, leftBytes: 0 } }),
    says: [/^over-quota ls: 0 B left .*; needed: 64 MiB to spare$/],
  },
  {
    name: "a read-only server",
    change: server({ readOnly: true }),
    says: ["read-only ls: the file system at /srv/dev is read-only, and nothing can be done there"],
  },
  {
    name: "a read-only server, and nothing due",
    target: "2026-03",
    change: server({ readOnly: true }),
    says: [/^warning read-only ls: the file system at \/srv\/dev is read-only: nothing is due today/],
  },
  {
    name: "a read-only workstation",
    change: workstation({ readOnly: true }),
    says: [/^read-only ws: the file system at \/home\/dev\/snapshots is read-only/],
  },
  {
    name: "a working copy on a file system of its own, which is read-only",
    change: { workingCopy: known({ ...copy, place: { ...SRV, fsUuid: "work", readOnly: true } }) },
    says: [/^read-only ls: the file system at \/srv\/work is read-only/],
  },
  {
    name: "a restore: what is fetched and received on the server",
    restore: LATEST,
    change: {
      ...server(free(483)),
      hydrated: folder(SRV, []),
      store: known({ ...store, files: new Map([...filesOf(history(INCREMENTS))].slice(0, 2)) }),
    },
    says: [
      /^no-space ls: 483 MiB free at \/srv\/dev; needed: at least 720 MiB \(10 MiB to fetch, 710 MiB for the snapshots of 2026-01, 2026-02, 2026-03\), and 64 MiB to spare$/,
    ],
  },
  {
    name: "a restore: the workstation, of which one artifact's worth is certain",
    rows: ANCHOR,
    restore: LATEST,
    change: { ...GONE, ...workstation(free(463)) },
    says: [
      "no-space ws: 463 MiB free at /home/dev/snapshots; needed: at least 400 MiB for the snapshot of 2025-01, and 64 MiB to spare",
    ],
  },
  {
    name: "a restore: the workstation, and a chain of which much may have been deleted since",
    restore: LATEST,
    change: { ...GONE, ...workstation(free(463)) },
    says: [
      /^warning little-space ws: 463 MiB free .* may not do for up to about 710 MiB for the snapshot of 2026-03/,
    ],
  },
  {
    name: "a restore: what a cut-off run has begun there takes its room already",
    rows: ANCHOR,
    restore: LATEST,
    change: {
      ...GONE,
      snapshots: folder(HOME, [["dev@2025-01", subvolume("half", { readOnly: false, receiving: true })]]),
      ...workstation(free(70)),
    },
  },
  {
    name: "beside what is there, on a file system that is read-only",
    restore: {
      label: label("2026-02"),
      to: { host: "ws" as HostName, folder: "/mnt/old" as AbsolutePath, paths: [] },
    },
    change: {
      target: known({ kind: "absent", inode: "-", place: { ...HOME, readOnly: true }, leftBeside: false }),
    },
    says: [/^read-only ws: the file system at \/mnt\/old is read-only/],
  },
];

describe("room that is missing is seen in the plan, with what is needed and what there is", () => {
  for (const { name, says = [], ...given } of rows)
    test(name, () => {
      const wanted = { ...ROWS, ...(given.restore && { signer: SIGNER }), ...given };
      const found = said(planOf({ ...wanted, change: { store: withFiles(wanted.rows), ...wanted.change } }));
      assert.equal(found.length, says.length, found.join("\n"));
      for (const [index, expected] of says.entries())
        if (typeof expected === "string") assert.equal(found[index], expected);
        else assert.match(found[index] ?? "", expected);
    });
});

test("what is not selected takes no room", () => {
  const { desired, observed, request } = lookAt({ ...ROWS, change: server(free(1)) });
  const only = (stages: "cloud" | "artifact") =>
    planFrom(desired, observed, { ...request, selection: { host: null, stages: ["snapshot", stages] } })
      .problems;
  assert.deepEqual(only("cloud"), []);
  assert.deepEqual(
    only("artifact").map(({ code }) => code),
    ["no-space"],
  );
});

test("datasets that share a disk need room together", () => {
  const one = lookAt({ rows: ANCHOR, target: "2026-04", cloud: false, change: server(free(1200)) });
  const [spec = assert.fail()] = one.desired.datasets;
  const [, facts] = [...one.observed.datasets][0] ?? assert.fail();
  const media = "media" as DatasetName;
  const two = {
    desired: { ...one.desired, datasets: [spec, { ...spec, name: media }] },
    observed: {
      ...one.observed,
      datasets: new Map([...one.observed.datasets, [media, facts]]),
      memory: new Map(
        [...one.observed.memory].flatMap(
          ([name, seen]) =>
            [
              [name, seen],
              [media, seen],
            ] as const,
        ),
      ),
    },
    request: { ...one.request, labels: new Map([...one.request.labels, [media, label("2026-04")]]) },
  };
  assert.deepEqual(planFrom(one.desired, one.observed, one.request).problems, []);
  const [problem] = planFrom(two.desired, two.observed, two.request).problems;
  assert.match(
    problem?.text ?? "",
    /^1.17 GiB free at \/srv\/dev; needed: about 800 MiB .*, about 800 MiB .*, and 64/,
  );
});

test("where what retention lets go on the server would do, the way to it is named; elsewhere it is not", () => {
  const full = { rows: `2024-01 full ${400 * MIB}, 2025-01 full ${400 * MIB}`, target: "2026-04" };
  const nextOf = (given: Partial<Case>) =>
    planOf({ ...full, change: server(free(600)), ...given })
      .problems.map(({ next }) => next)
      .join();
  const retention = { serverArtifacts: { kind: "chains", count: 1 } } as const;
  const named =
    /^devbackup apply --only retention --approve retention frees 400 MiB of artifacts that the bucket has; or /;
  assert.match(nextOf({ retention }), named);
  for (const no of [{}, { retention, cloud: false }, { retention, change: server(free(100)) }])
    assert.match(nextOf(no), /^free some space there/);
});
