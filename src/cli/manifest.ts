import type { DatasetSpec } from "../desired-state/desired-state.ts";
import type { Manifest } from "../domain/manifest.ts";
import { factOf } from "../observe/observe.ts";
import { manifestProbe } from "../reconcilers/manifest/store.ts";
import { rowsOf } from "../reconcilers/manifest/trusted.ts";
import { chainText } from "../report/chain-text.ts";
import { looking } from "./looking.ts";
import type { Session } from "./session.ts";
import type { CommonFlags } from "./terminal.ts";

export interface ManifestFlags extends CommonFlags {
  readonly dataset?: string;
}

/** `devbackup manifest latest|list`: what the server's manifest says, nothing checked against it. */
export const manifestCommand = (what: "latest" | "list", flags: ManifestFlags): Promise<number> =>
  looking(flags, {}, async ({ terminal, desired, session }) => {
    const datasets = await Promise.all(
      desired.datasets.map(async (spec) => {
        const rows = await read(session, spec);
        return { dataset: spec.name, rows: what === "list" ? rows : rows.slice(-1) };
      }),
    );
    if (terminal.json) await terminal.document({ formatVersion: 1, datasets });
    else
      for (const { dataset, rows } of datasets) {
        if (what === "latest") terminal.answer(`${rows[0]?.label ?? ""}\n`);
        else {
          terminal.answer(`${datasets.length > 1 ? `${dataset}\n` : ""}${chainText(rows, terminal)}`);
          if (rows.length === 0) terminal.say(`${WHERE_LOST}\n`);
        }
      }
    return 0;
  });

const WHERE_LOST =
  "If there were some, the server has lost its manifest: devbackup plan says how it comes back";

async function read(session: Session, spec: DatasetSpec): Promise<Manifest> {
  const probe = manifestProbe(spec);
  const host = await session.host(probe.host);
  return rowsOf(spec, factOf(probe, await host.run(probe.script)));
}
