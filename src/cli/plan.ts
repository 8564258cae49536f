import type { Problem } from "../plan/plan.ts";
import { planFrom } from "../reconcilers/diff-all.ts";
import { planJson } from "../report/plan-json.ts";
import { planText } from "../report/plan-text.ts";
import { commandLine, isNarrowed } from "./command-line.ts";
import type { IdentityFlags } from "./identity.ts";
import { looking } from "./looking.ts";
import { savePlan } from "./plan-file.ts";
import type { RequestFlags } from "./request.ts";
import type { CommonFlags } from "./terminal.ts";

export interface PlanFlags extends CommonFlags, RequestFlags, IdentityFlags {
  readonly out?: string;
  readonly detailedExitcode?: boolean;
}

/** `devbackup plan`: looks, shows, changes nothing. */
export const planCommand = (flags: PlanFlags): Promise<number> =>
  looking(flags, { identity: flags }, async ({ terminal, desired, request, session }) => {
    const plan = planFrom(desired, await session.look(), request);
    if (terminal.json) await terminal.document(planJson(plan));
    else {
      const command = commandLine("devbackup apply", flags);
      terminal.answer(planText(plan, { ...terminal, command, narrowed: isNarrowed(flags) }));
      if (plan.actions.length > 0 && plan.problems.length === 0) {
        terminal.say(`One of them in full: ${commandLine("devbackup explain ID", flags)}\n`);
        // a plan that is written says itself what was asked for
        if (flags.out === undefined) terminal.say(`next: ${command}\n`);
      }
    }
    if (plan.problems.length > 0) return exitCodeOf(plan.problems);
    if (flags.out !== undefined) await savePlan(flags.out, desired, request, plan);
    if (plan.actions.some(({ exitCode }) => exitCode === 6)) return 6;
    return flags.detailedExitcode === true && plan.actions.length > 0 ? 2 : 0;
  });

/** 6 where one of them is damage: whoever reads exit codes should hear of the worst. */
export const exitCodeOf = (problems: readonly Problem[]): number =>
  problems.some(({ exitCode }) => exitCode === 6) ? 6 : 1;
