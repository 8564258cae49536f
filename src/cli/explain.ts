import { explain } from "../explain/explain.ts";
import { notInPlan } from "../explain/missing.ts";
import { planFrom } from "../reconcilers/diff-all.ts";
import { explainJson } from "../report/explain-json.ts";
import { explainText } from "../report/explain-text.ts";
import { commandLine } from "./command-line.ts";
import type { IdentityFlags } from "./identity.ts";
import { looking } from "./looking.ts";
import type { RequestFlags } from "./request.ts";
import type { CommonFlags } from "./terminal.ts";

type ExplainFlags = CommonFlags & RequestFlags & IdentityFlags;

/** `devbackup explain ID`: looks as `plan` does, and tells of one action why it is there and what it comes to. */
export const explainCommand = (id: string, flags: ExplainFlags): Promise<number> =>
  looking(flags, { identity: flags }, async ({ terminal, loaded, desired, request, session }) => {
    const observed = await session.look();
    const plan = planFrom(desired, observed, request);
    const action = plan.actions.find((each) => each.id === id);
    if (action === undefined) throw notInPlan(id, plan, commandLine("devbackup plan", flags));
    const explanation = await explain(action, { desired, observed, request }, loaded);
    if (terminal.json) await terminal.document(explainJson(explanation));
    else terminal.answer(explainText(explanation, terminal));
    const [problem] = plan.problems;
    if (problem !== undefined)
      terminal.warn(`nothing is applied as long as this is not put right: ${problem.text}`);
    return 0;
  });
