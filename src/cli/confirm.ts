import { printable } from "../domain/printable.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { type Approval, isApproved } from "../plan/approval.ts";
import type { Plan } from "../plan/plan.ts";
import type { Terminal } from "./terminal.ts";

/** Asks yes or no. @throws DevbackupError `interrupted` on Ctrl-C */
export async function confirm(question: string): Promise<boolean> {
  const prompts = await import("@inquirer/prompts");
  return answered(prompts.confirm({ message: question, default: false }));
}

/**
 * Whether to go on, and for each hazard; nobody is asked off a terminal, where `approval` alone counts. Null for a no. `yes`: the
 * first question is answered.
 */
export async function approve(
  plan: Plan,
  approval: Approval,
  { interactive }: Terminal,
  yes = false,
): Promise<Approval | null> {
  if (plan.actions.length === 0 || !interactive) return approval;
  return yes || (await confirm("Carry this out?")) ? confirmHazards(plan, approval) : null;
}

/** `approval`, and each hazardous action without one that is confirmed by typing its id; Enter leaves it undone. */
export async function confirmHazards(plan: Plan, approval: Approval): Promise<Approval> {
  const { input } = await import("@inquirer/prompts");
  const named = new Set(approval.named);
  for (const action of plan.actions) {
    if (isApproved(action, approval)) continue;
    const message = `${action.hazard}: ${printable(action.summary)}\n  Type ${printable(action.id)} to let it through, Enter to leave it:`;
    // a mistyped id is asked for again, not taken for a no
    const validate = (text: string): true | string =>
      ["", action.id].includes(text.trim()) || `Either ${printable(action.id)} or nothing`;
    if ((await answered(input({ message, validate }))).trim() === action.id) named.add(action.id);
  }
  return { ...approval, named };
}

/** The answer to a prompt; where it was broken off, an error with the exit code of an interruption, and how things stand then. */
export async function answered<Answer>(
  prompt: Promise<Answer>,
  state = "Nothing was changed",
): Promise<Answer> {
  return prompt.catch((error: unknown) => {
    if (!(error instanceof Error) || error.name !== "ExitPromptError") throw error;
    throw new DevbackupError({
      code: "interrupted",
      exitCode: 130,
      what: "stopped at the question",
      state,
    });
  });
}
