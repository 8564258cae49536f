import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { type Label, parseLabel } from "../domain/label.ts";
import { restoreChain } from "../domain/restore-chain.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { copiesOf } from "../reconcilers/artifact/copies.ts";
import { cloudOf, type Observation } from "../reconcilers/facts.ts";
import { hydratedLabels } from "../reconcilers/receive/to-receive.ts";
import { type ChainReport, restoreChainJson, restoreChainText } from "../report/restore-chain-text.ts";
import { load } from "./load.ts";
import { lookAround } from "./look-around.ts";
import { type ManifestFlags, rowsOf } from "./manifest.ts";
import { readRequest, serversAlone } from "./request.ts";
import { openSession } from "./session.ts";
import { openTerminal } from "./terminal.ts";

/**
 * `devbackup manifest chain LABEL`: what the label is made from, where each artifact stands, and what one loss would
 * cost. Exit code 6 where the label can't be restored, 1 where that can't be told.
 */
export async function manifestChainCommand(labelText: string, flags: ManifestFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const label = labelText === "latest" ? labelText : readLabel(labelText);
  const { desired, request } = readRequest(loaded.desired, flags, new Date());
  const session = openSession(desired, serversAlone(desired, request), [], () => undefined);
  try {
    const seen = await lookAround(session, desired);
    const found = desired.datasets.map((spec) => ({ spec, report: reportOf(desired, spec, seen, label) }));
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
  } finally {
    await session.close();
  }
}

function reportOf(
  desired: DesiredState,
  spec: DatasetSpec,
  observed: Observation,
  asked: Label | "latest",
): ChainReport {
  const facts = observed.datasets.get(spec.name);
  if (facts === undefined) throw new RangeError(`${spec.name} was not observed`);
  const cloud = cloudOf(desired, spec, observed);
  const rows = rowsOf(spec, facts.manifest);
  const label = asked === "latest" ? rows.at(-1)?.label : asked;
  if (label === undefined) throw noSuchLabel(spec, asked);
  const chain = restoreChain({
    rows,
    label,
    copies: (row) => copiesOf(row, { spec, facts, cloud }),
    hydrated: hydratedLabels({ spec, facts, course: { target: label, rows, pending: [] } }),
  });
  if (chain === undefined) throw noSuchLabel(spec, label);
  const looked = [
    [`the artifacts on ${spec.server}`, facts.store],
    [`the snapshots on ${spec.server}`, facts.hydrated],
    ["the bucket", cloud?.bucket],
  ] as const;
  const failed = looked.flatMap(([what, fact]) =>
    fact?.kind === "unknown" ? [`Could not look at ${what}: ${fact.why}`] : [],
  );
  const archived = chain.steps
    .filter(({ copies }) => copies.bucket === "archived")
    .map(
      ({ row }) => `The object of ${row.label} is in an archive class: the store has to bring it back first`,
    );
  return { label, chain, unknown: [...failed, ...archived] };
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

const noSuchLabel = ({ server, name }: DatasetSpec, label: Label | "latest"): DevbackupError =>
  new DevbackupError({
    code: "no-such-label",
    exitCode: 1,
    host: server,
    what: `the manifest of ${name} has no label ${label}`,
    next: "devbackup manifest list",
  });
