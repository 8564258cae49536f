import type { Finding } from "../domain/rebuild.ts";
import { formatBytes, plural } from "../domain/units.ts";
import { parseApproval } from "../plan/approval.ts";
import type { Action } from "../plan/plan.ts";
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
import type { View } from "../reconcilers/view.ts";
import { rebuildJson, rebuildText } from "../report/rebuild-text.ts";
import { confirm } from "./confirm.ts";
import { type AnewFlags, document, prepared, writeAnew } from "./manifest-anew.ts";
import { type OnServer, onServer } from "./on-server.ts";

export interface RebuildFlags extends AnewFlags {
  readonly from: Place;
}

type Place = "server" | "bucket" | "all";

/**
 * `devbackup manifest rebuild`: the manifest anew from the artifacts, on approval alone. Exit code 6 where something
 * stored is damaged or not what its name says, whatever becomes of the rest.
 */
export async function manifestRebuildCommand(flags: RebuildFlags): Promise<number> {
  const { from } = flags;
  const typed = `devbackup manifest rebuild${from === "all" ? "" : ` --from ${from}`}`;
  return onServer(typed, flags, async (there) => {
    const view = await prepared(there, flags, from === "server" ? "left-out" : "needed", (seen, actions) =>
      said(there, seen, "unprepared", null, actions),
    );
    if (view === null) return 0;
    const findings = await read(view, there, from, flags);
    return findings === null ? 0 : settle(view, there, findings, flags);
  });
}

/** Reads what is there; null where the rest is in the bucket, and nobody agreed to fetch it. */
async function read(
  view: View,
  there: OnServer,
  from: Place,
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
  const { terminal, command } = there;
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
  await writeAnew(view, there, flags, {
    action,
    run: runRebuild,
    again: (now) => rebuildAction(now, study(now, findings)),
    rows: rebuilt.rows,
    said: (result, actions) => said(there, view, result, found, actions),
  });
  return exitCode;
}

const said = (
  there: OnServer,
  view: View,
  result: string,
  found: Study | null,
  actions: readonly Action[],
): Promise<void> => document(there, view, result, found === null ? {} : rebuildJson(found), actions);
