import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { absent, unknown } from "../domain/fact.ts";
import { labelAt } from "../domain/label.ts";
import { type Answer, damage, together } from "./answer.ts";
import { cloudOf, type Observation } from "./facts.ts";
import { lostKeys, toolsOn } from "./keys/key-files.ts";
import { keys } from "./keys/keys.ts";
import { memoryProblems } from "./keys/memory.ts";
import { neverSigned, signKey } from "./keys/sign-key.ts";
import { afterTrust, trust } from "./keys/trust.ts";
import { layout } from "./machine/layout.ts";
import { packages } from "./machine/packages.ts";
import { registered } from "./manifest/store.ts";
import type { Reconciler } from "./reconciler.ts";
import type { View } from "./view.ts";

/** What a command that concerns one dataset's server alone looks at. */
export function serverView(desired: DesiredState, spec: DatasetSpec, observed: Observation): View {
  const facts = observed.datasets.get(spec.name);
  if (facts === undefined) throw new RangeError(`${spec.name} was not observed`);
  const { takenAt, systems } = observed;
  const rows = registered(facts.manifest);
  const target = rows.at(-1)?.label ?? labelAt(takenAt, spec.cadence, spec.timezone);
  return {
    desired,
    spec,
    facts,
    takenAt,
    systems: new Map([[spec.workstation, unknown("it was not asked")], ...systems]),
    cloud: cloudOf(desired, spec, observed),
    memory: observed.memory.get(spec.name) ?? unknown("it was not read"),
    course: { target, rows, pending: [] },
    restore: { label: "latest", to: null },
    stages: null,
    hosts: new Set([spec.server]),
    recovered: observed.recovered.get(spec.name) ?? absent,
  };
}

const PREPARERS: readonly Reconciler[] = [trust, packages, layout, keys, signKey];

/** What has to be on the server before artifacts can be opened and a manifest signed there. `again`: the command. */
export function preparations(view: View, again: string): Required<Answer<unknown>> {
  const { spec, facts, recovered, systems } = view;
  const loss = lostKeys(facts, toolsOn(systems, spec.server));
  const lost = [
    ...(loss.key === "gone"
      ? [{ code: "key-lost" as const, what: "the age identity, which opens the artifacts," }]
      : []),
    ...(loss.signKey === "gone" && !neverSigned(view)
      ? [{ code: "sign-key-lost" as const, what: "the sign key" }]
      : []),
  ];
  if (lost.length > 0 && recovered.kind !== "known") {
    const next = `${again} --identity FILE, with a recovery identity: the key comes back from the escrow; or put it back from a copy`;
    const say = ({ code, what }: (typeof lost)[number]) =>
      damage(code, spec, spec.server, `${what} of ${spec.name} is gone from ${spec.server}`, next);
    return together([{ problems: lost.map(say) }]);
  }
  const { actions, problems, warnings, notes } = together(PREPARERS.map((one) => one.diff(view)));
  const damaged = Object.values(loss).includes("damaged");
  const here = actions.filter(({ host }) => host === spec.server);
  const remembered = memoryProblems(view).filter(({ code }) => code !== "manifest-rolled-back");
  return {
    // who signs matters only where something comes out of the escrow
    actions:
      lost.length > 0 || damaged ? afterTrust(view, here) : here.filter(({ kind }) => kind !== trust.kind),
    problems: [...problems.filter(({ host }) => host === null || host === spec.server), ...remembered],
    warnings,
    notes,
  };
}
