import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { LABEL_SHAPE, labelAt, parseLabel } from "../domain/label.ts";
import type { HostName } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { STAGES, type Stage } from "../plan/plan.ts";
import type { Request } from "../reconcilers/diff-all.ts";

/** The flags that `plan` and `apply` share. */
export interface RequestFlags {
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
  const label = (spec: DatasetSpec) =>
    flags.label === undefined ? labelAt(now, spec.cadence, spec.timezone) : readLabel(flags.label, spec);
  return {
    desired: { ...whole, datasets },
    request: {
      labels: new Map(datasets.map((spec) => [spec.name, label(spec)])),
      labelled: flags.label !== undefined,
      selection: {
        host: host as HostName | null,
        stages: flags.only === undefined ? null : readStages(flags.only),
      },
    },
  };
}

function readLabel(text: string, { name, cadence }: DatasetSpec) {
  const label = parseLabel(text, cadence);
  if (label !== undefined) return label;
  throw new DevbackupError({
    code: "no-label",
    exitCode: 1,
    what: `--label ${text} is no label of ${name}, whose cadence is ${cadence}`,
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

const wrongFlag = (flag: string, value: string, known: readonly string[]): DevbackupError =>
  new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what: `${flag} ${value} is not known`,
    state: "Nothing was contacted",
    next: `one of: ${known.join(", ")}`,
  });
