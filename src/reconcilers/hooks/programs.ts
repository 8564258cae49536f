import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { known } from "../../domain/fact.ts";
import { sh } from "../../transport/quote.ts";
import { type Probe, type Reconciler, type View, warning } from "../reconciler.ts";
import type { HookName } from "./hook.ts";

type Declared = readonly (readonly [HookName, string])[];

const onWorkstation = ({ hooks: { beforeSnapshot, afterSnapshot } }: DatasetSpec): Declared => [
  ...(beforeSnapshot === null ? [] : [["before_snapshot", beforeSnapshot[0]] as const]),
  ...(afterSnapshot === null ? [] : [["after_snapshot", afterSnapshot[0]] as const]),
];

const onServer = ({ hooks: { afterApply } }: DatasetSpec): Declared =>
  afterApply === null ? [] : [["after_apply", afterApply[0]]];

const missingProbe = (host: DatasetSpec["server"], declared: Declared): Probe<ReadonlySet<string>> => ({
  host,
  script: [
    "cd /",
    ...declared.map(([hook, program]) => sh`command -v -- ${program} >/dev/null || echo ${hook}`),
  ].join("\n"),
  parse: (stdout) => known(new Set(stdout.split("\n"))),
});

/** Hooks whose program is not there. */
export const workstationHooksProbe = (spec: DatasetSpec): Probe<ReadonlySet<string>> =>
  missingProbe(spec.workstation, onWorkstation(spec));

export const serverHooksProbe = (spec: DatasetSpec): Probe<ReadonlySet<string>> =>
  missingProbe(spec.server, onServer(spec));

/** Says what a hook would fail of, before anything is run. Whether a program does what it is to do, only its run can tell. */
export const hooks: Reconciler<never> = {
  kind: "hooks",
  diff: ({ spec, facts: { workstationHooks, serverHooks } }: View) => ({
    warnings: (
      [
        [spec.workstation, workstationHooks, onWorkstation(spec)],
        [spec.server, serverHooks, onServer(spec)],
      ] as const
    ).flatMap(([host, missing, declared]) =>
      declared
        .filter(([hook]) => missing.kind === "known" && missing.value.has(hook))
        .map(([hook, program]) =>
          warning(
            "hook-not-there",
            spec,
            host,
            `${hook} names a program that is not there: ${program}. ${OUTCOME[hook]}`,
          ),
        ),
    ),
  }),
  run: async ({ id }) => {
    throw new RangeError(`${id} is nothing to run`);
  },
};

const OUTCOME: Readonly<Record<HookName, string>> = {
  before_snapshot: "Until it is, no snapshot is taken",
  after_snapshot: "What before_snapshot stops would stand still",
  after_apply: "Each apply would end with 1",
};
