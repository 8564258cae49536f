import { type Approval, isApproved } from "../plan/approval.ts";
import type { ActionId, Plan } from "../plan/plan.ts";

/** Asks yes or no; Ctrl-C and the end of input are a no. */
export async function confirm(question: string): Promise<boolean> {
  const prompts = await import("@inquirer/prompts");
  return prompts.confirm({ message: question, default: false }).catch(() => false);
}

/** Each hazardous action that has no approval yet is confirmed by typing its id; Enter leaves it undone. */
export async function confirmHazards(plan: Plan, approval: Approval): Promise<ActionId[]> {
  const { input } = await import("@inquirer/prompts");
  const confirmed: ActionId[] = [];
  for (const action of plan.actions) {
    if (isApproved(action, approval)) continue;
    const message = `${action.summary} is ${action.hazard}. Type ${action.id} to let it through, Enter to leave it:`;
    if ((await input({ message }).catch(() => "")) === action.id) confirmed.push(action.id);
  }
  return confirmed;
}
