import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { known } from "../../domain/fact.ts";
import { type Found, lookScript, readFound } from "../machine/root-alone.ts";
import type { Probe } from "../probe.ts";
import type { HookName } from "./hook.ts";

export type Declared = readonly (readonly [HookName, string])[];

export const onWorkstation = ({ hooks: { beforeSnapshot, afterSnapshot } }: DatasetSpec): Declared => [
  ...(beforeSnapshot === null ? [] : [["before_snapshot", beforeSnapshot[0]] as const]),
  ...(afterSnapshot === null ? [] : [["after_snapshot", afterSnapshot[0]] as const]),
];

export const onServer = ({ hooks: { afterApply } }: DatasetSpec): Declared =>
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
