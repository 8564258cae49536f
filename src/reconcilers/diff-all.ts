import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { absent, unknown } from "../domain/fact.ts";
import { compareLabels, type Label, labelAt } from "../domain/label.ts";
import type { DatasetName } from "../domain/names.ts";
import { AGAIN } from "../domain/trouble.ts";
import { formatDuration } from "../domain/units.ts";
import { assemble } from "../plan/assemble.ts";
import type { Plan, Problem, Warning } from "../plan/plan.ts";
import { RECONCILERS, restorers } from "./all.ts";
import { type Answer, problem, together } from "./answer.ts";
import { courseOf, restoreCourse } from "./course.ts";
import { cloudOf, type Observation } from "./facts.ts";
import { afterApplyNotes } from "./hooks/after-apply.ts";
import { memoryProblems } from "./keys/memory.ts";
import { afterTrust } from "./keys/trust.ts";
import { toolsFirst } from "./machine/packages.ts";
import { replacementOf } from "./manifest/replacement.ts";
import { restingOnManifest } from "./manifest/sign.ts";
import { registered } from "./manifest/store.ts";
import { missedPeriods } from "./missed.ts";
import { hostsOf, isMakingLabels, type Request } from "./request.ts";
import { lookForRoom } from "./room.ts";
import type { Course, View } from "./view.ts";

/** More than this between two clocks, and labels or time-outs may come out wrong. */
export const SKEW_MS = 5 * 60_000;

/** Desired state and observation → plan. Pure: the same for `plan`, `apply` and each look in between. */
export function planFrom(desired: DesiredState, observed: Observation, request: Request): Plan {
  const labels = new Map<DatasetName, Label>();
  const views: View[] = [];
  const answers = desired.datasets.map((spec) => {
    const about = viewOf(desired, spec, observed, request);
    if (about.kind === "nothing") return together([about.answer]);
    const { view } = about;
    labels.set(spec.name, view.course.target);
    views.push(view);
    const answer =
      request.restore === null
        ? together([
            {
              problems: [
                ...(isMakingLabels(request)
                  ? [
                      ...labelProblems(spec, view.course, request),
                      ...clockProblems(spec, view.course, observed, request),
                    ]
                  : []),
                ...memoryProblems(view),
              ],
            },
            request.selection.kinds === undefined ? missedPeriods(view, request) : {},
            ...RECONCILERS.map((reconciler) => reconciler.diff(view)),
          ])
        : together(restorers(request.restore.to !== null).map((reconciler) => reconciler.diff(view)));
    return { ...answer, actions: afterTrust(view, restingOnManifest(view, answer.actions)) };
  });
  const { actions, warnings, notes, problems } = toolsFirst(together(answers));
  const draft = {
    createdAt: observed.takenAt,
    mode: request.restore === null ? ("backup" as const) : ("restore" as const),
    labels,
    warnings: [...generalWarnings(desired, observed), ...warnings],
    notes,
    problems,
    actions,
  };
  const plan = assemble(draft, request.selection);
  // of what is selected: what is left out takes no room
  const room = lookForRoom(
    views.map((view) => ({
      view,
      actions: plan.actions.filter(({ dataset }) => dataset === view.spec.name),
    })),
  );
  return {
    ...plan,
    notes: [...plan.notes, ...afterApplyNotes(desired, plan)],
    problems: [...plan.problems, ...room.problems],
    warnings: [...plan.warnings, ...room.warnings],
  };
}

/** What a dataset's reconcilers look at, or why there is nothing that they could be asked. */
export function viewOf(
  desired: DesiredState,
  spec: DatasetSpec,
  observed: Observation,
  request: Request,
): { kind: "view"; view: View } | { kind: "nothing"; answer: Answer<never> } {
  const facts = observed.datasets.get(spec.name);
  if (facts === undefined) throw new RangeError(`${spec.name} was not observed`);
  const cloud = cloudOf(desired, spec, observed);
  const recovered = observed.recovered.get(spec.name) ?? absent;
  const target = request.labels.get(spec.name);
  const memory = observed.memory.get(spec.name) ?? unknown("it was not read");
  const replacement = replacementOf({ spec, facts, cloud, memory });
  const replaced = replacement?.kind === "ready" ? replacement.rows : null;
  const rows = replaced ?? registered(facts.manifest);
  const course =
    request.restore === null
      ? target !== undefined && courseOf(spec, facts, cloud, target, rows, isMakingLabels(request))
      : restoreCourse(spec, facts, recovered, replaced, request.restore.label, desired.cloud !== null);
  if (course === false) throw new RangeError(`no label for ${spec.name}`);
  if ("problem" in course) return { kind: "nothing", answer: { problems: [course.problem] } };
  const { restore } = request;
  const hosts = hostsOf(desired, request);
  const { systems, takenAt, restrictions, schedule, scripts } = observed;
  const view = {
    desired,
    spec,
    facts,
    systems,
    cloud,
    memory,
    takenAt,
    course,
    restore,
    hosts,
    recovered,
    stages: request.selection.stages,
    ...(restrictions && { restrictions }),
    ...(schedule && { schedule }),
    ...(scripts && { scripts }),
  };
  return { kind: "view", view };
}

/** Labels only grow: what is asked for, or what the clock says, may not lie before what is registered. */
function labelProblems(spec: DatasetSpec, { rows, target }: Course, { labelled }: Request): Problem[] {
  const newest = rows.at(-1)?.label;
  if (newest === undefined || compareLabels(target, newest) >= 0) return [];
  const exists = rows.some((row) => row.label === target);
  if (labelled)
    return [
      problem(
        exists ? "label-exists" : "label-in-the-past",
        spec,
        spec.server,
        exists
          ? `${spec.name}@${target} is registered already, and labels are never rewritten; the newest is ${newest}`
          : `${target} lies before ${newest}, the newest label of ${spec.name}, and labels only grow`,
        "leave --label out, or name a later one",
      ),
    ];
  return [
    problem(
      "clock-went-back",
      spec,
      null,
      `the clock here makes it ${target}, and ${spec.name} stands at ${newest} already. If that clock is wrong, set it right (timedatectl); if not, go on with ${newest} until the calendar is there`,
      `${AGAIN} --label ${newest}`,
    ),
  ];
}

/**
 * A label that one of the machines' clocks has not come to yet may be a mistake that can't be taken back: every
 * later one would have to wait for it. A clock that lies before what is registered is wrong itself.
 */
function clockProblems(
  spec: DatasetSpec,
  { rows, target }: Course,
  { systems, takenAt }: Observation,
  { labelled }: Request,
): Problem[] {
  const newest = rows.at(-1)?.label;
  return [...new Set([spec.workstation, spec.server])].flatMap((host) => {
    const system = systems.get(host);
    if (labelled || system?.kind !== "known") return [];
    const there = new Date(system.value.epochSeconds * 1000);
    if (Math.abs(there.getTime() - takenAt.getTime()) <= SKEW_MS) return [];
    const theirs = labelAt(there, spec.cadence, spec.timezone);
    if (compareLabels(theirs, target) >= 0) return [];
    if (newest !== undefined && compareLabels(theirs, newest) < 0) return [];
    return [
      problem(
        "clocks-differ",
        spec,
        host,
        `the clock here makes it ${target}, the one there ${theirs}, and a label can't be taken back`,
        `set the wrong clock right (timedatectl), or name the label: ${AGAIN} --label ${target}`,
      ),
    ];
  });
}

function generalWarnings(desired: DesiredState, { systems, takenAt }: Observation): Warning[] {
  const warnings: Warning[] = [];
  if (desired.recoveryRecipients.length === 0)
    warnings.push({
      code: "no-recovery-recipient",
      host: null,
      dataset: null,
      text: "no recovery recipient is declared: if the server is lost, nothing opens the artifacts without a copy of REPOSITORY/keys elsewhere. devbackup keys new-recovery makes a recovery identity, and shows its recipient",
    });
  for (const [host, system] of systems) {
    if (system.kind !== "known") continue;
    const skew = system.value.epochSeconds * 1000 - takenAt.getTime();
    if (Math.abs(skew) > SKEW_MS)
      warnings.push({
        code: "clock-skew",
        host,
        dataset: null,
        text: `its clock is ${formatDuration(Math.abs(skew))} ${skew > 0 ? "ahead of" : "behind"} the clock here`,
      });
  }
  return warnings;
}
