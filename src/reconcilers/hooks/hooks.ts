import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { Fact } from "../../domain/fact.ts";
import type { Warning } from "../../plan/plan.ts";
import { warning } from "../answer.ts";
import { type Found, mendOpen } from "../machine/root-alone.ts";
import type { Reconciler } from "../reconciler.ts";
import type { HookName } from "./hook.ts";
import { notifiedWarnings } from "./notified.ts";
import { type Declared, onServer, onWorkstation } from "./programs.ts";

/** Says what a hook, or what `notify` starts, would fail of before anything is run. Whether a program does what it is to do, only its run can tell. */
export const hooks: Reconciler<never> = {
  kind: "hooks",
  diff: (view) => {
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
