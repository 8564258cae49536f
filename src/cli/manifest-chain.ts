import { type Label, parseLabel } from "../domain/label.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { restoreChainJson, restoreChainText } from "../report/restore-chain-text.ts";
import { chainReport } from "../status/chain.ts";
import { lookAround } from "./look-around.ts";
import { looking } from "./looking.ts";
import type { ManifestFlags } from "./manifest.ts";

/**
 * `devbackup manifest chain LABEL`: what the label is made from, where each artifact stands, and what one loss would
 * cost. Exit code 6 where the label can't be restored, 1 where that can't be told.
 */
export async function manifestChainCommand(labelText: string, flags: ManifestFlags): Promise<number> {
  const label = labelText === "latest" ? labelText : readLabel(labelText);
  return looking(flags, { servers: true }, async ({ terminal, desired, session }) => {
    const seen = await lookAround(session, desired);
    const found = desired.datasets.map((spec) => ({ spec, report: chainReport(desired, spec, seen, label) }));
    if (terminal.json)
      await terminal.document({
        formatVersion: 1,
        datasets: found.map(({ spec, report }) => ({ dataset: spec.name, ...restoreChainJson(report) })),
      });
    else
      for (const { spec, report } of found)
        terminal.answer(`${found.length > 1 ? `${spec.name}\n` : ""}${restoreChainText(report, terminal)}`);
    const verdicts = found.map(({ report }) => report.chain.restorable);
    return verdicts.includes(false) ? 6 : verdicts.includes("unknown") ? 1 : 0;
  });
}

function readLabel(text: string): Label {
  const label = parseLabel(text);
  if (label !== undefined) return label;
  throw new DevbackupError({
    code: "no-label",
    exitCode: 1,
    what: `${text} is no label`,
    state: "Nothing was contacted",
    next: "devbackup manifest list",
  });
}
