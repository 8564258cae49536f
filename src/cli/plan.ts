import type { Problem } from "../plan/plan.ts";
import { planFrom } from "../reconcilers/diff-all.ts";
import { planJson } from "../report/plan-json.ts";
import { planText } from "../report/plan-text.ts";
import { commandLine, isNarrowed } from "./command-line.ts";
import { type IdentityFlags, identitiesOf } from "./identity.ts";
import { load } from "./load.ts";
import { savePlan } from "./plan-file.ts";
import { type RequestFlags, readRequest } from "./request.ts";
import { openSession } from "./session.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

export interface PlanFlags extends CommonFlags, RequestFlags, IdentityFlags {
  readonly out?: string;
  readonly detailedExitcode?: boolean;
}

/** `devbackup plan`: looks, shows, changes nothing. */
export async function planCommand(flags: PlanFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { desired, request } = readRequest(loaded.desired, flags, new Date());
  const identities = await identitiesOf(flags, terminal);
  const session = openSession(desired, request, identities, terminal.warn, "all", loaded.texts);
  try {
    const plan = planFrom(desired, await session.look(), request);
    if (terminal.json) await terminal.document(planJson(plan));
    else {
      terminal.answer(
        planText(plan, {
          ...terminal,
          command: commandLine("devbackup apply", flags),
          narrowed: isNarrowed(flags),
        }),
      );
      if (plan.actions.length > 0 && plan.problems.length === 0)
        terminal.say(`One of them in full: ${commandLine("devbackup explain ID", flags)}\n`);
    }
    if (plan.problems.length > 0) return exitCodeOf(plan.problems);
    if (flags.out !== undefined) await savePlan(flags.out, desired, request, plan);
    if (plan.actions.some(({ exitCode }) => exitCode === 6)) return 6;
    return flags.detailedExitcode === true && plan.actions.length > 0 ? 2 : 0;
  } finally {
    await session.close();
  }
}

/** 6 where one of them is damage: whoever reads exit codes should hear of the worst. */
export const exitCodeOf = (problems: readonly Problem[]): number =>
  problems.some(({ exitCode }) => exitCode === 6) ? 6 : 1;
