import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { labelOfSnapshot, snapshotName } from "../../domain/artifact.ts";
import type { Fact } from "../../domain/fact.ts";
import { type Label, labelAt, monthsBetween, PERIOD, periodsBetween } from "../../domain/label.ts";
import { type AbsolutePath, fileName, joinPath, parentOf } from "../../domain/names.ts";
import { plural } from "../../domain/units.ts";
import type { ActionId, Problem, Warning } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, problem, propose, unknownProblem, warning } from "../answer.ts";
import {
  type Around,
  aroundDetails,
  aroundNames,
  hooksAround,
  takeBetween,
} from "../hooks/around-snapshot.ts";
import { ENTER } from "../machine/enter.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import type { Place } from "../machine/place.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import type { View } from "../view.ts";
import { isSnapshot } from "./complete.ts";
import { subvolumeId } from "./subvolume.ts";
import type { Subvolume, SubvolumeFolder } from "./subvolumes.ts";

interface Input {
  readonly path: AbsolutePath;
  readonly target: AbsolutePath;
  readonly around: Around | null;
}

/** The labels of the complete snapshots that were taken of the dataset as it stands, whose UUID is `source`. */
export const labelsTaken = (
  spec: DatasetSpec,
  folder: Fact<SubvolumeFolder>,
  source: string | null,
): Label[] =>
  [...(folder.kind === "known" ? folder.value.entries : [])]
    .filter(([, subvolume]) => isSnapshot(subvolume) && isOf(subvolume, source))
    .map(([name]) => labelOfSnapshot(spec.name, name))
    .filter((label) => label !== undefined);

const isOf = (snapshot: Subvolume, source: string | null): boolean =>
  snapshot.receivedUuid !== null || (source !== null && snapshot.parentUuid === source);

/** The period's read-only snapshot on the workstation. */
export const snapshot: Reconciler<Input> = {
  kind: "snapshot",
  diff: (view) => {
    const { spec, facts, course } = view;
    const { snapshots, source, workstationLayout } = facts;
    if (snapshots.kind === "unknown")
      return { problems: [unknownProblem(spec, spec.workstation, spec.snapshots, snapshots)] };
    const folder = snapshots.kind === "known" ? snapshots.value : null;
    const uuid = source.kind === "known" ? source.value.uuid : null;
    const problems = course.pending.flatMap(({ label }) => inTheWay(spec, folder, label, uuid));
    if (source.kind === "known" && workstationLayout.kind === "known")
      problems.push(...elsewhere(spec, source.value.place, workstationLayout.value.place));
    if (problems.length > 0) return { problems };
    const target = snapshotName(spec.name, course.target);
    if (!course.pending.some(({ label }) => label === course.target) || folder?.entries.has(target))
      return { warnings: takenElsewhere(view, target) };
    const misdated = whyMisdated(view);
    const around = hooksAround(spec, course.target, joinPath(spec.snapshots, target));
    return {
      actions: [
        propose("snapshot", spec, {
          id: snapshotId(spec, course.target),
          host: spec.workstation,
          label: course.target,
          stage: "snapshot",
          change: "create",
          summary: `take the read-only snapshot ${target} of ${spec.path}`,
          hazard: misdated === null ? "none" : "disruptive",
          reason: [
            `no snapshot for ${course.target} yet`,
            ...(misdated === null ? [] : [misdated]),
            ...(around === null ? [] : [`${spec.workstation} runs ${aroundNames(around)}`]),
          ].join("; "),
          details: around === null ? [] : aroundDetails(around),
          needs: [packagesId(spec.workstation), layoutId(spec, spec.workstation), subvolumeId(spec)],
          assumes: { source: uuid },
          input: { path: spec.path, target: joinPath(spec.snapshots, target), around },
        }),
      ],
    };
  },
  run: async (action, tools) => {
    const { target, around } = action.input;
    const script = snapshotScript(action.input);
    if (around !== null) return takeBetween(action.host, { snapshot: target, script, around }, tools);
    await expectSuccess(tools.host(action.host), script, {
      code: "snapshot-failed",
      what: `the snapshot ${target} could not be taken`,
    });
    return null;
  },
};

/** A read-only snapshot of `path` as `target`, in a folder that is root's alone. */
export const snapshotScript = ({ path, target }: Pick<Input, "path" | "target">): string =>
  `${ENTER}${sh`enter ${path}; exec 3<.; enter_own ${parentOf(target)}
btrfs -q subvolume snapshot -r /proc/self/fd/3 ${`./${fileName(target)}`}; btrfs filesystem sync .`}`;

/** The period's snapshot is there, and is one of something else than what stands at the path now. */
function takenElsewhere({ spec, facts: { snapshots, source } }: View, name: string): Warning[] {
  if (snapshots.kind !== "known" || source.kind !== "known" || source.value.uuid === null) return [];
  const { uuid, parentUuid } = source.value;
  const there = snapshots.value.entries.get(name);
  const ours = [...snapshots.value.entries.values()].map((entry) => entry?.uuid);
  // what was received, and what was made from one of them, came by a restore
  if (!there || there.receivedUuid !== null || there.parentUuid === uuid || ours.includes(parentUuid ?? ""))
    return [];
  return [
    warning(
      "taken-elsewhere",
      spec,
      spec.workstation,
      `${name} is a snapshot of another subvolume than the one at ${spec.path} now: what stands there is in no backup before the next label`,
    ),
  ];
}

/**
 * Why the label is most likely mistyped, or null: it can't be taken back, and none that lies before it can be given
 * any more. The next period's may be had early; a clock that is behind is no reason to doubt the others.
 */
function whyMisdated({ spec, systems, takenAt, course: { target } }: View): string | null {
  const { cadence, timezone } = spec;
  const clocks = [takenAt.getTime()];
  for (const system of systems.values())
    if (system.kind === "known") clocks.push(system.value.epochSeconds * 1000);
  const [earliest, latest] = [Math.min(...clocks), Math.max(...clocks)].map((at) =>
    labelAt(new Date(at), cadence, timezone),
  ) as [Label, Label];
  const ahead = periodsBetween(latest, target);
  if (ahead > 1)
    return `it lies ${plural(ahead, PERIOD[cadence])} ahead of the calendar, which is at ${latest}: none before it could be given any more`;
  const months = monthsBetween(target, earliest);
  return months < 12
    ? null
    : `it lies ${plural(months, "month")} behind the calendar, which is at ${earliest}`;
}

export const snapshotId = (spec: DatasetSpec, label: Label): ActionId =>
  actionId("snapshot", spec.name, label);

/** Whatever has a pending label's name must be a snapshot of the dataset: labels are not given twice. */
function inTheWay(
  spec: DatasetSpec,
  folder: SubvolumeFolder | null,
  label: Label,
  source: string | null,
): Problem[] {
  const name = snapshotName(spec.name, label);
  const entry = folder?.entries.get(name);
  if (entry === undefined || (isSnapshot(entry) && isOf(entry, source))) return [];
  const what =
    entry === null
      ? "no subvolume"
      : entry.readOnly
        ? `a snapshot of something else than ${spec.path} as it stands`
        : "a writable subvolume, not a snapshot";
  return [
    problem(
      "label-taken",
      spec,
      spec.workstation,
      `${spec.snapshots}/${name} is there and is ${what}`,
      "move it to another name; devbackup neither replaces nor backs up what it did not take",
    ),
  ];
}

/** A snapshot stays within its file system (btrfs-subvolume(8)). */
export const elsewhere = (spec: DatasetSpec, source: Place, snapshots: Place): Problem[] =>
  source.fsUuid === snapshots.fsUuid || source.fsType !== "btrfs" || snapshots.fsType !== "btrfs"
    ? []
    : [
        problem(
          "snapshots-elsewhere",
          spec,
          spec.workstation,
          `${spec.snapshots} lies on another file system than ${spec.path}, and snapshots stay within one`,
          "name a folder for `snapshots` on the file system of `path`",
        ),
      ];
