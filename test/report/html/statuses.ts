import { type Label, periodStart } from "../../../src/domain/label.ts";
import type { AbsolutePath, DatasetName, HostName } from "../../../src/domain/names.ts";
import { formatBytes } from "../../../src/domain/units.ts";
import type { ActionId } from "../../../src/plan/plan.ts";
import type {
  ApplyStatus,
  DatasetStatus,
  Doubt,
  DrillStatus,
  LabelStatus,
  Standing,
  Status,
} from "../../../src/status/status.ts";

const NOW = new Date("2026-11-22T13:30:00Z");
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const DAY_MS = 86_400_000;
const ageOf = (at: string): number => NOW.getTime() - Date.parse(at);

/** What no page may obey. */
const HOSTILE = `"><script>document.title='owned'</script><img src=x onerror=alert(1)>'\`}</style><style>*{display:none}\u202e`;

/** A status with `bad` in every place that is not read as a label or a dataset's name before. */
export function statusWith(bad: string): Status {
  const made = dataset(months("2026-05", 7));
  const [latest] = made.applies?.slice(-1) ?? [];
  const [drill] = made.drills.slice(-1);
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
        doubts: [{ code: "x", host: bad as HostName, weight: "damage", text: bad, next: bad }],
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
      ...{ on: bad as HostName, calendar: bad, isSetUp: false, nextRunAt: bad, lastRunAt: bad, retryAt: bad },
      lastExit: { at: bad, exitCode: 4 },
    },
    cloud: { bucket: bad, objects: 1, bytes: 1, monthlyCostUsd: 1, unknown: bad },
  };
}

function status(datasets: readonly DatasetStatus[]): Status {
  const bytes = datasets.reduce((sum, { inBucket }) => sum + (inBucket?.bytes ?? 0), 0);
  const worst = (["in-doubt", "overdue"] as const).find((verdict) =>
    datasets.some((each) => each.verdict === verdict),
  );
  return {
    formatVersion: 1,
    takenAt: NOW.toISOString(),
    verdict: worst ?? "well",
    because: datasets.flatMap(({ dataset: name, because }) =>
      datasets.length > 1 ? because.map((reason) => `${name}: ${reason}`) : because,
    ),
    away: [],
    schedule: {
      on: "ls" as HostName,
      calendar: "*-*-01 03:00:00",
      ...{ isSetUp: true, retryAt: null },
      nextRunAt: "2026-12-01T03:00:00Z",
      lastRunAt: "2026-11-01T03:00:04Z",
      lastExit: { at: "2026-11-01T03:05:16Z", exitCode: 0 },
    },
    cloud: {
      bucket: "dev-backups",
      objects: datasets.reduce((sum, { inBucket }) => sum + (inBucket?.objects ?? 0), 0),
      bytes,
      monthlyCostUsd: Math.max(0, bytes / 1e9 - 10) * 0.015,
      unknown: null,
    },
    doubts: [],
    advice: [],
    datasets,
  };
}

/** As one that is well, of these labels. */
function dataset(
  labels: readonly string[],
  places: Partial<LabelStatus["places"]> = {},
  anchorEvery = 12,
): DatasetStatus {
  const history = labels.map(
    (label, at): LabelStatus =>
      labelOf(label, at % anchorEvery === 0 ? null : labels[at - 1], at, labels.length, places),
  );
  const newest = history.at(-1);
  const anchor = history.findLast(({ type }) => type === "anchor");
  const since = history.slice(anchor === undefined ? 0 : history.indexOf(anchor));
  const bytes = sum(history);
  return {
    dataset: "dev" as DatasetName,
    workstation: "ws" as HostName,
    server: "ls" as HostName,
    cadence: "monthly",
    verdict: "well",
    because: [],
    history,
    current: "2026-11" as Label,
    newest: newest?.at == null ? null : { label: newest.label, at: newest.at, ageMs: ageOf(newest.at) },
    overdue: { isOverdue: false, allowed: "40 days", since: null },
    chain:
      anchor === undefined
        ? null
        : {
            anchor: anchor.label,
            length: since.length,
            anchorBytes: anchor.sizeBytes ?? 0,
            incrementBytes: sum(since.slice(1)),
          },
    nextAnchor: nextAfter(anchor),
    due: [],
    doubts: [],
    advice: [],
    space: {
      server: room(bytes + 410 * GIB, 1863 * GIB),
      workstation: { ...room(122 * GIB, 476 * GIB), path: "/home" as AbsolutePath },
      growthBytesPerLabel: 380 * MIB,
      monthsLeft: 214,
    },
    inBucket: places.cloud === "not-wanted" ? null : { objects: history.length + 3, bytes: bytes + 8000 },
    restore: { estimateMs: 754_000, because: "as the drill of 2026-09 took" },
    verification: {
      at: "2026-11-01T03:22:41Z",
      ageMs: ageOf("2026-11-01T03:22:41Z"),
      result: "whole",
      what: `${history.length} artifacts, ${formatBytes(bytes)}`,
    },
    drills: [drillOf("2026-06-15T10:12:00Z", "2026-06"), drillOf("2026-09-14T08:01:00Z", "2026-09")],
    applies: history
      .slice(-8)
      .map(({ at }, index, all) => applyOf(at ?? "", index === all.length - 4 ? "failed" : "done")),
  };
}

function nextAfter(anchor: LabelStatus | undefined): DatasetStatus["nextAnchor"] {
  if (anchor === undefined)
    return { label: "2026-11" as Label, by: "first", because: "this is the first backup" };
  if (anchor.label.includes("W")) return { label: null, by: null, because: "none in sight by age or growth" };
  const [label] = months(anchor.label.slice(0, 7), 13).slice(-1);
  return {
    label: label as Label,
    by: "age",
    because: `${anchor.label}, the last one, is then 12 months old`,
  };
}

function labelOf(
  label: string,
  parent: string | null | undefined,
  at: number,
  count: number,
  places: Partial<LabelStatus["places"]>,
): LabelStatus {
  const anchor = parent == null;
  // as a tree of code grows: an anchor now and then, increments that differ
  const sizeBytes = anchor
    ? Math.round((4.1 + at / 30) * GIB)
    : Math.round((90 + ((at * 7919) % 410)) * MIB * (at % 5 === 3 ? 2.2 : 1));
  const made = new Date(periodStart(label as Label).getTime() + (3 * 60 + 17) * 60_000).toISOString();
  const left = count - at;
  return {
    kind: "label",
    label: label as Label,
    type: anchor ? "anchor" : "increment",
    parent: (parent ?? null) as Label | null,
    sizeBytes,
    sha256: "9f".repeat(32),
    at: made,
    ageMs: ageOf(made),
    places: {
      workstation: left <= 3 ? "whole" : "not-wanted",
      artifact: "whole",
      manifest: "whole",
      server: left <= 2 ? "whole" : "not-wanted",
      cloud: "whole",
      ...places,
    },
    restorable: true,
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
      code: "hole",
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
      drills: [...made.drills, failed],
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

const pending = (label: string, type: "anchor" | "increment", parent: string | null): LabelStatus => ({
  ...labelOf(label, undefined, 0, 1, {}),
  type,
  parent: parent as Label | null,
  sizeBytes: null,
  sha256: null,
  at: null,
  ageMs: null,
  places: {
    workstation: "due",
    artifact: "due",
    manifest: "due",
    server: "due",
    cloud: "due",
  } satisfies Record<string, Standing>,
  restorable: null,
});

const snapshotDue = (label: string): DatasetStatus["due"][number] => ({
  id: `snapshot:dev@${label}` as ActionId,
  kind: "snapshot",
  host: "ws" as HostName,
  stage: "snapshot",
  label: label as Label,
  summary: `take the snapshot dev@${label}`,
  hazard: "none",
});

const room = (freeBytes: number, sizeBytes: number) => ({
  path: "/srv/btrfs-backups/dev" as AbsolutePath,
  freeBytes,
  sizeBytes,
  quotaLeftBytes: null,
});

const drillOf = (at: string, label: string): DrillStatus => ({
  at,
  ageMs: ageOf(at),
  label: label as Label,
  result: "proven",
  durationMs: 754_000,
  sizeBytes: 11.2 * GIB,
  why: null,
});

const applyOf = (startedAt: string, result: string): ApplyStatus => ({
  startedAt,
  ageMs: ageOf(startedAt),
  who: "root@ls",
  result,
  durationMs: result === "done" ? 312_000 : 41_000,
  planned: 6,
  done: result === "done" ? 6 : 2,
  ...(result === "done"
    ? { failed: null, why: null, exitCode: 0 }
    : { failed: "artifact:dev@2026-08", why: "ls: the link to ws was lost", exitCode: 1 }),
});

const sum = (labels: readonly LabelStatus[]): number =>
  labels.reduce((total, { sizeBytes }) => total + (sizeBytes ?? 0), 0);

function months(first: string, count: number): string[] {
  const start = periodStart(first as Label);
  return Array.from({ length: count }, (_, at) =>
    new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + at, 1)).toISOString().slice(0, 7),
  );
}

const days = (first: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) =>
    new Date(Date.parse(first) + at * DAY_MS).toISOString().slice(0, 10),
  );

const weeks = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `2026-W${String(at + 1).padStart(2, "0")}`);

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
