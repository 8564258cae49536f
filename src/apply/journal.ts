import type { DatasetSpec } from "../desired-state/desired-state.ts";
import type { JournalEntry } from "../domain/journal.ts";
import { jsonLine } from "../domain/printable.ts";
import { journalFile, logsFolder } from "../reconcilers/machine/journal.ts";
import { appendTo } from "../reconcilers/run-script.ts";
import type { Host } from "../transport/host.ts";
import { sh } from "../transport/quote.ts";
import type { Holder } from "./locked.ts";

export type Journal = (entry: JournalEntry) => Promise<void>;

/**
 * `REPOSITORY/logs/apply-YYYY-MM.jsonl` on the server: what was done to a dataset, by whom, when, for how long
 * and with what result. An entry that can't be written stops nothing: the manifest is the truth, this is news.
 */
export const openJournal =
  (host: Host, spec: DatasetSpec, { who, pid }: Holder, now: () => Date): Journal =>
  async (entry) => {
    const ts = now().toISOString();
    const line = jsonLine({ ts, who, pid, dataset: spec.name, ...entry });
    const script = `${sh`umask 027; mkdir -p ${logsFolder(spec)}`}${appendTo(journalFile(spec, ts.slice(0, 7)))}`;
    await host.run(script, { stdin: `${line}\n`, timeoutMs: 30_000 }).catch(() => undefined);
  };
