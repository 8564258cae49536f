import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import { type AbsolutePath, type HostName, joinPath } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { plural } from "../../domain/units.ts";
import { sha256Of } from "../../transport/hash.ts";
import { pipe } from "../../transport/pipe.ts";
import { quote } from "../../transport/quote.ts";
import { actionId, problem, propose, unknownProblem } from "../answer.ts";
import { hydratedFolder } from "../machine/folders.ts";
import { packagesId } from "../machine/packages.ts";
import type { Reconciler } from "../reconciler.ts";
import type { RestoreTarget } from "../request.ts";
import { expectSuccess, type Failure, replaceFile } from "../run-script.ts";
import {
  clearScript,
  intoPlaceScript,
  NO_SUCH_PATH,
  packScript,
  sealScript,
  unpackScript,
  type Way,
} from "./extract-script.ts";
import { noteFile } from "./extract-target.ts";
import { hydrateId } from "./hydrate.ts";
import { lackingProblems } from "./lacking.ts";
import { sendScript } from "./receive-script.ts";

interface Input {
  /** It is there already, and what a cut-off run left beside it is not. */
  readonly clear: boolean;
  readonly server: HostName;
  readonly hydrated: AbsolutePath;
  readonly name: string;
  readonly way: Way;
  readonly folder: AbsolutePath;
  readonly paths: readonly string[];
  readonly note: AbsolutePath;
  /** What the note says of this restore, in front of the folder's inode. */
  readonly noted: string;
}

/** A label, or files and folders out of it, beside what is there, on either machine and any file system. */
export const extract: Reconciler<Input> = {
  kind: "extract",
  diff: ({ desired, spec, facts, course, restore }) => {
    const to = restore?.to;
    if (to === undefined || to === null) return {};
    if (facts.target.kind !== "known")
      return { problems: [unknownProblem(spec, to.host, to.folder, facts.target)] };
    // another dataset's places are in the way too where one was asked for alone
    const { datasets } = desired.partOf ?? desired;
    const ours = datasets
      .flatMap((each) => [placeOf(each.workstation, each.snapshots), placeOf(each.server, each.repository)])
      .find((place) => isInside(to, place) || isPlace(to, place));
    if (ours !== undefined)
      return {
        problems: [
          problem(
            "target-ours",
            spec,
            to.host,
            `${to.folder} lies in ${ours.folder}, where devbackup keeps its own`,
            "name a folder elsewhere",
          ),
        ],
      };
    const noted = notedOf(course.target, to);
    const done =
      facts.extracted.kind === "known" && facts.extracted.value === `${noted} ${facts.target.value.inode}`;
    const { kind, place, leftBeside } = facts.target.value;
    if (done && !leftBeside) return {};
    if (kind === "other" && !done)
      return {
        problems: [
          problem(
            "target-exists",
            spec,
            to.host,
            `${to.folder} is there, and is no empty folder`,
            "name one that does not exist yet, or is empty: nothing is restored over what is there",
          ),
        ],
      };
    const lacking = done ? [] : lackingProblems(spec, facts, course.target);
    if (lacking.length > 0) return { problems: lacking };
    const name = snapshotName(spec.name, course.target);
    // a subvolume inside a dataset would be left out of its backups
    const nested = datasets
      .flatMap((each) => [placeOf(each.workstation, each.path), placeOf(each.server, each.workingCopy)])
      .some((place) => isInside(to, place));
    return {
      actions: [
        propose("extract", spec, {
          id: actionId("extract", spec.name, course.target),
          host: to.host,
          label: course.target,
          stage: "hydrate",
          change: "create",
          summary: done
            ? `clear away what was left beside ${to.folder}`
            : `bring ${to.paths.length === 0 ? name : `${pathsInWords(to.paths)} of ${name}`} to ${to.folder}`,
          reason: done ? "an earlier run was cut off before its last step" : "nothing is there yet",
          details: to.paths,
          needs: [packagesId(to.host), packagesId(spec.server), hydrateId(spec, course.target)],
          assumes: { target: kind },
          input: {
            clear: done,
            server: spec.server,
            hydrated: hydratedFolder(spec.repository),
            name,
            way: to.paths.length === 0 && place.fsType === "btrfs" && !nested ? "stream" : "archive",
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
    const { clear, server, hydrated, name, way, folder, paths, note, noted } = action.input;
    const tree = joinPath(hydrated, name);
    const [from, to] = [tools.host(server), tools.host(action.host)];
    const failed: Failure = { code: "extract-failed", what: `${folder} could not be put into its place` };
    if (clear) {
      await expectSuccess(to, clearScript(folder), failed);
      return null;
    }
    const result = await pipe({
      from,
      source: way === "stream" ? sendScript(hydrated, name, null) : packScript(tree, paths),
      to,
      sink: unpackScript(folder, way),
      signal: tools.signal,
    });
    if (result.source.exitCode === 0 && result.sink.exitCode === 0) {
      const sealed = await expectSuccess(to, sealScript(folder, way, name), failed);
      // noted first: what is at its place and not noted would be somebody else's
      await expectSuccess(from, replaceFile(note), {
        code: "extract-failed",
        what: `${note} could not be written`,
        stdin: `${noted} ${sealed.stdout.trim()}\n`,
      });
      await expectSuccess(to, intoPlaceScript(folder, way, name), failed);
      return null;
    }
    await to.run(clearScript(folder)).catch(() => undefined);
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
      ...(noSuchPath && {
        next: `name paths as they were at that label; on ${server}, sudo ls ${quote(tree)} shows what there is`,
      }),
    });
  },
};

const pathsInWords = (paths: readonly string[]): string =>
  paths.length > PATHS_NAMED ? plural(paths.length, "path") : paths.join(", ");
const PATHS_NAMED = 3;

interface MachinePlace {
  readonly host: HostName;
  /** Null where none is declared. */
  readonly folder: AbsolutePath | null;
}

const placeOf = (host: HostName, folder: AbsolutePath | null): MachinePlace => ({ host, folder });
const isPlace = (to: RestoreTarget, { host, folder }: MachinePlace): boolean =>
  to.host === host && to.folder === folder;
const isInside = (to: RestoreTarget, { host, folder }: MachinePlace): boolean =>
  to.host === host && folder !== null && to.folder.startsWith(`${folder}/`);

const notedOf = (label: string, { host, folder, paths }: RestoreTarget): string => {
  return `${label} ${sha256Of(JSON.stringify([host, folder, paths]))}`;
};

/** A path inside the dataset, from what a user types: relative, or below the dataset's own path. Undefined where it is neither. */
export function pathInside({ path }: DatasetSpec, typed: string): string | undefined {
  const relative = typed === path ? "." : typed.startsWith(`${path}/`) ? typed.slice(path.length + 1) : typed;
  const parts = relative.split("/").filter((part) => part !== "" && part !== ".");
  if (relative.startsWith("/") || parts.length === 0 || parts.includes("..")) return undefined;
  return parts.join("/");
}
