import type { Code } from "../domain/code.ts";
import { renderManifest } from "../domain/manifest.ts";
import type { Finding } from "../domain/rebuild.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { formatBytes, plural } from "../domain/units.ts";
import { approveCommand, isApproved, parseApproval } from "../plan/approval.ts";
import type { Action, Plan } from "../plan/plan.ts";
import { reconcilerOf } from "../reconcilers/all.ts";
import { signerThere } from "../reconcilers/keys/signature.ts";
import {
  type Candidate,
  candidatesInBucket,
  candidatesOnServer,
  readFromBucket,
  readOnServer,
  rebuildAction,
  runRebuild,
  type Study,
  study,
} from "../reconcilers/manifest/rebuild.ts";
import { preparations } from "../reconcilers/server-view.ts";
import type { View } from "../reconcilers/view.ts";
import { publicAction } from "../report/plan-json.ts";
import { planText } from "../report/plan-text.ts";
import { rebuildJson, rebuildText } from "../report/rebuild-text.ts";
import { sha256Of } from "../transport/hash.ts";
import { confirm, confirmHazards } from "./confirm.ts";
import { type OnServer, type OnServerFlags, onServer, planOf } from "./on-server.ts";

const PLACES = ["server", "bucket", "all"] as const;

export interface RebuildFlags extends OnServerFlags {
  readonly from?: string;
  readonly approve?: readonly string[];
}

/**
 * `devbackup manifest rebuild`: the manifest anew from the artifacts, on approval alone. Exit code 6 where something
 * stored is damaged or not what its name says, whatever becomes of the rest.
 */
export async function manifestRebuildCommand(flags: RebuildFlags): Promise<number> {
  const from = PLACES.find((place) => place === (flags.from ?? "all"));
  if (from === undefined)
    throw new DevbackupError({
      code: "wrong-flag",
      exitCode: 1,
      what: `--from ${flags.from} is not known`,
      state: "Nothing was contacted",
      next: `one of: ${PLACES.join(", ")}`,
    });
  const typed = `devbackup manifest rebuild${from === "all" ? "" : ` --from ${from}`}`;
  return onServer(typed, flags, async (there) => {
    const view = await prepared(there, flags, from !== "server");
    if (view === null) return 0;
    const findings = await read(view, there, from, flags);
    return findings === null ? 0 : settle(view, there, findings, flags);
  });
}

/** Keys and folders that have to be there first. Null where they are not, and nobody agreed to put them there. */
async function prepared(there: OnServer, flags: RebuildFlags, withBucket: boolean): Promise<View | null> {
  const view = await there.look(withBucket);
  const { actions, problems } = preparations(view, there.command);
  refuse(view, there, problems[0], withBucket);
  if (actions.length === 0) return view;
  const plan = planOf(view, actions);
  const approval = await agreed(plan, there, flags);
  if (approval === null || !plan.actions.every((action) => isApproved(action, approval))) {
    there.terminal.answer(`Nothing was changed. This has to be done first; --yes does it.\n`);
    if (there.terminal.json) await said(there, view, "unprepared", null, plan.actions);
    return null;
  }
  for (const action of plan.actions)
    await there.carryOut(
      action,
      (each, tools) => reconcilerOf(each.kind).run(each, tools),
      (now) => preparations(now, there.command),
    );
  return there.look(withBucket);
}

/** Nothing is decided on an unknown, and nothing done while there is a problem. */
function refuse(
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

/** Reads what is there; null where the rest is in the bucket, and nobody agreed to fetch it. */
async function read(
  view: View,
  there: OnServer,
  from: (typeof PLACES)[number],
  flags: RebuildFlags,
): Promise<Finding[] | null> {
  const findings: Finding[] = [];
  for (const candidate of from === "bucket" ? [] : candidatesOnServer(view))
    findings.push(told(there, candidate, await readOnServer(view.spec, candidate, there.tools)));
  const away = from === "server" ? [] : candidatesInBucket(view, findings);
  if (away.length === 0) return findings;
  const bytes = away.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const room =
    view.facts.serverLayout.kind === "known" ? view.facts.serverLayout.value.place.freeBytes : null;
  const { terminal } = there;
  terminal.answer(
    `${plural(away.length, "artifact")}, ${formatBytes(bytes)}, ${from === "bucket" ? "in the bucket" : "in the bucket alone"}, to be fetched into tmp/ and read there${room === null ? "" : ` (${formatBytes(room)} free)`}:\n${away.map(({ path, sizeBytes }) => `  ${path}  ${formatBytes(sizeBytes)}\n`).join("")}That they come whole proves no origin: what is checked is that the key opens them, and how they build on each other.\n`,
  );
  const wanted = parseApproval(flags.approve ?? []);
  const yes =
    flags.yes === true ||
    wanted.all ||
    wanted.named.has("rebuild") ||
    wanted.named.has(`rebuild:${view.spec.name}`);
  if (!(yes || (terminal.interactive && (await confirm("Fetch them?"))))) {
    terminal.answer(
      `Nothing was changed. To go on:\n    ${there.command} --yes\n${from === "all" ? `Or without them:\n    ${there.command} --from server\n` : ""}`,
    );
    const unread = away.map(
      (each): Finding => ({ ...each, ts: each.ts ?? "", reading: { kind: "unread", why: "not fetched" } }),
    );
    if (terminal.json) await said(there, view, "unread", study(view, [...findings, ...unread]), []);
    return null;
  }
  for (const candidate of away)
    findings.push(told(there, candidate, await readFromBucket(view, candidate, there.tools)));
  return findings;
}

function told({ terminal }: OnServer, { path, place, sizeBytes }: Candidate, finding: Finding): Finding {
  const { reading } = finding;
  const verdict = reading.kind === "whole" ? "whole" : `${reading.kind}: ${reading.why}`;
  terminal.say(`read ${path} (${place}), ${formatBytes(sizeBytes)}: ${verdict}\n`);
  return finding;
}

/** Shows what came of it, and writes it where that was approved. */
async function settle(
  view: View,
  there: OnServer,
  findings: readonly Finding[],
  flags: RebuildFlags,
): Promise<number> {
  const { terminal, command, session } = there;
  const found = study(view, findings);
  const { rebuilt } = found;
  const exitCode = rebuilt.leftOut.some(({ damaged }) => damaged) ? 6 : 0;
  terminal.answer(`\n${rebuildText(found, terminal)}\n`);
  if (rebuilt.conflicts.length > 0) {
    if (terminal.json) await said(there, view, "conflict", found, []);
    terminal.answer(`Nothing was changed. Once one of each pair is moved:\n    ${command}\n`);
    return 6;
  }
  const action = rebuildAction(view, found);
  if (action === null || rebuilt.rows.length === 0) {
    const empty = rebuilt.rows.length === 0 && (found.before?.length ?? 1) > 0;
    if (terminal.json) await said(there, view, empty ? "no-artifacts" : "nothing-to-do", found, []);
    terminal.answer(
      empty
        ? "Nothing was changed: there is no whole artifact to make a manifest from.\n"
        : `Nothing to do: the manifest of ${view.spec.name} says what the artifacts say.\n`,
    );
    return empty ? 6 : exitCode;
  }
  const plan = planOf(view, [action]);
  const approval = await agreed(plan, there, flags);
  if (approval === null || !isApproved(action, approval)) {
    if (terminal.json) await said(there, view, "unapproved", found, plan.actions);
    terminal.say("Nothing was changed.\n");
    return exitCode;
  }
  await there.carryOut(action, runRebuild, (now) => {
    const again = rebuildAction(now, study(now, findings));
    return { actions: again === null ? [] : [again], problems: [] };
  });
  await remembered(view, session, rebuilt.rows);
  if (terminal.json) await said(there, view, "written", found, plan.actions);
  terminal.say(`Next: ${there.planCommand}\n`);
  return exitCode;
}

/** What this machine saw before may have been newer: the user has said that this is the manifest now. */
async function remembered(
  { spec, facts }: View,
  session: OnServer["session"],
  rows: Study["rebuilt"]["rows"],
): Promise<void> {
  const signer = facts.signKey.kind === "known" ? signerThere(facts.signKey.value) : null;
  const manifestSha256 = sha256Of(renderManifest(rows));
  const last = rows.at(-1);
  if (signer === null || last === undefined) return;
  await session.allow(spec.name, signer, { label: last.label, ts: last.ts, manifestSha256 });
}

/** Off a terminal `--approve` alone lets a hazard through, and `--yes` what has none. Null for a no. */
async function agreed(plan: Plan, { terminal, command }: OnServer, { yes, approve = [] }: RebuildFlags) {
  const asked = parseApproval(approve);
  terminal.answer(
    `${planText(plan, { ...terminal, command, narrowed: true, approved: (action) => isApproved(action, asked) })}\n`,
  );
  const harmless = plan.actions.some(({ hazard }) => hazard === "none");
  const approved = plan.actions.every((action) => isApproved(action, asked));
  if (harmless && yes !== true && !(terminal.interactive && (await confirm("Carry this out?")))) return null;
  if (!terminal.interactive || approved) return asked;
  return { ...asked, named: new Set([...asked.named, ...(await confirmHazards(plan, asked))]) };
}

/** The one document of `--json`. */
const said = (
  { terminal, command }: OnServer,
  { spec }: View,
  result: string,
  found: Study | null,
  actions: readonly Action[],
): Promise<void> =>
  terminal.document({
    formatVersion: 1,
    dataset: spec.name,
    result,
    ...(found === null ? {} : rebuildJson(found)),
    actions: actions.map(publicAction),
    approve: actions.filter(({ hazard }) => hazard !== "none").map(({ id }) => approveCommand(id, command)),
  });
