import { type Label, periodStart } from "../../../src/domain/label.ts";
import type { AbsolutePath, DatasetName, HostName } from "../../../src/domain/names.ts";
import { DAY_MS, formatBytes } from "../../../src/domain/units.ts";
import type { ActionId } from "../../../src/plan/plan.ts";
import type {
  ApplyStatus,
  DatasetStatus,
  DrillStatus,
  LabelStatus,
  Standing,
  Status,
} from "../../../src/status/status.ts";

const NOW = new Date("2026-11-22T13:30:00Z");
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
export const ageOf = (at: string): number => NOW.getTime() - Date.parse(at);

/** What every status here is put together from: as it is where all is well. */
export function status(datasets: readonly DatasetStatus[]): Status {
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
      isSetUp: true,
      retryAt: null,
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
export function dataset(
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

export const pending = (label: string, type: "anchor" | "increment", parent: string | null): LabelStatus => ({
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

export const snapshotDue = (label: string): DatasetStatus["due"][number] => ({
  id: `snapshot:dev@${label}` as ActionId,
  kind: "snapshot",
  host: "ws" as HostName,
  stage: "snapshot",
  label: label as Label,
  summary: `take the snapshot dev@${label}`,
  hazard: "none",
});

export const room = (freeBytes: number, sizeBytes: number) => ({
  path: "/srv/btrfs-backups/dev" as AbsolutePath,
  freeBytes,
  sizeBytes,
  quotaLeftBytes: null,
});

export const drillOf = (at: string, label: string): DrillStatus => ({
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

export function months(first: string, count: number): string[] {
  const start = periodStart(first as Label);
  return Array.from({ length: count }, (_, at) =>
    new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + at, 1)).toISOString().slice(0, 7),
  );
}

export const days = (first: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) =>
    new Date(Date.parse(first) + at * DAY_MS).toISOString().slice(0, 10),
  );

export const weeks = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `2026-W${String(at + 1).padStart(2, "0")}`);
