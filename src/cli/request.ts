import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { nearest } from "../desired-state/nearest.ts";
import { LABEL_SHAPE, labelAt, parseLabel } from "../domain/label.ts";
import { type HostName, parseAbsolutePath } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { STAGES, type Stage } from "../plan/plan.ts";
import { pathInside } from "../reconcilers/receive/extract.ts";
import type { Request, RestoreRequest, RestoreTarget } from "../reconcilers/request.ts";

/** The flags that `plan` and `apply` share. */
export interface RequestFlags {
  /** A label, or `latest`. */
  readonly restore?: string;
  /** With `restore`: beside what is there. */
  readonly to?: string;
  readonly label?: string;
  readonly dataset?: string;
  readonly host?: string;
  readonly only?: string;
}

/** What the flags ask for, and the part of the desired state that it concerns. @throws DevbackupError on a wrong flag */
export function readRequest(
  whole: DesiredState,
  flags: RequestFlags,
  now: Date,
): { desired: DesiredState; request: Request } {
  const datasets =
    flags.dataset === undefined
      ? whole.datasets
      : whole.datasets.filter(({ name }) => name === flags.dataset);
  if (datasets.length === 0)
    throw wrongFlag(
      "--dataset",
      flags.dataset ?? "",
      whole.datasets.map(({ name }) => name),
    );
  const host = [...whole.hosts.keys()].find((name) => name === flags.host) ?? null;
  if (flags.host !== undefined && host === null)
    throw wrongFlag("--host", flags.host, [...whole.hosts.keys()]);
  refuseMixture(flags);
  const restore = flags.restore === undefined ? null : readRestore(flags.restore, flags, datasets);
  const label = (spec: DatasetSpec) =>
    flags.label === undefined ? labelAt(now, spec.cadence, spec.timezone) : readLabel(flags.label, spec);
  return {
    desired: flags.dataset === undefined ? whole : { ...whole, datasets, partOf: whole },
    request: {
      labels: new Map(restore === null ? datasets.map((spec) => [spec.name, label(spec)]) : []),
      labelled: flags.label !== undefined,
      restore,
      selection: {
        host: host as HostName | null,
        stages: flags.only === undefined ? null : readStages(flags.only),
      },
    },
  };
}

/** What does not go together, each way round. */
function refuseMixture({ restore, label, to }: RequestFlags): void {
  if (restore !== undefined && label !== undefined)
    throw mixture("--label does not go with --restore", `--restore ${label}`);
  if (restore === undefined && to !== undefined)
    throw mixture("--to goes with --restore alone", `--restore latest --to ${to}`);
}

const mixture = (what: string, next: string): DevbackupError =>
  new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what,
    state: "Nothing was contacted",
    next: `devbackup plan ${next}`,
  });

function readRestore(text: string, { to }: RequestFlags, datasets: readonly DatasetSpec[]): RestoreRequest {
  const label = text === "latest" ? text : datasets.map((spec) => readLabel(text, spec, "--restore"))[0];
  const [spec] = datasets;
  if (label === undefined || spec === undefined) throw new RangeError("there is a dataset");
  if (to === undefined) return { label, to: null };
  return { label, to: readTarget(spec, datasets.length, to, null, []) };
}

/**
 * Where a label is brought beside what is there. @throws DevbackupError where that can't be told from what was typed
 */
export function readTarget(
  spec: DatasetSpec,
  datasets: number,
  folder: string,
  host: HostName | null,
  paths: readonly string[],
): RestoreTarget {
  if (datasets > 1)
    throw mixture(
      "--to takes one dataset at a time",
      `--restore latest --to ${folder} --dataset ${spec.name}`,
    );
  const absolute = parseAbsolutePath(folder.replace(/(?<=.)\/+$/, ""));
  const refused = (what: string, next: string) =>
    new DevbackupError({ code: "wrong-flag", exitCode: 1, what, state: "Nothing was contacted", next });
  if (absolute === undefined)
    throw refused(
      `--to ${folder} is no absolute path`,
      `name it from the root, as it is on ${host ?? spec.workstation}: --to /…`,
    );
  const inside = paths.map((path) => {
    const found = pathInside(spec, path);
    if (found === undefined)
      throw refused(
        `${path} names nothing inside ${spec.path}`,
        "name files and folders as they lie in the dataset, or none for all of it",
      );
    return found;
  });
  return { host: host ?? spec.workstation, folder: absolute, paths: [...new Set(inside)].sort() };
}

/** As a restore that ends on the servers asks: the workstations need not be there. */
export const serversAlone = ({ datasets }: DesiredState, request: Request): Request => ({
  ...request,
  restore: { label: "latest", to: null },
  selection: { host: datasets[0]?.server ?? null, stages: null },
});

function readLabel(text: string, { name, cadence }: DatasetSpec, flag = "--label") {
  const label = parseLabel(text, cadence);
  if (label !== undefined) return label;
  throw new DevbackupError({
    code: "no-label",
    exitCode: 1,
    what: `${flag} ${text} is no label of ${name}, whose cadence is ${cadence}`,
    state: "Nothing was contacted",
    next: `name it as ${LABEL_SHAPE[cadence]}`,
  });
}

function readStages(text: string): Stage[] {
  return text.split(",").map((word) => {
    const stage = STAGES.find((known) => known === word.trim());
    if (stage === undefined) throw wrongFlag("--only", word, STAGES);
    return stage;
  });
}

function wrongFlag(flag: string, value: string, known: readonly string[]): DevbackupError {
  const meant = nearest(value, known);
  return new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what: `${flag} ${value} is not known`,
    ...(meant !== undefined && { why: `Did you mean ${meant}?` }),
    state: "Nothing was contacted",
    next: `one of: ${known.join(", ")}`,
  });
}
