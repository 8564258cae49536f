import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { labelAfter, periodStart } from "../domain/label.ts";
import { chainOf } from "../domain/lineage.ts";
import type { ManifestRow } from "../domain/manifest.ts";
import type { HostName } from "../domain/names.ts";
import { type PendingLabel, pendingLabels } from "../domain/pending.ts";
import { after, formatPeriod } from "../domain/period.ts";
import type { ActionId, Plan } from "../plan/plan.ts";
import { planFrom, viewOf } from "../reconcilers/diff-all.ts";
import type { Observation } from "../reconcilers/facts.ts";
import type { LayoutFacts } from "../reconcilers/machine/folders.ts";
import { waitingRows } from "../reconcilers/manifest/store.ts";
import type { Request } from "../reconcilers/request.ts";
import type { View } from "../reconcilers/view.ts";
import { cloudStatus, inBucket } from "./cloud.ts";
import { copiesInDoubt, datedAhead, judge, saidOf } from "./doubts.ts";
import { drillInDoubt, drillsOf } from "./drills.ts";
import { growthPerLabel, monthsLeft, nextAnchor } from "./forecast.ts";
import { ageMs, historyOf } from "./history.ts";
import { runInDoubt, scheduleInDoubt, scheduleStatus } from "./schedule.ts";
import {
  APPLIES_SHOWN,
  type DatasetStatus,
  type DueAction,
  type Room,
  type Status,
  type Verdict,
} from "./status.ts";
import { foundInDoubt, verificationOf, withFound } from "./verification.ts";

/** Hosts that did not answer, and why. */
export type Away = ReadonlyMap<HostName, string>;

/** Where everything stands: what was looked at, and the plan of a backup that follows from it. Pure. */
export function statusOf(
  desired: DesiredState,
  observed: Observation,
  request: Request,
  away: Away = new Map(),
): Status {
  const plan = planFrom(desired, observed, request);
  const datasets = desired.datasets.map((spec) =>
    datasetStatus(desired, spec, observed, request, plan, away),
  );
  const said = saidOf(plan, null, new Set(away.keys()));
  const ofSchedule = [
    ...scheduleInDoubt(desired, observed, plan),
    ...runInDoubt(desired, observed, plan, datasets),
  ];
  const general = { ...said, doubts: [...said.doubts, ...ofSchedule] };
  const ownVerdict = judge(general.doubts, null);
  const several = datasets.length > 1;
  return {
    formatVersion: 1,
    takenAt: observed.takenAt.toISOString(),
    verdict: worst([ownVerdict.verdict, ...datasets.map(({ verdict }) => verdict)]),
    because: [
      ...datasets.flatMap(({ dataset, because }) =>
        because.map((reason) => (several ? `${dataset}: ${reason}` : reason)),
      ),
      ...ownVerdict.because,
    ],
    away: [...away].map(([host, why]) => ({ host, why })),
    schedule: scheduleStatus(desired, observed, plan),
    cloud: cloudStatus(desired, observed),
    ...general,
    datasets,
  };
}

const BY_WEIGHT: readonly Verdict[] = ["in-doubt", "overdue", "well"];
const worst = (verdicts: readonly Verdict[]): Verdict =>
  BY_WEIGHT.find((verdict) => verdicts.includes(verdict)) ?? "well";

function datasetStatus(
  desired: DesiredState,
  spec: DatasetSpec,
  observed: Observation,
  request: Request,
  plan: Plan,
  away: Away,
): DatasetStatus {
  const about = viewOf(desired, spec, observed, request);
  if (about.kind === "nothing") throw new RangeError("a backup has a course");
  const { view } = about;
  const { rows, target } = view.course;
  const pending = pendingOf(view);
  const actions = plan.actions.filter((action) => concerns(spec, action));
  const looked = historyOf({ view, rows, pending, actions });
  const history = withFound(view, looked);
  const last = rows.at(-1);
  const newest =
    last === undefined ? null : { label: last.label, at: last.ts, ageMs: ageMs(last.ts, view.takenAt) };
  const overdue = overdueOf(spec, last ?? null, view.takenAt);
  const said = saidOf(plan, spec.name, new Set(away.keys()));
  const labels = history.filter((entry) => entry.kind === "label");
  const doubts = [
    ...said.doubts,
    ...copiesInDoubt(
      spec,
      looked.filter((entry) => entry.kind === "label"),
      actions,
    ),
    ...foundInDoubt(view),
    ...drillInDoubt(view),
    ...datedAhead(rows, view.takenAt),
  ];
  const anchor = nextAnchor(spec, rows, pending, target);
  return {
    dataset: spec.name,
    workstation: spec.workstation,
    server: spec.server,
    cadence: spec.cadence,
    ...judge(doubts, { newest, overdue }),
    history,
    current: target,
    newest,
    overdue,
    chain: chainStatus(view),
    nextAnchor: anchor,
    due: dueActions(spec, actions, pending, away),
    doubts,
    advice: said.advice,
    space: spaceOf(view, anchor),
    inBucket: inBucket(view.cloud?.bucket),
    ...drillsOf(view),
    verification: verificationOf(view, labels),
    applies: appliesOf(view),
  };
}

/** Whoever can't see the workstation can't see either whether the parent of the next increment is there. */
function pendingOf({ spec, facts, course }: View): readonly PendingLabel[] {
  if (facts.snapshots.kind !== "unknown") return course.pending;
  const { rows, target } = course;
  const made = facts.store.kind === "known" ? waitingRows(facts.store.value, rows) : [];
  return pendingLabels({ rows, made, snapshots: [], target, rule: spec.anchor, parentGone: null });
}

const concerns = (
  { name, workstation, server }: DatasetSpec,
  { dataset, host }: Plan["actions"][number],
): boolean => dataset === name || (dataset === null && (host === workstation || host === server));

/** Of a label that waits for a workstation which is away, nothing can be said but that it waits. */
function dueActions(
  { workstation }: DatasetSpec,
  actions: Plan["actions"],
  pending: readonly PendingLabel[],
  away: Away,
): DueAction[] {
  const waiting = new Set(away.has(workstation) ? pending.map(({ label }) => label) : []);
  const held = new Set<ActionId>();
  // what is needed stands before what needs it
  for (const { id, host, label, needs } of actions)
    if (away.has(host) || (label !== null && waiting.has(label)) || needs.some((need) => held.has(need)))
      held.add(id);
  return actions
    .filter(({ id }) => !held.has(id))
    .map(({ id, kind, host, stage, label, summary, hazard, approvedBy }) => ({
      id,
      kind,
      host,
      stage,
      label,
      summary,
      // what the desired state lets through waits for nobody
      hazard: approvedBy === undefined ? hazard : "none",
    }));
}

/** A row whose clock ran ahead is no younger than its period: in no time zone does that end a day later than in UTC. */
function overdueOf(
  { overdueAfter }: DatasetSpec,
  newest: Pick<ManifestRow, "ts" | "label"> | null,
  now: Date,
): DatasetStatus["overdue"] {
  const allowed = formatPeriod(overdueAfter);
  if (newest === null) return { isOverdue: true, allowed, since: null };
  const ended = after(periodStart(labelAfter(newest.label, 1)), { count: 1, unit: "day" });
  const madeAt = new Date(Math.min(Date.parse(newest.ts), ended.getTime()));
  const until = after(madeAt, overdueAfter);
  const isOverdue = until.getTime() < now.getTime();
  return { isOverdue, allowed, since: isOverdue ? until.toISOString() : null };
}

function chainStatus({ course: { rows } }: View): DatasetStatus["chain"] {
  const last = rows.at(-1);
  const [anchor, ...increments] = (last && chainOf(rows, last.label)) ?? [];
  if (anchor === undefined) return null;
  return {
    anchor: anchor.label,
    length: increments.length + 1,
    anchorBytes: anchor.sizeBytes,
    incrementBytes: increments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}

function spaceOf({ spec, facts, course }: View, anchor: DatasetStatus["nextAnchor"]): DatasetStatus["space"] {
  const growth = growthPerLabel(spec, course.rows, anchor);
  const server = facts.serverLayout.kind === "known" ? facts.serverLayout.value : null;
  const workstation = facts.workstationLayout.kind === "known" ? facts.workstationLayout.value : null;
  return {
    server: server && roomOf(spec.repository, server),
    workstation: workstation && roomOf(spec.snapshots, workstation),
    growthBytesPerLabel: growth,
    monthsLeft: monthsLeft(server?.place ?? null, growth, spec.cadence),
  };
}

const roomOf = (path: Room["path"], { place }: LayoutFacts): Room => ({
  path,
  freeBytes: place.freeBytes,
  sizeBytes: place.sizeBytes,
  quotaLeftBytes: place.quota?.leftBytes ?? null,
});

function appliesOf({ facts: { journal }, takenAt }: View): DatasetStatus["applies"] {
  if (journal.kind === "unknown") return null;
  const runs = journal.kind === "known" ? journal.value : [];
  return runs.slice(-APPLIES_SHOWN).map((run) => ({ ...run, ageMs: ageMs(run.startedAt, takenAt) }));
}
