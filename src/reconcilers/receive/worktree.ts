import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import { type AbsolutePath, fileName, joinPath, parentOf } from "../../domain/names.ts";
import { formatStamp } from "../../domain/units.ts";
import type { Action, ActionId, Problem } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, problem, propose, unknownProblem } from "../answer.ts";
import { ENTER } from "../machine/enter.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess, SCRATCH } from "../run-script.ts";
import { elsewhere } from "../snapshot/snapshot.ts";
import type { SourceFacts } from "../snapshot/source.ts";
import { entryOf, OPEN_FOR_WRITING, UNTOUCHED_COPY } from "../snapshot/subvolumes.ts";
import type { View } from "../view.ts";
import { receiveId } from "./receive.ts";
import { workstationLock } from "./receive-script.ts";

interface Input {
  readonly path: AbsolutePath;
  readonly snapshot: AbsolutePath;
  readonly aside: AbsolutePath;
  readonly name: string;
  readonly lock: AbsolutePath;
}

/** The dataset itself, on the workstation, as a writable snapshot of the label; what stood there is kept. */
export const worktree: Reconciler<Input> = {
  kind: "worktree",
  diff: (view) => {
    const { spec, facts, hosts, course, restore } = view;
    if (!hosts.has(spec.workstation)) return {};
    if (facts.source.kind !== "known")
      return { problems: [unknownProblem(spec, spec.workstation, spec.path, facts.source)] };
    const source = facts.source.value;
    const problems = inTheWay(view, source);
    if (problems.length > 0) return { problems };
    const snapshot = entryOf(facts.snapshots, snapshotName(spec.name, course.target));
    const madeFrom = source.uuid !== null && snapshot != null && source.parentUuid === snapshot.uuid;
    if (madeFrom && !source.written) return {};
    const goneOn = madeFrom || (source.uuid !== null && snapshot?.parentUuid === source.uuid);
    if (goneOn && restore?.label === "latest")
      return {
        notes: [
          `${spec.path} on ${spec.workstation} is not lost: it has gone on from ${course.target}, and is left alone. To bring it back to that state: --restore ${course.target}`,
        ],
      };
    return source.mountPoint ? { problems: [mounted(spec)] } : { actions: [put(view, source, madeFrom)] };
  },
  run: async (action, tools) => {
    const { input } = action;
    const { stdout } = await expectSuccess(tools.host(action.host), putScript(input, tools.now()), {
      code: "worktree-failed",
      what: `${input.path} could not be brought to ${input.name}`,
      state: "What stood there is kept; it is safe to run again",
    });
    const kept = /^kept (.+)$/m.exec(stdout)?.[1];
    return kept === undefined ? null : `what stood there is kept in ${kept}`;
  },
};

const worktreeId = (spec: DatasetSpec, label: Label): ActionId => actionId("worktree", spec.name, label);

function inTheWay({ spec, facts }: View, source: SourceFacts): Problem[] {
  const { workstation: host, path } = spec;
  if (source.kind === "other")
    return [
      problem(
        "not-a-folder",
        spec,
        host,
        `${path} is there and is no folder`,
        `move it to another name; where it is a link, declare the folder that it leads to as the path of ${spec.name}`,
      ),
    ];
  if (source.place.fsType !== "btrfs")
    return [
      problem(
        "not-on-btrfs",
        spec,
        host,
        `${path} lies on ${source.place.fsType}, not on Btrfs`,
        "mount a Btrfs file system there, or bring the label elsewhere: --to PATH",
      ),
    ];
  return facts.workstationLayout.kind === "known"
    ? elsewhere(spec, source.place, facts.workstationLayout.value.place)
    : [];
}

/** A mount point can be neither moved nor replaced (rename(2), EBUSY). */
const mounted = (spec: DatasetSpec): Problem =>
  problem(
    "mount-point",
    spec,
    spec.workstation,
    `${spec.path} is a mount point, and what is there cannot be set aside`,
    "unmount it, or bring the label beside it: --to PATH",
  );

function put({ spec, course }: View, source: SourceFacts, madeFrom: boolean): Action<Input> {
  const name = snapshotName(spec.name, course.target);
  const isNew = source.kind === "absent" || (source.kind === "directory" && source.empty);
  const aside = `${spec.path}.set-aside` as AbsolutePath;
  return propose("worktree", spec, {
    id: worktreeId(spec, course.target),
    host: spec.workstation,
    label: course.target,
    stage: "hydrate",
    change: isNew ? "create" : "update",
    hazard: isNew ? "none" : "destructive",
    summary: `put the dataset ${spec.path} at ${name}, writable`,
    reason: isNew
      ? source.kind === "absent"
        ? "it is not there"
        : "an empty folder is there"
      : madeFrom
        ? `it was brought to ${course.target} before, and something was written there since, be it the time of a reading alone`
        : "what is there is something else, or has changed since",
    details: isNew
      ? []
      : [
          `what is there is set aside first, in ${aside}`,
          "programs that hold files open there go on writing to the old one: stop them first",
          ...(source.holes.length === 0
            ? []
            : [`what lies inside and is in no backup goes aside with it: ${source.holes.join(", ")}`]),
        ],
    needs: [packagesId(spec.workstation), layoutId(spec, spec.workstation), receiveId(spec, course.target)],
    assumes: { kind: source.kind, uuid: source.uuid },
    input: {
      path: spec.path,
      snapshot: joinPath(spec.snapshots, name),
      aside,
      name,
      lock: workstationLock(spec),
    },
  });
}

/**
 * The new one is complete before the old one moves; the old one moves whole, with whatever lies inside it, and
 * becomes read-only unless a program still writes to it. Prints `kept PATH` then. What a cut-off run left beside the
 * path is told by being an untouched copy of a snapshot that stays; whatever else has that name is left alone.
 * The folder around it is the user's, so that everything is done from within (see {@link ENTER}).
 */
const putScript = ({ path, snapshot, aside, name, lock }: Input, now: Date): string =>
  `${SCRATCH}${OPEN_FOR_WRITING}${ENTER}${UNTOUCHED_COPY}${sh`
lock=${fileName(lock)} d=${fileName(path)} aside=${fileName(aside)} shown=${aside} n=${name} stamp=${formatStamp(now)}
enter_own ${parentOf(snapshot)}; exec 3<.; s=/proc/self/fd/3/$n
own_file "$lock"; (umask 077; : >>"./$lock"); exec 8<>"./$lock"
# a run that was killed does not end its script there
flock 8
# whoever waits for it is not to end who held it before
: >"./$lock"
enter_making ${parentOf(path)}; exec 6<.
to_aside() { own_folder "$aside" 755; step "$aside"; exec 5<.; cd -P /proc/self/fd/6; }
`}
settle() {
  if is_subvolume "$1" && ! open_for_writing "$1"; then btrfs property set -ts "$1" ro true || :; fi
  echo "kept $shown/\${1##*/}"
}
if untouched_copy "./$d" "$s"; then exit; fi
free_name "$d.devbackup-restored" /proc/self/fd/3/*@*
if [ -e "./$aside" ] || [ -L "./$aside" ]; then
  to_aside
  # across file systems or subvolumes mv(1) copies, and then removes
  [ "$(stat -L -c %d /proc/self/fd/5)" = "$(stat -c %d .)" ] || { echo "$shown lies elsewhere: what is in $d cannot be moved there" >&2; exit 1; }
fi
copy_here "$s" "$new"
if [ -d "./$d" ] && ! is_subvolume "./$d"; then rmdir -- "./$d" 2>/dev/null || :; fi
if [ -e "./$d" ]; then
  to_aside
  kept=/proc/self/fd/5/before-$n.$stamp
  mv -T -n -- "./$d" "$kept"; [ ! -e "./$d" ]
  settle "$kept"
elif [ -e "./$aside" ]; then
  # cut off between the two moves
  for kept in "/proc/self/fd/5/before-$n".*; do
    if is_subvolume "$kept" && [ "$(btrfs property get -ts "$kept" ro)" = ro=false ]; then settle "$kept"; fi
  done
fi
mv -T -- "./$new" "./$d"
btrfs filesystem sync .`;
