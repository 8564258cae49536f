import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Fact } from "../../domain/fact.ts";
import type { Label } from "../../domain/label.ts";
import { whyDrillDue } from "../../domain/proof.ts";
import type { Action, ActionId, Warning } from "../../plan/plan.ts";
import { actionId, propose, UNKNOWN_STATE, warning } from "../answer.ts";
import { fetchId } from "../artifact/fetch.ts";
import { keyId } from "../keys/keys.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import { manifestId, registerId } from "../manifest/register.ts";
import { hydrateId } from "../receive/hydrate.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import type { View } from "../view.ts";
import { chainToDrill, lackingFor } from "./drill-chain.ts";
import { clearDrillScript, drillFolder } from "./drill-script.ts";
import { fingerprintId } from "./fingerprint.ts";
import { rehearse } from "./rehearse.ts";

interface Input {
  readonly dataset: DatasetSpec;
  /** Null where there is nothing to be done but to clear away what an earlier one has left. */
  readonly label: Label | null;
}

/** The newest label out of its artifacts into scratch space, compared with what was backed up: a restore, rehearsed. */
export const drill: Reconciler<Input> = {
  kind: "drill",
  diff: (view) => {
    const { desired, spec, facts, course, takenAt } = view;
    if (facts.drills.kind !== "known") return { warnings: [notSeen(view, facts.drills)] };
    const { proofs, left } = facts.drills.value;
    const newest = course.pending.at(-1)?.label ?? course.rows.at(-1)?.label;
    const clearing = left ? { actions: [clearAction(spec)] } : {};
    if (desired.drill === null || newest === undefined) return clearing;
    const why = whyDrillDue(proofs, desired.drill.every, takenAt);
    if (why === null) return clearing;
    const lacking = lackingFor(view, chainToDrill(view, newest));
    return {
      ...(lacking === null ? { actions: [drillAction(view, newest, why)] } : clearing),
      warnings: drillWarnings(view, why, lacking),
    };
  },
  run: async ({ host, input: { dataset, label } }, tools) => {
    if (label !== null) return rehearse(dataset, label, tools);
    await expectSuccess(tools.host(host), clearDrillScript(dataset), {
      code: "drill-failed",
      what: `${drillFolder(dataset)} could not be cleared away`,
      signal: tools.signal,
    });
    return null;
  },
};

/** A drill of `label`; `why` it is due. */
export function drillAction(view: View, label: Label, why: string): Action<Input> {
  const { spec } = view;
  return propose("drill", spec, {
    id: drillId(spec),
    host: spec.server,
    label,
    stage: "hydrate",
    change: "create",
    summary: `restore ${snapshotName(spec.name, label)} into scratch space, compare it with what was backed up, and remove it`,
    reason: why,
    details: [`${drillFolder(spec)}  until it is done`],
    needs: [
      packagesId(spec.server),
      layoutId(spec, spec.server),
      keyId(spec),
      manifestId(spec),
      registerId(spec, label),
      fingerprintId(spec, label),
      hydrateId(spec, label),
      ...chainToDrill(view, label).map((row) => fetchId(spec, row.label)),
    ],
    input: { dataset: spec, label },
  });
}

const clearAction = (spec: DatasetSpec): Action<Input> =>
  propose("drill", spec, {
    id: drillId(spec),
    host: spec.server,
    stage: "hydrate",
    change: "delete",
    summary: `clear away what a drill has left in ${drillFolder(spec)}`,
    reason: "an earlier drill was cut off",
    needs: [layoutId(spec, spec.server)],
    input: { dataset: spec, label: null },
  });

const drillId = (spec: DatasetSpec): ActionId => actionId("drill", spec.name);

/** Never in the plan that is to make the first backup: there is nothing yet that could have been drilled. */
function drillWarnings({ spec, course }: View, why: string, lacking: string | null): Warning[] {
  if (course.rows.length === 0) return [];
  const text = lacking === null ? why : `${why}, and none can be done: ${lacking}`;
  return [warning("drill-overdue", spec, spec.server, text)];
}

/** Whatever is declared: one that failed would be passed over. */
const notSeen = ({ spec, desired }: View, fact: Exclude<Fact<unknown>, { kind: "known" }>): Warning => ({
  ...warning(
    UNKNOWN_STATE,
    spec,
    spec.server,
    `what drills of ${spec.name} have proven could not be looked at: ${fact.kind === "unknown" ? fact.why : "it is not there"}`,
  ),
  ...(desired.drill !== null && { hides: "hydrate" as const }),
});
