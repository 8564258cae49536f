import { nearest } from "../desired-state/nearest.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { Plan } from "../plan/plan.ts";
import { KINDS } from "./kinds.ts";

const MOST_IDS = 8;
/** `recipient:dev` and `manifest:dev` are steps of another kind's. */
const KIND_OF_PREFIX: Readonly<Record<string, string>> = { recipient: "key", manifest: "register" };

/** For an id that is not in `plan`: what such an action would do, and which ids come nearest. `look` shows the plan. */
export function notInPlan(id: string, plan: Plan, look: string): DevbackupError {
  const does = KINDS[kindOf(id)]?.does;
  const [problem] = plan.problems;
  const why = [
    ...(does === undefined ? [] : [`Such an action ${does}`]),
    problem === undefined
      ? "There is no need of it as things stand"
      : `It may be missing because of what is in the way: ${problem.text}`,
    inPlan(id, plan),
  ];
  return new DevbackupError({
    code: "no-such-action",
    exitCode: 1,
    what: `there is no action ${id} in this plan`,
    why: why.join(". "),
    state: "Nothing was changed",
    next: look,
  });
}

function inPlan(id: string, { actions }: Plan): string {
  const ids = actions.map((action) => String(action.id));
  const spelled = nearest(id, ids);
  const sameKind = actions.filter(({ kind }) => kind === kindOf(id)).map((action) => String(action.id));
  const near = [...new Set([...(spelled === undefined ? [] : [spelled]), ...sameKind])];
  if (ids.length === 0) return "The plan has nothing to do";
  return near.length > 0 ? `The nearest: ${some(near)}` : `In the plan: ${some(ids)}`;
}

const some = (ids: readonly string[]): string =>
  ids.length > MOST_IDS
    ? `${ids.slice(0, MOST_IDS).join(", ")} and ${ids.length - MOST_IDS} more`
    : ids.join(", ");

function kindOf(id: string): string {
  const prefix = id.split(":")[0] ?? "";
  return KIND_OF_PREFIX[prefix] ?? prefix;
}
