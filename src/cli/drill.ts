import { snapshotName } from "../domain/artifact.ts";
import type { Manifest } from "../domain/manifest.ts";
import { proofRecord } from "../domain/proof.ts";
import { formatBytes, plural } from "../domain/units.ts";
import type { Witness } from "../notify/ending.ts";
import { fetch } from "../reconcilers/artifact/fetch.ts";
import { labelIn, refuseUntrusted } from "../reconcilers/manifest/trusted.ts";
import { drill, drillAction } from "../reconcilers/proof/drill.ts";
import { fetchesFor, wholeChain } from "../reconcilers/proof/drill-chain.ts";
import type { View } from "../reconcilers/view.ts";
import { onEachServer } from "./each-server.ts";
import type { OnServer, OnServerFlags } from "./on-server.ts";

export interface DrillFlags extends OnServerFlags {
  readonly label?: string;
}

/**
 * `devbackup drill`: a label of each dataset out of its artifacts into scratch space on the server, compared with what was
 * backed up, and the proof of it noted. Exit code 6 where it differs, or something stored is damaged or lost.
 */
export const drillCommand = (flags: DrillFlags): Promise<number> =>
  onEachServer({ what: "drill", typed: "devbackup drill", flags }, (there, witness) =>
    drillOne(there, flags.label, witness),
  );

async function drillOne(there: OnServer, wanted: string | undefined, witness: Witness): Promise<number> {
  const { terminal, spec } = there;
  const view = await there.look(true);
  refuseUntrusted(view);
  const label = labelIn(view.course.rows, spec, wanted ?? "latest");
  const chain = wholeChain(view, label);
  const bytes = chain.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const artifacts = { count: chain.length, bytes };
  terminal.say(
    `restoring ${snapshotName(spec.name, label)} from ${plural(chain.length, "artifact")} (${formatBytes(bytes)}) into scratch space on ${spec.server}\n`,
  );
  if (terminal.json) await event(there, { event: "drill-started", label, artifacts });
  await fetchMissing(view, chain, there);
  const begun = new Date();
  const action = drillAction(view, label, "asked for");
  await there
    .carryOut(action, drill.run, () => ({ actions: [], problems: [] }))
    // a host that is lost meanwhile is told by the drill itself
    .finally(() => (terminal.json ? tellProof(there, begun).catch(() => undefined) : undefined));
  witness.say(
    `${snapshotName(spec.name, label)} could be restored, from ${plural(chain.length, "artifact")} (${formatBytes(bytes)})`,
  );
  return 0;
}

/** Whatever the drill came to: the log is what counts. */
async function tellProof(there: OnServer, begun: Date): Promise<void> {
  const { drills } = (await there.look(false)).facts;
  const newest = drills.kind === "known" ? drills.value.proofs.at(-1) : undefined;
  if (newest !== undefined && newest.at >= begun)
    await event(there, { event: "drill-finished", ...proofRecord(newest) });
}

const event = ({ terminal, spec }: OnServer, what: object): Promise<void> =>
  terminal.document({ formatVersion: 1, ts: new Date().toISOString(), dataset: spec.name, ...what });

/** Into the store, as every backup does. */
async function fetchMissing(view: View, chain: Manifest, there: OnServer): Promise<void> {
  for (const action of fetchesFor(view, chain))
    await there.carryOut(action, fetch.run, (now) => ({ actions: fetchesFor(now, chain), problems: [] }));
}
