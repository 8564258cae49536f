import { type Html, html } from "../../domain/html.ts";
import {
  formatAgo,
  formatBytes,
  formatDuration,
  formatMonths,
  formatUsd,
  plural,
} from "../../domain/units.ts";
import type { CloudStatus, DatasetStatus, Status } from "../../status/status.ts";
import type { Tone } from "./signs.ts";
import { day, time } from "./words.ts";

interface FactShown {
  readonly name: string;
  /** In large letters. */
  readonly value: string | Html;
  readonly tone?: Tone;
  readonly about?: string | Html | null;
}

/** What one looks for first: how old, how soon, how long, how much. */
export const health = (status: Status, dataset: DatasetStatus): Html =>
  facts([
    newest(dataset),
    restoreTime(dataset),
    due(dataset),
    nextAnchor(dataset),
    lastDrill(dataset),
    lastVerification(dataset),
    room(dataset),
    bucket(status, dataset),
  ]);

/** About the whole, in sentences. */
export function surroundings({ schedule, cloud }: Status): Html {
  const runs =
    schedule === null ? html`No schedule: <code>devbackup apply</code> is run by hand.` : scheduled(schedule);
  const stored =
    cloud === null
      ? null
      : cloud.unknown !== null
        ? `What is in the bucket ${cloud.bucket} is not known: ${cloud.unknown}`
        : `In the bucket ${cloud.bucket}: ${plural(cloud.objects ?? 0, "object")}, ${formatBytes(cloud.bytes ?? 0)}${costs(cloud)}.`;
  return html`<p class="quiet">${runs} ${stored}</p>\n`;
}

function scheduled({
  on,
  calendar,
  isSetUp,
  nextRunAt,
  lastRunAt,
  retryAt,
  lastExit,
}: NonNullable<Status["schedule"]>): Html {
  const undone = html`not set up like this yet: <code>devbackup apply</code>.`;
  if (isSetUp === false && nextRunAt === null)
    return html`To run by itself on ${on} (${calendar}); ${undone}`;
  const code =
    lastExit === null || lastExit.exitCode === 0 ? "" : ` and ended with exit code ${lastExit.exitCode}`;
  const last = lastRunAt === null ? null : html`, the last was ${time(lastRunAt)}${code}`;
  const next = nextRunAt === null ? null : html`, next ${time(nextRunAt)}`;
  const retry = retryAt === null ? null : html`; tried again at ${time(retryAt)}`;
  return html`Runs by itself on ${on} (${calendar})${next}${last}${retry}.${
    isSetUp === false ? html` It is ${undone}` : null
  }`;
}

const costs = ({ monthlyCostUsd }: CloudStatus): string =>
  monthlyCostUsd === null ? "" : `, ${formatUsd(monthlyCostUsd)} a month by R2’s prices`;

const facts = (shown: readonly FactShown[]): Html => html`<dl class="facts">
${shown.map(
  ({ name, value, tone, about }) =>
    html`<div><dt>${name}</dt><dd><b class="${tone ?? ""}">${value}</b>${about ?? null}</dd></div>\n`,
)}</dl>
`;

function newest({ newest: found, overdue }: DatasetStatus): FactShown {
  const tone: Tone | undefined = overdue.isOverdue ? "warn" : undefined;
  if (found === null)
    return {
      name: "Newest backup",
      value: "none yet",
      ...(tone && { tone }),
      about: "nothing is registered",
    };
  const since = overdue.since === null ? null : html`, overdue since ${day(overdue.since)}`;
  return {
    name: `Newest backup, ${found.label}`,
    value: formatAgo(found.ageMs),
    ...(tone && { tone }),
    about: html`${overdue.allowed} are allowed${since}`,
  };
}

const restoreTime = ({ restore }: DatasetStatus): FactShown => ({
  name: "A restore takes about",
  value: restore.estimateMs === null ? "not known" : formatDuration(restore.estimateMs),
  about: restore.because,
});

function due({ due: actions }: DatasetStatus): FactShown {
  const waiting = actions.filter(({ hazard }) => hazard !== "none").length;
  return {
    name: "Due",
    value: actions.length === 0 ? "nothing" : plural(actions.length, "action"),
    about:
      actions.length === 0
        ? "all is as declared"
        : waiting === 0
          ? "done by the next apply"
          : `${waiting} of them only when approved`,
  };
}

const nextAnchor = ({ nextAnchor: { label, because }, chain }: DatasetStatus): FactShown => ({
  name: "Next anchor",
  value: label ?? "none in sight",
  about: html`${because}${chain === null ? null : `; the chain is ${plural(chain.length, "artifact")} long`}`,
});

function lastDrill({ drills }: DatasetStatus): FactShown {
  if (drills === null) return { name: "Last drill", value: "not known", about: "nobody could look" };
  const last = drills.at(-1);
  if (last === undefined)
    return { name: "Last drill", value: "none yet", about: "devbackup drill proves a restore" };
  return {
    name: "Last drill",
    value: last.result,
    ...(last.result === "failed" && { tone: "bad" as const }),
    about: html`${last.label}, ${formatAgo(last.ageMs)}`,
  };
}

function lastVerification({ verification }: DatasetStatus): FactShown {
  if (verification === null)
    return { name: "Last verification", value: "not known", about: "nobody could look" };
  if (verification.result === "none")
    return { name: "Last verification", value: "none yet", about: "devbackup verify reads everything again" };
  const { result, what, ageMs } = verification;
  return {
    name: "Last verification",
    value: result === "whole" ? "all whole" : "damage found",
    ...(result === "damaged" && { tone: "bad" as const }),
    about: `${what}, ${formatAgo(ageMs)}`,
  };
}

function room({ space, server, workstation }: DatasetStatus): FactShown {
  const there = space.workstation;
  const beside = there === null ? null : `; ${formatBytes(there.freeBytes)} free on ${workstation}`;
  if (space.server === null)
    return { name: `Room on ${server}`, value: "not known", about: html`nobody could look${beside}` };
  const free = Math.min(space.server.freeBytes, space.server.quotaLeftBytes ?? Number.POSITIVE_INFINITY);
  const pace =
    space.growthBytesPerLabel === null ? "" : ` at ${formatBytes(space.growthBytesPerLabel)} a label`;
  const lasts = space.monthsLeft === null ? "" : `enough for ${formatMonths(space.monthsLeft)}${pace}`;
  return {
    name: `Room on ${server}`,
    value: `${formatBytes(free)} free`,
    ...(space.monthsLeft !== null && space.monthsLeft < 3 && { tone: "warn" as const }),
    about: html`${lasts}${lasts === "" ? (beside?.slice(2) ?? null) : beside}`,
  };
}

function bucket({ cloud, datasets }: Status, { inBucket }: DatasetStatus): FactShown {
  if (cloud === null) return { name: "Cloud", value: "none", about: "no copy in another place" };
  return inBucket === null
    ? { name: "In the bucket", value: "not known", about: "it could not be looked at" }
    : {
        name: "In the bucket",
        value: formatBytes(inBucket.bytes),
        // the bill is for all of them together
        about: `${plural(inBucket.objects, "object")}${datasets.length === 1 ? costs(cloud) : ""}`,
      };
}
