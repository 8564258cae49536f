import { createHash } from "node:crypto";
import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { snapshotName } from "../domain/artifact.ts";
import { absent, known } from "../domain/fact.ts";
import { type AbsolutePath, type HostName, joinPath } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { plural } from "../domain/units.ts";
import { pipe } from "../transport/pipe.ts";
import { sh } from "../transport/quote.ts";
import { hydrateId } from "./hydrate.ts";
import { hydratedFolder } from "./layout.ts";
import { packagesId } from "./packages.ts";
import { actionId, type Probe, problem, propose, type Reconciler, unknownProblem } from "./reconciler.ts";
import type { RestoreTarget } from "./request.ts";
import { expectSuccess } from "./run-script.ts";

/** What stands where a label is to be brought, beside what is there. */
export interface TargetFacts {
  readonly kind: "absent" | "empty" | "other";
  /** Which folder it is, for as long as it is there. */
  readonly inode: string;
}

interface Input {
  readonly server: HostName;
  readonly tree: AbsolutePath;
  readonly folder: AbsolutePath;
  readonly paths: readonly string[];
  readonly note: AbsolutePath;
  /** What the note says of this restore, in front of the folder's inode. */
  readonly noted: string;
}

export const targetProbe = (spec: DatasetSpec, target: RestoreTarget | null): Probe<TargetFacts> => ({
  host: target?.host ?? spec.server,
  script:
    target === null
      ? "echo none"
      : sh`d=${target.folder}
if [ ! -e "$d" ] && [ ! -L "$d" ]; then echo "absent -"
elif [ -d "$d" ] && [ ! -L "$d" ] && [ -z "$(find "$d" -mindepth 1 -maxdepth 1 -print -quit)" ]; then echo "empty -"
else echo "other $(stat -c %d:%i -- "$d")"; fi`,
  parse: (stdout) => {
    const [, kind, inode = ""] = /^(absent|empty|other) (\S+)\n$/.exec(stdout) ?? [];
    return kind === undefined ? absent : known({ kind: kind as TargetFacts["kind"], inode });
  },
});

/** The last restore beside what is there: so that the next look knows that it is done. */
const noteFile = ({ repository }: DatasetSpec): AbsolutePath => joinPath(repository, "restore/extracted");

export const extractedProbe = (spec: DatasetSpec): Probe<string> => ({
  host: spec.server,
  script: sh`if [ -e ${noteFile(spec)} ]; then cat -- ${noteFile(spec)}; fi`,
  parse: (stdout) => (stdout === "" ? absent : known(stdout.trimEnd())),
});

/** A label, or files and folders out of it, beside what is there, on either machine and any file system. */
export const extract: Reconciler<Input> = {
  kind: "extract",
  diff: ({ spec, facts, course, restore }) => {
    const to = restore?.to;
    if (to === undefined || to === null) return {};
    if (facts.target.kind !== "known")
      return { problems: [unknownProblem(spec, to.host, to.folder, facts.target)] };
    const noted = notedOf(course.target, to);
    const done =
      facts.extracted.kind === "known" && facts.extracted.value === `${noted} ${facts.target.value.inode}`;
    if (done) return {};
    if (facts.target.value.kind === "other")
      return {
        problems: [
          problem(
            "target-exists",
            spec,
            to.host,
            `${to.folder} is there and is not empty`,
            "name a folder that does not exist yet: nothing is restored over what is there",
          ),
        ],
      };
    const name = snapshotName(spec.name, course.target);
    return {
      actions: [
        propose("extract", spec, {
          id: actionId("extract", spec.name, course.target),
          host: to.host,
          label: course.target,
          stage: "hydrate",
          change: "create",
          summary: `bring ${to.paths.length === 0 ? name : `${plural(to.paths.length, "path")} of ${name}`} to ${to.folder}`,
          reason: "nothing is there yet",
          details: to.paths,
          needs: [packagesId(to.host), packagesId(spec.server), hydrateId(spec, course.target)],
          assumes: { target: facts.target.value.kind },
          input: {
            server: spec.server,
            tree: joinPath(hydratedFolder(spec.repository), name),
            folder: to.folder,
            paths: to.paths,
            note: noteFile(spec),
            noted,
          },
        }),
      ],
    };
  },
  run: async (action, tools) => {
    const { server, tree, folder, paths, note, noted } = action.input;
    const [from, to] = [tools.host(server), tools.host(action.host)];
    const result = await pipe({
      from,
      source: packScript(tree, paths),
      to,
      sink: unpackScript(folder),
      signal: tools.signal,
    });
    if (result.source.exitCode === 0 && result.sink.exitCode === 0) {
      const settled = await expectSuccess(to, settleScript(folder), {
        code: "extract-failed",
        what: `${folder} could not be put into its place`,
      });
      await expectSuccess(from, sh`cat >${`${note}.new`}; mv -T ${`${note}.new`} ${note}`, {
        code: "extract-failed",
        what: `${note} could not be written`,
        stdin: `${noted} ${settled.stdout.trim()}\n`,
      });
      return null;
    }
    await to.run(sh`rm -rf -- ${partOf(folder)}`).catch(() => undefined);
    const noSuchPath = result.source.exitCode === NO_SUCH_PATH;
    const sourceFirst = noSuchPath || result.sink.exitCode === 0;
    const [host, { stderr }] = sourceFirst ? [server, result.source] : [action.host, result.sink];
    throw new DevbackupError({
      code: noSuchPath ? "no-such-path" : "extract-failed",
      exitCode: 1,
      host,
      what: noSuchPath ? `${tree} does not hold all of what was asked for` : `${folder} could not be filled`,
      why: stderr.trim(),
      state: `What had arrived was removed, and ${folder} is as it was; it is safe to run again`,
    });
  },
};

const notedOf = (label: string, { host, folder, paths }: RestoreTarget): string => {
  const what = createHash("sha256")
    .update(JSON.stringify([host, folder, paths]))
    .digest("hex");
  return `${label} ${what}`;
};

const partOf = (folder: AbsolutePath): AbsolutePath => `${folder}.devbackup-part` as AbsolutePath;

const NO_SUCH_PATH = 44;

/** Names, owners by number, times to the nanosecond, links, holes, ACLs and attributes all travel (tar(1)). */
const packScript = (tree: AbsolutePath, paths: readonly string[]): string => sh`
w=$(mktemp -d /run/devbackup.XXXXXX) || exit 1
trap 'rm -rf "$w"' EXIT; trap 'exit 129' HUP INT TERM PIPE
cd ${tree} || exit 1
for p in ${paths}; do [ -e "./$p" ] || [ -L "./$p" ] || { echo "there is no $p in it" >&2; exit ${NO_SUCH_PATH}; }; done
{ tar -c --format=posix --numeric-owner --acls --xattrs --xattrs-include='*' -S -- ${paths.length === 0 ? ["."] : paths.map((path) => `./${path}`)} || : >"$w/failed"; } |
zstd -q -c -T0 -1 || exit 1
[ ! -e "$w/failed" ] || { echo "tar failed" >&2; exit 1; }`;

/** Whatever a cut-off run has left beside the target is begun afresh. */
const unpackScript = (folder: AbsolutePath): string => sh`
set -u
part=${partOf(folder)} w=$(mktemp -d /run/devbackup.XXXXXX) || exit 1
trap 'rm -rf "$w"' EXIT; trap 'exit 129' HUP INT TERM PIPE
rm -rf -- "$part" && mkdir -p -- "$part" || exit 1
{ zstd -q -d -c || : >"$w/failed"; } |
tar -x -C "$part" --numeric-owner --same-permissions --acls --xattrs --xattrs-include='*' -S || : >"$w/failed"
[ ! -e "$w/failed" ] || { echo "what arrived is not whole, or could not be written" >&2; exit 1; }`;

const settleScript = (folder: AbsolutePath): string => sh`
part=${partOf(folder)} d=${folder}
mv -T -- "$part" "$d"
sync -f "$d"
stat -c %d:%i -- "$d"`;

/** A path inside the dataset, from what a user types: relative, or below the dataset's own path. Undefined where it is neither. */
export function pathInside({ path }: DatasetSpec, typed: string): string | undefined {
  const relative = typed === path ? "." : typed.startsWith(`${path}/`) ? typed.slice(path.length + 1) : typed;
  const parts = relative.split("/").filter((part) => part !== "" && part !== ".");
  if (relative.startsWith("/") || parts.length === 0 || parts.includes("..")) return undefined;
  return parts.join("/");
}
