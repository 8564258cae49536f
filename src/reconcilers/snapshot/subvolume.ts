import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { Code } from "../../domain/code.ts";
import type { Label } from "../../domain/label.ts";
import { type AbsolutePath, fileName } from "../../domain/names.ts";
import { plural } from "../../domain/units.ts";
import type { Action, ActionId, Problem } from "../../plan/plan.ts";
import { quote, sh } from "../../transport/quote.ts";
import { actionId, problem, propose, unknownProblem, warning } from "../answer.ts";
import { ENTER } from "../machine/enter.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess, type Failure } from "../run-script.ts";
import { copyBeside, originalBeside, type SourceFacts } from "./source.ts";

interface Input {
  readonly how: "create" | "convert" | "finish-conversion";
  readonly path: AbsolutePath;
  readonly owner: string;
}

/** The dataset as a subvolume of its own: made, or made out of the plain directory that is there. */
export const subvolume: Reconciler<Input> = {
  kind: "subvolume",
  diff: ({ spec, facts, course }) => {
    if (facts.source.kind !== "known")
      return { problems: [unknownProblem(spec, spec.workstation, spec.path, facts.source)] };
    const source = facts.source.value;
    const problems = findProblems(spec, source, course.rows.at(-1)?.label);
    const ignored = source.holes.length > 0 && spec.nestedSubvolumes === "ignore";
    const say = (code: Code, text: string) => warning(code, spec, spec.workstation, text);
    return {
      problems,
      warnings: [
        ...(ignored
          ? [say("not-backed-up", `not in the backup, as declared: ${source.holes.join(", ")}`)]
          : []),
        ...(problems.length === 0 && isNothing(source)
          ? [
              say(
                "nothing-there",
                `there is nothing at ${spec.path} yet: an empty subvolume is made, and that is what is backed up. Is datasets.${spec.name}.path right?`,
              ),
            ]
          : []),
      ],
      ...(problems.length === 0 && source.kind !== "subvolume" && { actions: [repair(spec, source)] }),
    };
  },
  run: async (action, tools) => {
    const host = tools.host(action.host);
    const { how, path, owner } = action.input;
    const failure: Failure = {
      code: "subvolume-failed",
      what: `${path} could not be made a subvolume`,
      signal: tools.signal,
    };
    if (how === "create") await expectSuccess(host, createScript(path, owner), failure);
    if (how === "convert")
      await expectSuccess(host, convertScript(path), {
        ...failure,
        state: "The directory is as it was, and what was copied beside it is cleared away",
        next: `stop what writes below ${path}, then: devbackup apply --approve ${action.id}`,
      });
    if (how === "finish-conversion") await expectSuccess(host, finishScript(path), failure);
    return how === "create" ? null : `the directory as it was: ${originalBeside(path)}`;
  },
};

const isNothing = ({ kind, empty, copyBeside }: SourceFacts): boolean =>
  (kind === "absent" && !copyBeside) || (kind === "directory" && empty);

/** What every action that reads the dataset waits for. */
export const subvolumeId = (spec: DatasetSpec): ActionId => actionId("subvolume", spec.name);

function findProblems(spec: DatasetSpec, source: SourceFacts, newest: Label | undefined): Problem[] {
  const { workstation: host, path } = spec;
  const say = (code: Code, text: string, next: string) => problem(code, spec, host, text, next);
  if (source.kind === "other")
    return [say("not-a-folder", `${path} is there and is no folder`, "name the folder itself")];
  if (source.place.fsType !== "btrfs")
    return [
      say(
        "not-on-btrfs",
        `${path} lies on ${source.place.fsType}, not on Btrfs`,
        `move it to a Btrfs file system (mkfs.btrfs on a free partition, mounted at ${path} or above it), or name another path`,
      ),
    ];
  const problems: Problem[] = [];
  if (!source.ownerExists)
    problems.push(
      say("no-such-user", `there is no user ${spec.owner}`, "create the user, or correct `owner`"),
    );
  // a conversion would copy them along, or leave them behind
  const toConvert = source.kind === "directory";
  if (source.holes.length > 0 && (toConvert || spec.nestedSubvolumes === "refuse"))
    problems.push(
      say(
        "nested",
        `inside ${path} lie ${plural(source.holes.length, "subvolume or mount", "subvolumes or mounts")} that a snapshot leaves out: ${source.holes.join(", ")}`,
        toConvert
          ? "move them out: a directory is converted only without them"
          : "move them out, or declare `nested_subvolumes: ignore` to back up without them",
      ),
    );
  if (source.swapFiles.length > 0)
    problems.push(
      say(
        "swap-file",
        `an active swap file lies in ${path}, so no snapshot can be taken: ${source.swapFiles.join(", ")}`,
        "swapoff it and put it into a subvolume of its own outside the dataset",
      ),
    );
  if (source.kind === "directory" && !source.empty && source.originalBeside)
    problems.push(
      say(
        "already-converted",
        `${originalBeside(path)} is in the way of converting ${path}`,
        "move it to another name",
      ),
    );
  const gone =
    source.kind === "absent" ? "gone" : source.kind === "directory" && source.empty ? "empty" : null;
  const halfConverted = source.kind === "absent" && source.originalBeside && source.copyBeside;
  if (gone === null || halfConverted) return problems;
  if (source.originalBeside)
    problems.push(
      say(
        "dataset-moved",
        `${path} is ${gone}, and ${originalBeside(path)} is there`,
        `${gone === "empty" ? `rmdir ${quote(path)} && ` : ""}mv ${quote(originalBeside(path))} ${quote(path)}`,
      ),
    );
  else if (newest !== undefined)
    problems.push(
      say(
        "dataset-gone",
        `${path} is ${gone}, and ${spec.name} was backed up from there up to ${newest}`,
        `mount the disk that it lies on; where it is lost: devbackup apply --restore latest; to go on with an empty one: ${gone === "empty" ? `rmdir ${quote(path)} && ` : ""}btrfs subvolume create ${quote(path)}`,
      ),
    );
  return problems;
}

function repair(spec: DatasetSpec, source: SourceFacts): Action<Input> {
  const { path, owner, workstation: host } = spec;
  const draft = {
    id: subvolumeId(spec),
    host,
    stage: "provision" as const,
    needs: [packagesId(host), layoutId(spec, host)],
    assumes: { kind: source.kind, empty: source.empty },
  };
  if (source.kind === "absent" && source.originalBeside)
    return propose("subvolume", spec, {
      ...draft,
      change: "update",
      summary: `put the converted ${path} in its place`,
      reason: "a conversion was cut off before its last step",
      input: { how: "finish-conversion", path, owner },
    });
  if (source.kind === "absent" || source.empty)
    return propose("subvolume", spec, {
      ...draft,
      change: "create",
      summary: `create the subvolume ${path}, owned by ${owner}`,
      reason: source.kind === "absent" ? "it is not there" : "an empty folder is there",
      input: { how: "create", path, owner },
    });
  return propose("subvolume", spec, {
    ...draft,
    change: "update",
    hazard: "disruptive",
    summary: `convert the directory ${path} into a subvolume`,
    reason: "it is a plain directory, of which Btrfs takes no snapshots",
    details: [
      `copied beside it sharing its blocks (cp --reflink), compared file by file, then put in its place`,
      `the directory as it was is kept: ${originalBeside(path)}`,
      `programs that hold files open there go on writing to the old one: stop them first`,
    ],
    input: { how: "convert", path, owner },
  });
}

/** It gets its name with its owner: one that is there counts as made. */
const createScript = (path: AbsolutePath, owner: string): string => `${ENTER}${sh`
d=${path} n=${fileName(path)} new=${fileName(copyBeside(path))} owner=${`${owner}:`}`}
enter_making "\${d%/*}"
exec 6<.
if [ -d "./$new" ] && [ ! -L "./$new" ]; then rmdir -- "./$new"; fi
btrfs -q subvolume create "./$new"
step "$new"
# of what was put in its place meanwhile nothing is given away
is_subvolume . && is_own && [ -z "$(find . -mindepth 1 -maxdepth 1 -print -quit)" ]
chown -- "$owner" .
cd -P /proc/self/fd/6
if [ -d "./$n" ] && [ ! -L "./$n" ]; then rmdir -- "./$n"; fi
mv -T -- "./$new" "./$n"`;

const finishScript = (path: AbsolutePath): string => `${ENTER}${sh`
d=${path} new=${fileName(copyBeside(path))}`}
enter "\${d%/*}"
mv -T -- "./$new" "./\${d##*/}"`;

/**
 * The copy is proven before the first rename; from then on a cut-off run is finished by the next. A stage of the
 * proof that fails (sort, say, which writes to /tmp) leaves another word on either side, so that it never comes out equal.
 */
const convertScript = (path: AbsolutePath): string => `${ENTER}${sh`
d=${path} n=${fileName(path)} new=${fileName(copyBeside(path))} old=${fileName(originalBeside(path))}`}
enter "\${d%/*}"
exec 6<.
if is_subvolume "./$new"; then delete_here "$new"; fi
btrfs -q subvolume create "./$new"
trap '[ ! -e "./$n" ] || [ ! -e "./$new" ] || delete_here "$new"' EXIT
(
  step "$n"; exec 3<.
  cd -P /proc/self/fd/6; step "$new"
  is_own && [ -z "$(find . -mindepth 1 -maxdepth 1 -print -quit)" ] || { echo "$new is no longer what was made" >&2; exit 1; }
  cp -a --reflink=auto -- /proc/self/fd/3/. .
)
failed() { echo "failed in $1"; }
listing() { (step "$1" && { find . ! -type d -printf '%P\\0%y %m %U %G %s %T@ %l\\0' -o -printf '%P\\0%y %m %U %G %T@\\0' || failed "$1"; } | { LC_ALL=C sort -z || failed "$1"; } | sha256sum); }
content() { (step "$1" && { find . -type f -print0 || failed "$1"; } | { LC_ALL=C sort -z || failed "$1"; } | { xargs -0r sha256sum -z || failed "$1"; } | sha256sum); }
# hard links stay links of each other; those from outside keep to the directory as it was
files() { (step "$1" && find . ! -type d -printf '%i\\n' | sort -u | wc -l); }
if [ "$(listing "$n")" != "$(listing "$new")" ] || [ "$(files "$n")" != "$(files "$new")" ] || [ "$(content "$n")" != "$(content "$new")" ]; then
  echo "the copy differs from $d: something is writing there" >&2
  exit 1
fi
mv -T -- "./$n" "./$old"
mv -T -- "./$new" "./$n"
sync -f .`;
