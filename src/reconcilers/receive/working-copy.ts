import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { labelOfSnapshot, snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import type { Action, ActionId } from "../../plan/plan.ts";
import { actionId, problem, propose, unknownProblem, warning } from "../answer.ts";
import { hydratedFolder } from "../machine/folders.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { isHydrated } from "../snapshot/complete.ts";
import { entryOf, type SubvolumeFolder } from "../snapshot/subvolumes.ts";
import type { View } from "../view.ts";
import { hydrateId } from "./hydrate.ts";
import { serverLock } from "./receive-script.ts";
import { labelsToReceive } from "./to-receive.ts";
import { baseFolder, noteFile, type WorkingCopyFacts } from "./working-copy-facts.ts";
import { type Replacement, replaceScript } from "./working-copy-script.ts";

/** The writable copy of the newest state on the server; what was edited there is set aside, never lost. */
export const workingCopy: Reconciler<Replacement> = {
  kind: "working-copy",
  diff: (view) => {
    const { spec, facts, course, restore } = view;
    const latest =
      restore === null ? (course.pending.at(-1)?.label ?? course.rows.at(-1)?.label) : course.target;
    if (spec.workingCopy === null || latest === undefined) return {};
    if (facts.workingCopy.kind !== "known")
      return { problems: [unknownProblem(spec, spec.server, spec.workingCopy, facts.workingCopy)] };
    const copy = facts.workingCopy.value;
    if (copy.place.fsType !== "btrfs")
      return {
        problems: [
          problem(
            "not-on-btrfs",
            spec,
            spec.server,
            `${spec.workingCopy} lies on ${copy.place.fsType}, not on Btrfs`,
            "name a path on a Btrfs file system, or `working_copy: null`",
          ),
        ],
      };
    if (facts.workingCopyBase.kind === "unknown" && bases(view, copy).own)
      return {
        problems: [unknownProblem(spec, spec.server, baseFolder(spec.workingCopy), facts.workingCopyBase)],
      };
    const at = labelOfCopy(view, copy);
    // a restore to an older label is the workstation's: the copy stays where it is, unless it is lost
    const stays = restore !== null && at !== null && latest !== course.rows.at(-1)?.label;
    const stands = (at === latest || stays) && !copy.formerBeside;
    const possible =
      isHydrated(entryOf(facts.hydrated, snapshotName(spec.name, latest))) ||
      labelsToReceive(view).includes(latest);
    return {
      warnings:
        copy.ownerId === null
          ? [
              warning(
                "no-such-user",
                spec,
                spec.server,
                `there is no user ${spec.owner}: the working copy keeps the workstation's numeric owners`,
              ),
            ]
          : [],
      actions: stands || !possible ? [] : [replace(view, spec.workingCopy, copy, latest)],
    };
  },
  run: async (action, tools) => {
    const { input } = action;
    const { stdout } = await expectSuccess(tools.host(action.host), replaceScript(input, tools.now()), {
      code: "working-copy-failed",
      what: `the working copy ${input.path} could not be brought to ${input.name}`,
      state: "Edits made there are kept; it is safe to run again",
    });
    const kept = /^kept (.+)$/m.exec(stdout)?.[1];
    return kept === undefined ? null : `local edits are kept in ${kept}`;
  },
};

export const workingCopyId = (spec: DatasetSpec, label: Label): ActionId =>
  actionId("working-copy", spec.name, label);

/** The snapshots that a working copy can have been made from, on its own file system. */
const bases = ({ facts }: View, copy: WorkingCopyFacts): { own: boolean; folder: SubvolumeFolder | null } => {
  const own =
    facts.serverLayout.kind === "known" && facts.serverLayout.value.place.fsUuid !== copy.place.fsUuid;
  const fact = own ? facts.workingCopyBase : facts.hydrated;
  return { own, folder: fact.kind === "known" ? fact.value : null };
};

/** The label that the working copy was made from, or is noted at; null where it is none of ours. */
export function labelOfCopy(view: View, copy: WorkingCopyFacts): Label | null {
  if (copy.kind !== "subvolume" || copy.parentUuid === null) return null;
  if (copy.noted !== null && copy.noted.uuid === copy.uuid) return copy.noted.label;
  const { folder } = bases(view, copy);
  for (const [name, subvolume] of folder?.entries ?? [])
    if (subvolume?.uuid === copy.parentUuid) return labelOfSnapshot(view.spec.name, name) ?? null;
  return null;
}

function replace(view: View, path: AbsolutePath, copy: WorkingCopyFacts, latest: Label): Action<Replacement> {
  const { spec } = view;
  const name = snapshotName(spec.name, latest);
  const from = labelOfCopy(view, copy);
  const { own, folder } = bases(view, copy);
  const isNew = copy.kind === "absent" || copy.kind === "empty";
  const stranger = !isNew && from === null;
  const reason = isNew
    ? "there is none yet"
    : stranger
      ? `what is at ${path} was not made by devbackup`
      : copy.formerBeside
        ? "replacing it was cut off before its last step"
        : `it stands at ${from}${copy.written ? ", and something was written there since" : ""}`;
  return propose("working-copy", spec, {
    id: workingCopyId(spec, latest),
    host: spec.server,
    label: latest,
    stage: "hydrate",
    change: isNew ? "create" : "update",
    hazard: stranger ? "destructive" : "none",
    summary: `${isNew ? "put" : "bring"} the working copy ${path} ${isNew ? "at" : "to"} ${name}`,
    reason,
    details: [
      ...(stranger ? [`what is there is kept: ${path}.before-devbackup`] : []),
      ...(stranger || isNew ? [] : [`local edits, if any, are set aside first, in ${path}.set-aside`]),
    ],
    needs: [hydrateId(spec, latest)],
    assumes: { kind: copy.kind, from },
    input: {
      path,
      name,
      label: latest,
      note: noteFile(spec),
      dataset: spec.name,
      lock: serverLock(spec),
      hydrated: hydratedFolder(spec.repository),
      ownBase: own ? baseFolder(path) : null,
      stranger,
      from,
      bases: [...(folder?.entries ?? [])].flatMap(([entry, subvolume]) =>
        subvolume === null
          ? []
          : [
              {
                uuid: subvolume.uuid,
                path: joinPath(own ? baseFolder(path) : hydratedFolder(spec.repository), entry),
              },
            ],
      ),
    },
  });
}
