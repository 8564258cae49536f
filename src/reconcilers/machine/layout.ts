import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { type Fact, known, unknown } from "../../domain/fact.ts";
import { type AbsolutePath, fileName, type HostName, joinPath, parentOf } from "../../domain/names.ts";
import { plural } from "../../domain/units.ts";
import type { ActionId } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { type Answer, actionId, problem, propose, together, unknownProblem } from "../answer.ts";
import { readRemains, remainsProbe } from "../artifact/remains.ts";
import type { Probe } from "../probe.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { isSetUp, type View } from "../view.ts";
import { ENTER } from "./enter.ts";
import { closeScript, type OpenToOthers, openProbe, readOpen, whoElse } from "./open-to-others.ts";
import { packagesId } from "./packages.ts";
import { type Place, parsePlace } from "./place.ts";

interface Folder {
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

interface Input {
  readonly folders: readonly Folder[];
  /** The repository, where files in it are to be closed to others. */
  readonly close?: AbsolutePath | null;
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
const workstationFolders = ({ snapshots }: DatasetSpec): readonly Folder[] => [
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

const OTHER = "no folder";

/** The folders on both machines, with owners and modes. */
export const layout: Reconciler<Input> = {
  kind: "layout",
  diff: (view) => {
    const { spec, facts } = view;
    return together([
      isSetUp(view, spec.workstation)
        ? diffSide(view, spec.workstation, spec.snapshots, facts.workstationLayout, workstationFolders(spec))
        : {},
      diffSide(view, spec.server, spec.repository, facts.serverLayout, repositoryFolders(spec)),
    ]);
  },
  run: async (action, tools) => {
    const { folders, close = null } = action.input;
    const script = [...folders.map(folderScript), ...(close === null ? [] : [closeScript(close)])];
    await expectSuccess(tools.host(action.host), ENTER + script.join("\n"), {
      code: "layout-failed",
      what: `the folders of ${action.dataset} could not be made`,
    });
    return null;
  },
};

/** Whoever owns the folder around it could put a link in its place meanwhile: what it leads to is left alone. */
const folderScript = ({
  path,
  mode,
}: Folder): string => sh`enter_making ${parentOf(path)}; n=${fileName(path)}
[ -e "./$n" ] || [ -L "./$n" ] || mkdir "./$n"
step "$n"; chown root:root .; chmod ${mode} .`;

/** What every action in the folders on `host` waits for. */
export const layoutId = (spec: DatasetSpec, host: HostName): ActionId =>
  actionId("layout", `${host}/${spec.name}`);

function diffSide(
  { spec }: View,
  host: HostName,
  at: AbsolutePath,
  facts: Fact<LayoutFacts>,
  folders: readonly Folder[],
): Answer<Input> {
  if (facts.kind !== "known") return { problems: [unknownProblem(spec, host, at, facts)] };
  const { place, present, open = { above: [], files: [] } } = facts.value;
  if (place.fsType !== "btrfs") return { problems: [notOnBtrfs(spec, host, at, place.fsType)] };
  const blocked = folders.filter(({ path }) => present.get(path) === OTHER);
  if (blocked.length > 0) return { problems: blocked.map(({ path }) => notAFolder(spec, host, path)) };
  const missing = folders.filter(({ path }) => !present.has(path));
  const wrong = folders.filter(({ path, mode }) => !isClosed(present.get(path) ?? `${mode} 0 0`, mode));
  const others = whoElse(spec, host, open);
  if (missing.length + wrong.length + open.files.length === 0) return others;
  const some = (count: number) => plural(count, "folder");
  const reasons = [
    ...(missing.length > 0 ? [`${some(missing.length)} missing`] : []),
    ...wrong.map(({ path, mode }) => `${path} is ${present.get(path)}, not ${mode} 0 0`),
    ...(open.files.length > 0
      ? [`${plural(open.files.length, "file")} another's, or open to others: ${open.files[0]}`]
      : []),
  ];
  // what a repository is to be made in may hold somebody's own files
  const anothers = folders[0]?.path === spec.repository && isAnothers(present.get(spec.repository));
  return {
    ...others,
    actions: [
      propose("layout", spec, {
        id: layoutId(spec, host),
        host,
        stage: "provision",
        change: missing.length === folders.length ? "create" : "update",
        hazard: anothers ? "disruptive" : "none",
        summary: anothers ? `take ${at} over as root's` : `make the folders below ${at}`,
        reason: reasons.join("; "),
        details: [...missing, ...wrong].map(({ path, mode }) => `${path}  root:root 0${mode}`),
        needs: [packagesId(host)],
        input: { folders: [...missing, ...wrong], close: open.files.length > 0 ? at : null },
      }),
    ],
  };
}

/** Root's, and open to nobody beyond `mode`: somebody may have closed it further. */
function isClosed(rights: string, mode: string): boolean {
  const [is = "", ...owner] = rights.split(" ");
  const [bits, most] = [Number.parseInt(is, 8), Number.parseInt(mode, 8)];
  return owner.join(" ") === "0 0" && (bits & ~most) === 0 && (bits & OWNERS) === OWNERS;
}

const OWNERS = 0o700;

const isAnothers = (rights: string | undefined): boolean =>
  rights !== undefined && rights.split(" ")[1] !== "0";

const notOnBtrfs = (spec: DatasetSpec, host: HostName, path: string, fsType: string) =>
  problem(
    "not-on-btrfs",
    spec,
    host,
    `${path} lies on ${fsType}, not on Btrfs`,
    "mount a Btrfs file system there, or name a path on one in the desired state",
  );

const notAFolder = (spec: DatasetSpec, host: HostName, path: string) =>
  problem(
    "not-a-folder",
    spec,
    host,
    `${path} is there and is no folder`,
    "move it away, or choose another path",
  );
