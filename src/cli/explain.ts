import { explain } from "../explain/explain.ts";
import { notInPlan } from "../explain/missing.ts";
import { planFrom } from "../reconcilers/diff-all.ts";
import { explainJson } from "../report/explain-json.ts";
import { explainText } from "../report/explain-text.ts";
import { commandLine } from "./command-line.ts";
import { type IdentityFlags, identitiesOf } from "./identity.ts";
import { load } from "./load.ts";
import { type RequestFlags, readRequest } from "./request.ts";
import { openSession } from "./session.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

type ExplainFlags = CommonFlags & RequestFlags & IdentityFlags;

/** `devbackup explain ID`: looks as `plan` does, and tells of one action why it is there and what it comes to. */
export async function explainCommand(id: string, flags: ExplainFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { desired, request } = readRequest(loaded.desired, flags, new Date());
  const identities = await identitiesOf(flags, terminal);
  const session = openSession(desired, request, identities, terminal.warn, "all", loaded.texts);
  try {
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
  } finally {
    await session.close();
  }
}
