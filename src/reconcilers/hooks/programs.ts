import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { type Fact, known } from "../../domain/fact.ts";
import type { Warning } from "../../plan/plan.ts";
import { warning } from "../answer.ts";
import { type Found, lookScript, mendOpen, readFound } from "../machine/root-alone.ts";
import type { Probe } from "../probe.ts";
import type { Reconciler } from "../reconciler.ts";
import type { View } from "../view.ts";
import type { HookName } from "./hook.ts";
import { notifiedWarnings } from "./notified.ts";

type Declared = readonly (readonly [HookName, string])[];

const onWorkstation = ({ hooks: { beforeSnapshot, afterSnapshot } }: DatasetSpec): Declared => [
  ...(beforeSnapshot === null ? [] : [["before_snapshot", beforeSnapshot[0]] as const]),
  ...(afterSnapshot === null ? [] : [["after_snapshot", afterSnapshot[0]] as const]),
];

const onServer = ({ hooks: { afterApply } }: DatasetSpec): Declared =>
  afterApply === null ? [] : [["after_apply", afterApply[0]]];

const programsProbe = (host: DatasetSpec["server"], declared: Declared): Probe<Found> => ({
  host,
  script: lookScript(declared.map(([name, program]) => ({ name, program }))),
  parse: (stdout) => known(readFound(stdout)),
});

export const workstationHooksProbe = (spec: DatasetSpec): Probe<Found> =>
  programsProbe(spec.workstation, onWorkstation(spec));

export const serverHooksProbe = (spec: DatasetSpec): Probe<Found> =>
  programsProbe(spec.server, onServer(spec));

/** Says what a hook, or what `notify` starts, would fail of before anything is run. Whether a program does what it is to do, only its run can tell. */
export const hooks: Reconciler<never> = {
  kind: "hooks",
  diff: (view: View) => {
    const { spec, facts } = view;
    return {
      warnings: [
        ...warningsOf(spec, spec.workstation, facts.workstationHooks, onWorkstation(spec)),
        ...warningsOf(spec, spec.server, facts.serverHooks, onServer(spec)),
        ...notifiedWarnings(view),
      ],
    };
  },
  run: async ({ id }) => {
    throw new RangeError(`${id} is nothing to run`);
  },
};

function warningsOf(
  spec: DatasetSpec,
  host: DatasetSpec["server"],
  looked: Fact<Found>,
  declared: Declared,
): Warning[] {
  const is = (hook: HookName, what: "missing" | "open") =>
    looked.kind === "known" && looked.value.get(hook) === what;
  return declared.flatMap(([hook, program]) => [
    ...(is(hook, "missing")
      ? [
          warning(
            "hook-missing",
            spec,
            host,
            `the program of ${hook} is not there: ${program}. ${WITHOUT[hook]}`,
          ),
        ]
      : []),
    ...(is(hook, "open")
      ? [
          warning(
            "hook-open",
            spec,
            host,
            `${hook} runs ${program} as root, and ${mendOpen("at the next backup")}`,
          ),
        ]
      : []),
  ]);
}

const WITHOUT: Readonly<Record<HookName, string>> = {
  before_snapshot: "No snapshot is taken before it is",
  after_snapshot: "What before_snapshot stops would stand still",
  after_apply: "Each apply would end with 1",
};
