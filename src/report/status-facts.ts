import { printable } from "../domain/printable.ts";
import { AGAIN } from "../domain/trouble.ts";
import {
  formatAgo,
  formatBytes,
  formatDuration,
  formatMinute,
  formatMonths,
  formatUsd,
  plural,
} from "../domain/units.ts";
import { STAGES } from "../plan/plan.ts";
import type {
  ApplyStatus,
  CloudStatus,
  DatasetStatus,
  Room,
  ScheduleStatus,
  SpaceStatus,
  Status,
} from "../status/status.ts";
import { type Paint, wrapBehind } from "./lines.ts";

const NAME_WIDTH = 13;

/** One line each, or a few: `chain        the anchor 2026-04, 100 MiB, and …`. */
export const factLines = (
  dataset: DatasetStatus,
  { datasets, away }: Status,
  width: number,
  paint: Paint,
): string[] =>
  named(
    [
      ["newest", newest(dataset)],
      ["due", due(dataset, away)],
      ["chain", chain(dataset)],
      ["next anchor", nextAnchor(dataset)],
      ["room", `${dataset.server}: ${roomOf(dataset.space.server)}${growth(dataset.space)}`],
      ["", `${dataset.workstation}: ${roomOf(dataset.space.workstation)}`],
      ...(datasets.length > 1 && dataset.inBucket !== null
        ? [
            [
              "bucket",
              `${plural(dataset.inBucket.objects, "object")}, ${formatBytes(dataset.inBucket.bytes)}`,
            ] as const,
          ]
        : []),
      ["restore", restore(dataset)],
      ["verified", verified(dataset)],
      ["last apply", lastApply(dataset.applies)],
    ],
    width,
    paint,
  );

/** What concerns all of the datasets. */
export const generalLines = (
  { cloud, schedule }: Status,
  {
    width,
    inWords = (next) => next,
  }: { readonly width: number; readonly inWords?: (next: string) => string },
  paint: Paint,
): string[] =>
  named(
    [
      ["cloud", cloud === null ? "none: there is no off-site copy" : cloudText(cloud)],
      [
        "schedule",
        schedule === null
          ? "none: devbackup apply runs when somebody runs it"
          : scheduleText(schedule, inWords(AGAIN)),
      ],
    ],
    width,
    paint,
  );

const named = (facts: readonly (readonly [string, string])[], width: number, paint: Paint): string[] =>
  facts.flatMap(([name, text]) =>
    wrapBehind(`  ${name.padEnd(NAME_WIDTH)}`, "dim", printable(text), width, paint),
  );

function newest({ newest: found, overdue }: DatasetStatus): string {
  if (found === null) return "none yet";
  const since = overdue.since === null ? "" : `, overdue since ${overdue.since.slice(0, 10)}`;
  return `${found.label}, ${formatAgo(found.ageMs)} (at most ${overdue.allowed})${since}`;
}

function due(
  { due: actions, doubts, current, workstation, newest: found }: DatasetStatus,
  away: Status["away"],
): string {
  const waiting = actions.filter(({ hazard }) => hazard !== "none").length;
  const isAway = away.some(({ host }) => host === workstation) && found?.label !== current;
  const parts = [
    ...(isAway ? [`${current}, once ${workstation} is back`] : []),
    ...(actions.length === 0
      ? []
      : [
          `${plural(actions.length, "action")}: ${actions.length === 1 ? actions[0]?.summary : byStage(actions)}`,
        ]),
    ...(waiting === 0 ? [] : [`${waiting} of them ${waiting === 1 ? "waits" : "wait"} for approval`]),
    ...(actions.length > 0 && doubts.some(({ weight }) => weight === "problem")
      ? ["none is done before the problem is put right"]
      : []),
  ];
  return parts.length === 0 ? "nothing" : parts.join("; ");
}

function byStage(actions: DatasetStatus["due"]): string {
  const counts = STAGES.map(
    (stage) => [stage, actions.filter((action) => action.stage === stage).length] as const,
  );
  return counts
    .filter(([, count]) => count > 0)
    .map(([stage, count]) => `${count} ${stage}`)
    .join(", ");
}

function chain({ chain: found }: DatasetStatus): string {
  if (found === null) return "none yet";
  const { anchor, length, anchorBytes, incrementBytes } = found;
  if (length === 1) return `the anchor ${anchor} alone, ${formatBytes(anchorBytes)}`;
  const share = anchorBytes === 0 ? "" : ` (${Math.round((100 * incrementBytes) / anchorBytes)} %)`;
  return `the anchor ${anchor}, ${formatBytes(anchorBytes)}, and ${plural(length - 1, "increment")}, ${formatBytes(incrementBytes)}${share}`;
}

const nextAnchor = ({ nextAnchor: { label, because } }: DatasetStatus): string =>
  label === null ? because : `${label}: ${because}`;

const roomOf = (found: Room | null): string =>
  found === null
    ? "not known"
    : `${formatBytes(found.freeBytes)} free of ${formatBytes(found.sizeBytes)}${found.quotaLeftBytes === null ? "" : `, ${formatBytes(found.quotaLeftBytes)} left of the quota`}`;

function growth({ growthBytesPerLabel, monthsLeft }: SpaceStatus): string {
  if (growthBytesPerLabel === null || monthsLeft === null) return "";
  return `, ${formatBytes(growthBytesPerLabel)} a label: ${formatMonths(monthsLeft)}`;
}

function restore({ restore: { estimateMs, because }, drills }: DatasetStatus): string {
  const good = drills?.findLast(({ result }) => result !== "failed");
  if (estimateMs === null || good === undefined) return because;
  return `about ${formatDuration(estimateMs)}, ${because}, ${formatAgo(good.ageMs)}`;
}

const verified = ({ verification }: DatasetStatus): string =>
  verification === null
    ? "not known"
    : verification.result === "none"
      ? "not yet"
      : `${formatAgo(verification.ageMs)}: ${verification.what}, ${verification.result}`;

function lastApply(applies: readonly ApplyStatus[] | null): string {
  if (applies === null) return "not known";
  const last = applies.at(-1);
  if (last === undefined) return "none yet";
  const took = last.durationMs === null ? "" : ` in ${formatDuration(last.durationMs)}`;
  const what = `${last.done} of ${plural(last.planned, "action")}${took}`;
  return `${formatAgo(last.ageMs)} by ${last.who}: ${RESULT[last.result] ?? last.result}, ${what}${last.failed === null ? "" : `; ${last.failed} failed`}`;
}

function scheduleText(
  { on, calendar, isSetUp, nextRunAt, retryAt, lastExit }: ScheduleStatus,
  apply: string,
): string {
  const next = isSetUp === false ? "what stands there runs next" : "next";
  return [
    `on ${on}, ${calendar}`,
    ...(isSetUp === false ? [`not set up like this yet: ${apply}`] : []),
    ...(nextRunAt === null ? [] : [`${next} ${formatMinute(nextRunAt)} UTC`]),
    ...(lastExit === null || lastExit.exitCode === 0
      ? []
      : [
          `the last run ended with exit code ${lastExit.exitCode}, ${formatMinute(lastExit.at)} UTC: journalctl -u devbackup there says why`,
        ]),
    ...(retryAt === null ? [] : [`tried again at ${formatMinute(retryAt)} UTC`]),
  ].join("; ");
}

/** Null where it did not fail. */
export function failedText(applies: readonly ApplyStatus[] | null): string | null {
  const last = applies?.at(-1);
  if (last?.result !== "failed") return null;
  const exit = last.exitCode === null ? "" : `, exit code ${last.exitCode}`;
  const why = last.why ?? (last.failed === null ? null : `${last.failed} failed`);
  return `the last apply failed: ${formatMinute(last.startedAt)} UTC${exit}${why === null ? "" : `, ${why}`}. The log of applies: devbackup report`;
}

const RESULT: Readonly<Record<string, string>> = {
  "left-undone": "something was left undone",
  open: "goes on, or was cut off",
};

function cloudText({ bucket, objects, bytes, monthlyCostUsd, unknown }: CloudStatus): string {
  if (objects === null || bytes === null)
    return `${bucket} could not be looked at${unknown === null ? "" : `: ${unknown}`}`;
  const cost =
    monthlyCostUsd === null
      ? ""
      : monthlyCostUsd === 0
        ? "; nothing to pay up to 10 GB"
        : `; about ${formatUsd(monthlyCostUsd)} a month`;
  return `${bucket}: ${plural(objects, "object")}, ${formatBytes(bytes)}${cost}`;
}
