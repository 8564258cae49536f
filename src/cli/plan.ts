import { writeFile } from "node:fs/promises";
import type { DesiredState } from "../desired-state/desired-state.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { Plan, Problem } from "../plan/plan.ts";
import { renderSavedPlan } from "../plan/saved.ts";
import { planFrom } from "../reconcilers/diff-all.ts";
import type { Request } from "../reconcilers/request.ts";
import { planJson } from "../report/plan-json.ts";
import { planText } from "../report/plan-text.ts";
import { sha256Of } from "../transport/hash.ts";
import { commandLine, isNarrowed } from "./command-line.ts";
import { type IdentityFlags, identitiesOf } from "./identity.ts";
import { load } from "./load.ts";
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
  const session = openSession(desired, request, identities, (text) => process.stderr.write(text));
  try {
    const plan = planFrom(desired, await session.look(), request);
    if (terminal.json) await terminal.document(planJson(plan));
    else
      terminal.say(
        planText(plan, {
          ...terminal,
          command: commandLine("devbackup apply", flags),
          narrowed: isNarrowed(flags),
        }),
      );
    if (plan.problems.length > 0) return exitCodeOf(plan.problems);
    if (flags.out !== undefined) await save(flags.out, desired, request, plan);
    if (plan.actions.some(({ exitCode }) => exitCode === 6)) return 6;
    return flags.detailedExitcode === true && plan.actions.length > 0 ? 2 : 0;
  } finally {
    await session.close();
  }
}

const save = (
  file: string,
  desired: DesiredState,
  { labelled, restore, selection }: Request,
  plan: Plan,
): Promise<void> =>
  writeFile(
    file,
    renderSavedPlan({
      kind: "devbackup-plan",
      formatVersion: 1,
      desiredSha256: digestOf(desired),
      labelled,
      selection,
      restore: restore === null ? null : { label: restore.label, to: restore.to?.folder ?? null },
      plan,
    }),
    { mode: 0o600 },
  ).catch((error: Error) => {
    throw new DevbackupError({
      code: "plan-unwritten",
      exitCode: 1,
      what: `the plan could not be written to ${file}`,
      why: error.message,
      state: "Nothing was changed",
      next: "name a file that can be written with --out",
    });
  });

/** Of everything declared; key order and comments do not count. */
export const digestOf = (desired: DesiredState): string =>
  sha256Of(JSON.stringify({ ...desired, hosts: [...desired.hosts], signers: [...desired.signers] }));

/** 6 where one of them is damage: whoever reads exit codes should hear of the worst. */
export const exitCodeOf = (problems: readonly Problem[]): number =>
  problems.some(({ exitCode }) => exitCode === 6) ? 6 : 1;
