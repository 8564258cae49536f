import type { Code } from "../domain/code.ts";
import { type Manifest, renderManifest } from "../domain/manifest.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { approveCommand, isApproved, parseApproval } from "../plan/approval.ts";
import type { Action, Plan } from "../plan/plan.ts";
import { reconcilerOf } from "../reconcilers/all.ts";
import { signerThere } from "../reconcilers/keys/signature.ts";
import type { Tools } from "../reconcilers/reconciler.ts";
import { preparations } from "../reconcilers/server-view.ts";
import type { View } from "../reconcilers/view.ts";
import { publicAction } from "../report/plan-json.ts";
import { planText } from "../report/plan-text.ts";
import { sha256Of } from "../transport/hash.ts";
import { confirm, confirmHazards } from "./confirm.ts";
import { type OnServer, type OnServerFlags, planOf } from "./on-server.ts";

/** Of a command that writes a manifest anew. */
export interface AnewFlags extends OnServerFlags {
  readonly approve?: readonly string[];
}

/** `looked-at`: what it does not tell is an unknown that the command itself deals with. */
type OfBucket = "needed" | "looked-at" | "left-out";

/** Keys and folders that have to be there first. Null where they are not, and nobody agreed to put them there. */
export async function prepared(
  there: OnServer,
  flags: AnewFlags,
  bucket: OfBucket,
  said: (view: View, actions: readonly Action[]) => Promise<void>,
): Promise<View | null> {
  const view = await there.look(bucket !== "left-out");
  const { actions, problems } = preparations(view, there.command);
  refuse(view, there, problems[0], bucket === "needed");
  if (actions.length === 0) return view;
  const plan = planOf(view, actions);
  const approval = await agreed(plan, there, flags);
  if (approval === null || !plan.actions.every((action) => isApproved(action, approval))) {
    there.terminal.answer(`Nothing was changed. This has to be done first; --yes does it.\n`);
    if (there.terminal.json) await said(view, plan.actions);
    return null;
  }
  for (const action of plan.actions)
    await there.carryOut(
      action,
      (each, tools) => reconcilerOf(each.kind).run(each, tools),
      (now) => preparations(now, there.command),
    );
  return there.look(bucket !== "left-out");
}

/** Nothing is decided on an unknown, and nothing done while there is a problem. */
export function refuse(
  { spec, facts, cloud }: View,
  { command }: OnServer,
  problem: Plan["problems"][number] | undefined,
  withBucket: boolean,
): void {
  const state = "Nothing was changed";
  const stop = (what: string, next: string, code: Code = "unknown-state", exitCode: 1 | 6 = 1): never => {
    throw new DevbackupError({ code, exitCode, host: spec.server, what, state, next });
  };
  if (problem !== undefined) stop(problem.text, problem.next, problem.code, problem.exitCode ?? 1);
  for (const [what, fact] of [
    ["the manifest", facts.manifest],
    ["the artifacts", facts.store],
  ] as const)
    if (fact.kind === "unknown") stop(`${what} could not be looked at: ${fact.why}`, command);
  if (withBucket && cloud?.bucket.kind === "unknown")
    stop(
      `the bucket could not be looked at: ${cloud.bucket.why}`,
      `${command} --from server does without it`,
    );
}

/** How a manifest is written anew. */
export interface Writing<Input> {
  readonly action: Action<Input>;
  readonly run: (action: Action<Input>, tools: Tools) => Promise<string>;
  /** The same action, worked out of what is there now; null where nothing is left of it. */
  readonly again: (now: View) => Action | null;
  readonly rows: Manifest;
  readonly said: (result: "unapproved" | "written", actions: readonly Action[]) => Promise<void>;
}

/** Writes it where that is agreed to. */
export async function writeAnew<Input>(
  view: View,
  there: OnServer,
  flags: AnewFlags,
  { action, run, again, rows, said }: Writing<Input>,
): Promise<void> {
  const { terminal, session, planCommand } = there;
  const plan = planOf(view, [action]);
  const approval = await agreed(plan, there, flags);
  if (approval === null || !isApproved(action, approval)) {
    if (terminal.json) await said("unapproved", plan.actions);
    terminal.say("Nothing was changed.\n");
    return;
  }
  await there.carryOut(action, run, (now) => {
    const left = again(now);
    return { actions: left === null ? [] : [left], problems: [] };
  });
  await remembered(view, session, rows);
  if (terminal.json) await said("written", plan.actions);
  terminal.say(`Next: ${planCommand}\n`);
}

/** The one document of `--json`, with what is told of the manifest. */
export const document = (
  { terminal, command }: OnServer,
  { spec }: View,
  result: string,
  told: object,
  actions: readonly Action[],
): Promise<void> =>
  terminal.document({
    formatVersion: 1,
    dataset: spec.name,
    result,
    ...told,
    actions: actions.map(publicAction),
    approve: actions.filter(({ hazard }) => hazard !== "none").map(({ id }) => approveCommand(id, command)),
  });

/** What this machine saw before may have been newer: the user has said that this is the manifest now. */
async function remembered(
  { spec, facts }: View,
  session: OnServer["session"],
  rows: Manifest,
): Promise<void> {
  const signer = facts.signKey.kind === "known" ? signerThere(facts.signKey.value) : null;
  const manifestSha256 = sha256Of(renderManifest(rows));
  const last = rows.at(-1);
  if (signer === null || last === undefined) return;
  await session.allow(spec.name, signer, { label: last.label, ts: last.ts, manifestSha256 });
}

/** Off a terminal `--approve` alone lets a hazard through, and `--yes` what has none. Null for a no. */
async function agreed(plan: Plan, { terminal, command }: OnServer, { yes, approve = [] }: AnewFlags) {
  const asked = parseApproval(approve);
  terminal.answer(
    `${planText(plan, { ...terminal, command, narrowed: true, approved: (action) => isApproved(action, asked) })}\n`,
  );
  const harmless = plan.actions.some(({ hazard }) => hazard === "none");
  const approved = plan.actions.every((action) => isApproved(action, asked));
  if (harmless && yes !== true && !(terminal.interactive && (await confirm("Carry this out?")))) return null;
  return terminal.interactive && !approved ? confirmHazards(plan, asked) : asked;
}
