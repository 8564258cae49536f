import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { Fact } from "../../domain/fact.ts";
import { type AbsolutePath, fileName, type HostName, parentOf } from "../../domain/names.ts";
import { plural } from "../../domain/units.ts";
import type { ActionId } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { type Answer, actionId, problem, propose, together, unknownProblem } from "../answer.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { isSetUp, type View } from "../view.ts";
import { ENTER } from "./enter.ts";
import { type Folder, type LayoutFacts, OTHER, repositoryFolders, workstationFolders } from "./folders.ts";
import { closeScript, whoElse } from "./open-to-others.ts";
import { packagesId } from "./packages.ts";

interface Input {
  readonly folders: readonly Folder[];
  /** The repository, where files in it are to be closed to others. */
  readonly close?: AbsolutePath | null;
}

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
    ...wrong.map(({ path, mode }) => `${path} is ${inWords(present.get(path))}, not root:root 0${mode}`),
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

/** `MODE UID GID` as the details have it: `1000:1000 0755`. */
const inWords = (rights = ""): string => {
  const [mode, uid, gid] = rights.split(" ");
  return `${uid === "0" ? "root" : uid}:${gid === "0" ? "root" : gid} 0${mode}`;
};

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
