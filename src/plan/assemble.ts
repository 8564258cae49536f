import type { Label } from "../domain/label.ts";
import type { DatasetName, HostName } from "../domain/names.ts";
import {
  type Action,
  type ActionId,
  type Plan,
  type Problem,
  STAGES,
  type Stage,
  type Warning,
} from "./plan.ts";

/** What a plan is limited to; everything where a member is null. */
export interface Selection {
  readonly host: HostName | null;
  readonly stages: readonly Stage[] | null;
  /** Left out: of every kind. */
  readonly kinds?: readonly string[];
}

/** Of what was selected, and can't be done before something that was not. */
export const LEFT_OUT = "left-out";

export interface Draft {
  readonly createdAt: Date;
  readonly mode: Plan["mode"];
  readonly labels: ReadonlyMap<DatasetName, Label>;
  readonly warnings: readonly Warning[];
  readonly notes: readonly string[];
  readonly problems: readonly Problem[];
  readonly actions: readonly Action[];
}

/**
 * Puts actions into the order in which they are carried out: what is needed first, then by stage, then as
 * they were given. An action that waits for one outside the selection is left out, with a warning.
 * @throws RangeError where actions wait for each other, or two have one id.
 */
export function assemble(draft: Draft, selection: Selection): Plan {
  const all = inOrder(prune(draft.actions));
  const { kept, warnings } = select(all, selection);
  const count = (change: Action["change"]) => kept.filter((action) => action.change === change).length;
  return {
    formatVersion: 1,
    createdAt: draft.createdAt.toISOString(),
    mode: draft.mode,
    labels: Object.fromEntries(draft.labels),
    warnings: unique([...draft.warnings, ...warnings]),
    notes: draft.notes,
    problems: unique(draft.problems),
    actions: kept,
    summary: {
      total: kept.length,
      create: count("create"),
      update: count("update"),
      delete: count("delete"),
      hazardous: kept.filter(({ hazard }) => hazard !== "none").length,
    },
  };
}

/** Actions that several datasets ask for become one; needs that nothing answers are met already. */
function prune(actions: readonly Action[]): Action[] {
  const byId = new Map<ActionId, Action>();
  for (const action of actions) {
    const twin = byId.get(action.id);
    if (twin !== undefined && action.dataset !== null)
      throw new RangeError(`two actions are called ${action.id}`);
    if (twin === undefined) byId.set(action.id, action);
  }
  return [...byId.values()].map((action) => ({
    ...action,
    needs: [...new Set(action.needs)].filter((need) => byId.has(need) && need !== action.id),
  }));
}

function inOrder(actions: readonly Action[]): Action[] {
  const byStage = [...actions].sort((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage));
  const byId = new Map(actions.map((action) => [action.id, action]));
  const placed = new Set<ActionId>();
  const order: Action[] = [];
  const place = (action: Action, waiting: readonly ActionId[]): void => {
    if (placed.has(action.id)) return;
    if (waiting.includes(action.id)) throw new RangeError(`${[...waiting, action.id].join(" waits for ")}`);
    for (const need of action.needs) {
      const needed = byId.get(need);
      if (needed !== undefined) place(needed, [...waiting, action.id]);
    }
    placed.add(action.id);
    order.push(action);
  };
  for (const action of byStage) place(action, []);
  return order;
}

function select(
  actions: readonly Action[],
  { host, stages, kinds }: Selection,
): { kept: Action[]; warnings: Warning[] } {
  const kept: Action[] = [];
  const warnings: Warning[] = [];
  const out = new Set<ActionId>();
  for (const action of actions) {
    const wanted =
      (host === null || action.host === host) &&
      (stages === null || stages.includes(action.stage)) &&
      (kinds === undefined || kinds.includes(action.kind));
    const need = action.needs.find((id) => out.has(id));
    if (!wanted || need !== undefined) out.add(action.id);
    else kept.push(action);
    if (wanted && need !== undefined) {
      const text = `${action.id} is left out: it needs ${need}, which is not selected`;
      warnings.push({ code: LEFT_OUT, host: action.host, dataset: action.dataset, text });
    }
  }
  return { kept, warnings };
}

function unique<Said extends Warning>(said: readonly Said[]): Said[] {
  const seen = new Set<string>();
  return said.filter(({ code, host, dataset, text }) => {
    const key = JSON.stringify([code, host, dataset, text]);
    return !seen.has(key) && seen.add(key);
  });
}
