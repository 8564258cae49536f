import { exitCodeOf } from "../domain/findings.ts";
import { formatBytes } from "../domain/units.ts";
import { type Finding, thingInWords } from "../domain/verification.ts";
import { refuseUntrusted } from "../reconcilers/manifest/trusted.ts";
import type { Tools } from "../reconcilers/reconciler.ts";
import type { Thing } from "../reconcilers/verify/things.ts";
import { verifyDataset } from "../reconcilers/verify/verify-dataset.ts";
import { createProgressLine } from "../report/progress-line.ts";
import { troubleJson } from "../report/trouble-text.ts";
import { type VerifyReport, verifyJson, verifyLines, verifyText } from "../report/verify-text.ts";
import { commandLine } from "./command-line.ts";
import { onEachServer } from "./each-server.ts";
import type { OnServer, OnServerFlags } from "./on-server.ts";

export interface VerifyFlags extends OnServerFlags {
  readonly deep?: boolean;
  readonly cloud?: boolean;
  readonly all?: boolean;
}

/**
 * `devbackup verify`: artifacts, objects and hydrated snapshots against the manifest and the fingerprints. Changes nothing
 * but marks of what it found, for the next apply. Exit code 6 where something is damaged, missing or not authentic, 1
 * where something could not be looked at.
 */
export async function verifyCommand(flags: VerifyFlags): Promise<number> {
  const reports: VerifyReport[] = [];
  return onEachServer(
    { what: "verify", typed: typed(flags), flags },
    async (there, witness) => {
      const report = await verify(there, flags);
      reports.push(report);
      const { terminal } = there;
      // where all is well nobody need hear of it
      (exitCodeOf(report) === 0 ? terminal.say : terminal.answer)(verifyText(report, terminal));
      for (const line of verifyLines(report)) witness.say(line);
      return exitCodeOf(report);
    },
    (terminal, errors) =>
      terminal.document({
        formatVersion: 1,
        datasets: reports.map(verifyJson),
        errors: errors.map(({ trouble }) => troubleJson(trouble).error),
      }),
  );
}

const typed = ({ deep, cloud, all }: VerifyFlags): string =>
  [
    "devbackup verify",
    ...(deep ? ["--deep"] : []),
    ...(cloud ? ["--cloud"] : []),
    ...(all ? ["--all"] : []),
  ].join(" ");

async function verify(there: OnServer, flags: VerifyFlags): Promise<VerifyReport> {
  const begun = Date.now();
  const view = await there.look(true);
  refuseUntrusted(view);
  const { spec } = view;
  const words = { dataset: spec.name, server: spec.server, rows: view.course.rows };
  const live = there.terminal.live && !there.terminal.quiet;
  const screen = createProgressLine("verifying", { out: process.stdout, live, now: Date.now });
  // nothing is drawn in a log: what is wrong stands there when it is found, and what is not on request
  const told = (finding: Finding, thing: Thing): void => {
    if (!live && (finding.state !== "ok" || there.terminal.verbose))
      there.terminal.say(
        `${finding.state}  ${thingInWords(finding, words)}  ${formatBytes(thing.sizeBytes)}\n`,
      );
  };
  const closeness = { deep: flags.deep ?? false, cloud: flags.cloud ?? false };
  const tools: Tools = { ...there.tools, progress: screen.progress };
  const done = await verifyDataset(view, closeness, flags.all ?? false, tools, told).finally(screen.clear);
  const { config, dataset } = flags;
  const chosen = { ...(config !== undefined && { config }), ...(dataset !== undefined && { dataset }) };
  return {
    ...words,
    ...done,
    durationMs: Math.max(0, Date.now() - begun),
    mend: commandLine("devbackup apply", chosen),
    chain: (label) => commandLine(`devbackup manifest chain ${label}`, chosen),
  };
}
