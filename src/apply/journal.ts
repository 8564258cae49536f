import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { joinPath } from "../domain/names.ts";
import { jsonLine } from "../domain/printable.ts";
import type { Host } from "../transport/host.ts";
import { sh } from "../transport/quote.ts";
import type { Holder } from "./lock.ts";

/** One line of the journal, besides when it was written and by whom. */
export type JournalEntry =
  | { readonly event: "apply-started"; readonly actions: readonly string[] }
  | {
      readonly event: "action";
      readonly id: string;
      readonly summary: string;
      readonly result: "done" | "failed" | "interrupted";
      readonly durationMs: number;
      readonly outcome: string | null;
    }
  | { readonly event: "apply-finished"; readonly result: string; readonly durationMs: number };

export type Journal = (entry: JournalEntry) => Promise<void>;

/**
 * `REPOSITORY/logs/apply-YYYY-MM.jsonl` on the server: what was done to a dataset, by whom, when, for how long
 * and with what result. An entry that can't be written stops nothing: the manifest is the truth, this is news.
 */
export const openJournal =
  (host: Host, { repository, name }: DatasetSpec, { who, pid }: Holder, now: () => Date): Journal =>
  async (entry) => {
    const ts = now().toISOString();
    const file = joinPath(repository, "logs", `apply-${ts.slice(0, 7)}.jsonl`);
    const line = jsonLine({ ts, who, pid, dataset: name, ...entry });
    const script = sh`umask 027; mkdir -p ${`${repository}/logs`}; cat >>${file}`;
    await host.run(script, { stdin: `${line}\n`, timeoutMs: 30_000 }).catch(() => undefined);
  };
