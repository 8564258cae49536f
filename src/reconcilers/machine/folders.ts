import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { known, unknown } from "../../domain/fact.ts";
import { type AbsolutePath, type HostName, joinPath } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import { readRemains, remainsProbe } from "../artifact/remains.ts";
import type { Probe } from "../probe.ts";
import { type OpenToOthers, openProbe, readOpen } from "./open-to-others.ts";
import { type Place, parsePlace } from "./place.ts";

export interface Folder {
  readonly path: AbsolutePath;
  /** Octal, as chmod takes it. */
  readonly mode: string;
}

/** The folders of one host for one dataset, and the file system they (would) lie on. */
export interface LayoutFacts {
  readonly place: Place;
  /** `MODE UID GID`, for the folders that are there. */
  readonly present: ReadonlyMap<string, string>;
  /** What others than root may do here, where there is any of it. */
  readonly open?: OpenToOthers;
  /** Of the server: what artifacts that were cut off on their way take in `tmp/`; the next one goes in their place. */
  readonly remainsBytes?: number;
}

/** The repository's parts by the contract. All of it is root's, and nothing below 0750 can be entered by others. */
export const repositoryFolders = ({ repository }: DatasetSpec): readonly Folder[] => [
  { path: repository, mode: "750" },
  { path: joinPath(repository, "artifacts"), mode: "750" },
  { path: joinPath(repository, "artifacts/anchors"), mode: "750" },
  { path: joinPath(repository, "artifacts/incr"), mode: "750" },
  { path: joinPath(repository, "manifests"), mode: "750" },
  { path: joinPath(repository, "keys"), mode: "700" },
  { path: joinPath(repository, "fingerprints"), mode: "700" },
  { path: joinPath(repository, "restore"), mode: "750" },
  { path: hydratedFolder(repository), mode: "750" },
  { path: joinPath(repository, "tmp"), mode: "700" },
  { path: joinPath(repository, "logs"), mode: "750" },
  { path: joinPath(repository, "locks"), mode: "750" },
];

/** Root's, so that nobody can put something else under a snapshot's name; readable, so that people can look. */
export const workstationFolders = ({ snapshots }: DatasetSpec): readonly Folder[] => [
  { path: snapshots, mode: "755" },
  { path: CONFIG_FOLDER, mode: "755" },
];

/** On the workstation: the recipients that artifacts are encrypted to. */
export const CONFIG_FOLDER = "/etc/devbackup" as AbsolutePath;

/** Where the server receives to. */
export function hydratedFolder(repository: AbsolutePath): AbsolutePath {
  return joinPath(repository, "restore/worktree_receive");
}

export const workstationLayoutProbe = (spec: DatasetSpec): Probe<LayoutFacts> =>
  layoutProbe(spec.workstation, spec.snapshots, workstationFolders(spec));

export const serverLayoutProbe = (spec: DatasetSpec): Probe<LayoutFacts> =>
  layoutProbe(
    spec.server,
    spec.repository,
    repositoryFolders(spec),
    `${openProbe(spec.repository)}\n${remainsProbe(spec)}`,
  );

const layoutProbe = (
  host: HostName,
  at: AbsolutePath,
  folders: readonly Folder[],
  more = "",
): Probe<LayoutFacts> => ({
  host,
  script: `${sh`
place ${at}
quota
for d in ${folders.map(({ path }) => path)}; do
  if [ -d "$d" ] && [ ! -L "$d" ]; then echo "folder $(stat -c '%a %u %g %n' -- "$d")"; elif [ -e "$d" ]; then echo "other $d"; fi
done`}${more}`,
  parse: (stdout) => {
    const place = parsePlace(stdout);
    if (place === undefined) return unknown("its file system could not be read");
    const present = new Map<string, string>();
    for (const [, rights = "", path = ""] of stdout.matchAll(/^folder (\S+ \S+ \S+) (.+)$/gm))
      present.set(path, rights);
    for (const [, path = ""] of stdout.matchAll(/^other (.+)$/gm)) present.set(path, OTHER);
    const open = readOpen(stdout);
    return known({
      place,
      present,
      ...(open.above.length + open.files.length > 0 && { open }),
      remainsBytes: readRemains(stdout),
    });
  },
});

/** In place of the rights of what is there and is no folder. */
export const OTHER = "no folder";
