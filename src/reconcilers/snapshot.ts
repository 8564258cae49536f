import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { labelOfSnapshot, snapshotName } from "../domain/artifact.ts";
import type { Label } from "../domain/label.ts";
import { type AbsolutePath, joinPath } from "../domain/names.ts";
import type { ActionId } from "../plan/plan.ts";
import { sh } from "../transport/quote.ts";
import { layoutId } from "./layout.ts";
import { packagesId } from "./packages.ts";
import { actionId, problem, propose, type Reconciler, unknownProblem } from "./reconciler.ts";
import { expectSuccess } from "./run-script.ts";
import { subvolumeId } from "./subvolume.ts";
import type { Subvolume, SubvolumeFolder } from "./subvolumes.ts";

interface Input {
  readonly path: AbsolutePath;
  readonly target: AbsolutePath;
}

/** Complete on the workstation: read-only. One that was received (a restore's) must have its UUID as well. */
export const isSnapshot = (subvolume: Subvolume | null | undefined): subvolume is Subvolume =>
  subvolume?.readOnly === true;

/** The labels of the complete snapshots in the workstation's folder. */
export const snapshotLabels = (spec: DatasetSpec, folder: SubvolumeFolder | null): Label[] =>
  [...(folder?.entries ?? [])]
    .filter(([, subvolume]) => isSnapshot(subvolume))
    .map(([name]) => labelOfSnapshot(spec.name, name))
    .filter((label) => label !== undefined);

/** The period's read-only snapshot on the workstation. */
export const snapshot: Reconciler<Input> = {
  kind: "snapshot",
  diff: ({ spec, facts, course }) => {
    const { snapshots, source } = facts;
    if (snapshots.kind === "unknown")
      return { problems: [unknownProblem(spec, spec.workstation, spec.snapshots, snapshots)] };
    const folder = snapshots.kind === "known" ? snapshots.value : null;
    const problems = course.pending.flatMap(({ label }) => {
      const name = snapshotName(spec.name, label);
      const entry = folder?.entries.get(name);
      return folder?.entries.has(name) && !isSnapshot(entry) ? [inTheWay(spec, name, entry ?? null)] : [];
    });
    if (problems.length > 0) return { problems };
    const target = snapshotName(spec.name, course.target);
    if (!course.pending.some(({ label }) => label === course.target) || folder?.entries.has(target))
      return {};
    return {
      actions: [
        propose("snapshot", spec, {
          id: snapshotId(spec, course.target),
          host: spec.workstation,
          label: course.target,
          stage: "snapshot",
          change: "create",
          summary: `take the read-only snapshot ${target} of ${spec.path}`,
          reason: `no snapshot for ${course.target} yet`,
          needs: [packagesId(spec.workstation), layoutId(spec, spec.workstation), subvolumeId(spec)],
          assumes: { source: source.kind === "known" ? source.value.uuid : null },
          input: { path: spec.path, target: joinPath(spec.snapshots, target) },
        }),
      ],
    };
  },
  run: async (action, tools) => {
    const { path, target } = action.input;
    await expectSuccess(
      tools.host(action.host),
      sh`btrfs -q subvolume snapshot -r ${path} ${target}; btrfs filesystem sync ${target}`,
      { code: "snapshot-failed", what: `the snapshot ${target} could not be taken` },
    );
    return null;
  },
};

export const snapshotId = (spec: DatasetSpec, label: Label): ActionId =>
  actionId("snapshot", spec.name, label);

const inTheWay = (spec: DatasetSpec, name: string, entry: Subvolume | null) =>
  problem(
    "label-taken",
    spec,
    spec.workstation,
    `${spec.snapshots}/${name} is there and is ${entry === null ? "no subvolume" : "a writable subvolume, not a snapshot"}`,
    "move it to another name; devbackup neither replaces nor backs up what it did not take",
  );
