import type { Label } from "../../../src/domain/label.ts";
import type { AbsolutePath, DatasetName, HostName } from "../../../src/domain/names.ts";
import type { ActionId } from "../../../src/plan/plan.ts";
import type { DatasetStatus, Doubt, DrillStatus, LabelStatus, Status } from "../../../src/status/status.ts";
import {
  ageOf,
  dataset,
  days,
  drillOf,
  months,
  pending,
  room,
  snapshotDue,
  status,
  weeks,
} from "./status-parts.ts";

/** What no page may obey. */
const HOSTILE = `"><script>document.title='owned'</script><img src=x onerror=alert(1)>'\`}</style><style>*{display:none}\u202e`;

/** A status with `bad` in every place that is not read as a label or a dataset's name before. */
export function statusWith(bad: string): Status {
  const made = dataset(months("2026-05", 7));
  const [latest] = made.applies?.slice(-1) ?? [];
  const [drill] = (made.drills ?? []).slice(-1);
  return {
    ...status([
      {
        ...made,
        workstation: bad as HostName,
        server: bad as HostName,
        verdict: "in-doubt",
        because: [bad],
        nextAnchor: { label: "2027-03" as Label, by: "age", because: bad },
        due: [{ ...snapshotDue("2026-11"), id: bad as ActionId, summary: bad, hazard: "destructive" }],
        doubts: [{ code: "unknown-state", host: bad as HostName, weight: "damage", text: bad, next: bad }],
        advice: [bad],
        space: { ...made.space, server: { ...room(1, 2), path: bad as AbsolutePath } },
        restore: { estimateMs: 1, because: bad },
        drills: drill === undefined ? [] : [{ ...drill, why: bad }],
        applies: latest === undefined ? [] : [{ ...latest, who: bad, result: bad, failed: bad, why: bad }],
        verification: { at: bad, ageMs: 0, result: "whole", what: bad },
      },
    ]),
    verdict: "in-doubt",
    because: [bad],
    away: [{ host: bad as HostName, why: bad }],
    schedule: {
      on: bad as HostName,
      calendar: bad,
      isSetUp: false,
      nextRunAt: bad,
      lastRunAt: bad,
      retryAt: bad,
      lastExit: { at: bad, exitCode: 4 },
    },
    cloud: { bucket: bad, objects: 1, bytes: 1, monthlyCostUsd: 1, unknown: bad },
  };
}

function nothingYet(): DatasetStatus {
  const { space, ...rest } = dataset([]);
  return {
    ...rest,
    verdict: "overdue",
    because: ["no backup is registered"],
    overdue: { isOverdue: true, allowed: "40 days", since: null },
    history: [pending("2026-11", "anchor", null)],
    nextAnchor: { label: "2026-11" as Label, by: "first", because: "this is the first backup" },
    due: [
      snapshotDue("2026-11"),
      {
        ...snapshotDue("2026-11"),
        id: "anchor:dev@2026-11" as ActionId,
        stage: "artifact",
        summary: "send dev@2026-11 to ls as an anchor",
      },
    ],
    space: { ...space, growthBytesPerLabel: null, monthsLeft: null },
    inBucket: { objects: 0, bytes: 0 },
    restore: { estimateMs: null, because: "no drill yet" },
    verification: null,
    drills: [],
    applies: [],
  };
}

function damaged(): Status {
  const made = dataset(months("2025-04", 20));
  const lost = new Set(["2026-07", "2026-08", "2026-09", "2026-10", "2026-11"]);
  const standing: Readonly<Record<string, Partial<LabelStatus["places"]>>> = {
    "2025-09": { artifact: "damaged" },
    "2026-02": { cloud: "missing" },
    "2026-07": { artifact: "missing", cloud: "damaged" },
    "2026-11": { server: "unknown" },
  };
  const history = made.history.map((slot) =>
    slot.kind === "gap"
      ? slot
      : {
          ...slot,
          places: { ...slot.places, ...standing[slot.label] },
          restorable: !lost.has(slot.label),
        },
  );
  const doubts: Doubt[] = [
    {
      code: "chain-hole",
      host: null,
      weight: "damage",
      text: "the artifact of 2026-07 is whole nowhere: 2026-07 to 2026-11 can't be restored from artifacts",
      next: "devbackup manifest chain 2026-07",
    },
    {
      code: "artifact-damaged",
      host: "ls" as HostName,
      weight: "damage",
      text: "dev@2025-09.incr.from_2025-08.send.zst.age is not what was registered; the next apply fetches it from the bucket",
      next: null,
    },
    {
      code: "object-missing",
      host: null,
      weight: "warning",
      text: "the bucket has lost the object of 2026-02; the next apply uploads it again",
      next: null,
    },
  ];
  const failed: DrillStatus = {
    ...drillOf("2026-11-14T08:01:00Z", "2026-11"),
    result: "failed",
    why: "the artifact of 2026-07 is missing on ls and damaged in the bucket",
  };
  return status([
    {
      ...made,
      verdict: "in-doubt",
      because: doubts.map(({ host, text }) => (host === null ? text : `${host}: ${text}`)),
      history,
      doubts,
      due: [
        {
          ...snapshotDue("2025-09"),
          stage: "cloud",
          summary: "fetch the artifact of 2025-09 from the bucket",
          id: "fetch:dev@2025-09" as ActionId,
        },
        {
          ...snapshotDue("2026-07"),
          stage: "cloud",
          hazard: "destructive",
          summary: "replace the damaged object of 2026-07",
          id: "replace:dev@2026-07" as ActionId,
        },
      ],
      drills: [...(made.drills ?? []), failed],
      verification: {
        at: "2026-11-20T03:22:41Z",
        ageMs: ageOf("2026-11-20T03:22:41Z"),
        result: "damaged",
        what: "20 artifacts, 15.3 GiB",
      },
    },
  ]);
}

function overdue(): Status {
  const made = dataset(months("2026-01", 8));
  const labels = made.history.filter((slot) => slot.kind === "label");
  return status([
    {
      ...made,
      verdict: "overdue",
      because: ["the newest backup, 2026-08, is 113 days old: more than the 40 days that are allowed"],
      history: [
        ...labels.slice(0, 3),
        { kind: "gap", from: "2026-04" as Label, to: "2026-04" as Label, count: 1 },
        ...labels.slice(4).map((label, at) => (at === 0 ? { ...label, parent: "2026-03" as Label } : label)),
        { kind: "gap", from: "2026-09" as Label, to: "2026-10" as Label, count: 2 },
        pending("2026-11", "increment", "2026-08"),
      ],
      overdue: { isOverdue: true, allowed: "40 days", since: "2026-09-10T03:17:00Z" },
      due: [snapshotDue("2026-11")],
      advice: ["the newest proof is 4 months old: devbackup drill makes another"],
    },
  ]);
}

function twoDatasets(): Status {
  const photos = dataset(weeks(41));
  return status([
    dataset(months("2026-01", 11)),
    {
      ...photos,
      dataset: "photos" as DatasetName,
      cadence: "weekly",
      current: "2026-W47" as Label,
      verdict: "overdue",
      because: ["the newest backup, 2026-W41, is 48 days old: more than the 10 days that are allowed"],
      overdue: { isOverdue: true, allowed: "10 days", since: "2026-10-15T03:17:00Z" },
    },
  ]);
}

function workstationAway(): Status {
  const made = dataset(months("2026-01", 11), { workstation: "unknown" });
  return {
    ...status([{ ...made, space: { ...made.space, workstation: null } }]),
    away: [{ host: "ws" as HostName, why: "no answer from laptop.lan:22 within 10 s" }],
  };
}

/** Everything that a report may have to show, by what is the matter. */
export const STATUSES: Readonly<Record<string, Status>> = {
  "nothing yet": status([nothingYet()]),
  "one label": status([dataset(months("2026-11", 1))]),
  "24 labels": status([dataset(months("2024-12", 24))]),
  damage: damaged(),
  overdue: overdue(),
  "no cloud": { ...status([dataset(months("2026-03", 9), { cloud: "not-wanted" })]), cloud: null },
  "two datasets": twoDatasets(),
  "workstation away": workstationAway(),
  "150 days": status([{ ...dataset(days("2026-06-26", 150), {}, 140), cadence: "daily" }]),
  hostile: statusWith(HOSTILE),
};
