import { recordIn } from "./json.ts";

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
  | {
      readonly event: "apply-finished";
      readonly result: string;
      readonly durationMs: number;
      readonly exitCode?: number;
    };

/** What one process did, as far as the journal tells. Times as they were written: RFC 3339, UTC. */
export interface JournalRun {
  readonly startedAt: string;
  /** `chuck@laptop`. */
  readonly who: string;
  /**
   * What `apply-finished` calls it: `done`, `left-undone`, `failed`, `interrupted`. `open` where there is none: the run goes
   * on, or was cut off.
   */
  readonly result: string;
  /** Null where it tells of no end. */
  readonly durationMs: number | null;
  /** What it set out to do, and what of it was done. */
  readonly planned: number;
  readonly done: number;
  /** The id of the first action that failed; null for none. */
  readonly failed: string | null;
  /** What that said. */
  readonly why: string | null;
  /** Null where there is no end, or an earlier devbackup wrote it. */
  readonly exitCode: number | null;
}

/**
 * The runs that `text` tells of, oldest first. A line that is none of ours, or was cut off, is passed over. What is done
 * under the lock without an apply (a rebuild, an import) has actions alone, which make a run of their own.
 */
export function runsIn(text: string): JournalRun[] {
  const runs: JournalRun[] = [];
  const open = new Map<string, { readonly at: number; readonly byApply: boolean }>();
  const change = (at: number, changed: Partial<JournalRun>) => {
    const run = runs[at];
    if (run !== undefined) runs[at] = { ...run, ...changed };
  };
  for (const line of text.split("\n")) {
    const read = parseLine(line);
    if (read === undefined) continue;
    const { ts, who, process, entry } = read;
    const found = open.get(process);
    if (entry.event === "apply-started") {
      open.set(process, { at: runs.length, byApply: true });
      runs.push(begun(ts, who, { planned: entry.actions.length }));
    } else if (entry.event === "apply-finished") {
      if (found?.byApply)
        change(found.at, {
          result: entry.result,
          durationMs: entry.durationMs,
          exitCode: entry.exitCode ?? null,
        });
      open.delete(process);
    } else {
      const at = found?.at ?? runs.length;
      if (found === undefined) {
        open.set(process, { at, byApply: false });
        runs.push(begun(startOf(ts, entry.durationMs), who, { result: "done", durationMs: 0 }));
      }
      const run = runs[at];
      if (run !== undefined)
        change(at, { ...counted(run, entry), ...(!found?.byApply && alone(run, entry)) });
    }
  }
  return runs;
}

type ActionEntry = Extract<JournalEntry, { event: "action" }>;

const begun = (startedAt: string, who: string, more: Partial<JournalRun>): JournalRun => ({
  startedAt,
  who,
  result: "open",
  durationMs: null,
  planned: 0,
  done: 0,
  failed: null,
  why: null,
  exitCode: null,
  ...more,
});

const counted = ({ done, failed, why }: JournalRun, { id, result, outcome }: ActionEntry) => ({
  done: done + (result === "done" ? 1 : 0),
  ...(failed === null && result === "failed" ? { failed: id, why: outcome } : { failed, why }),
});

const alone = ({ planned, durationMs, result }: JournalRun, entry: ActionEntry) => ({
  planned: planned + 1,
  durationMs: (durationMs ?? 0) + entry.durationMs,
  result: result === "done" ? entry.result : result,
});

const startOf = (ts: string, durationMs: number): string =>
  new Date(Date.parse(ts) - durationMs).toISOString();

const TS = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;

function parseLine(line: string) {
  const { ts, who, pid, dataset: _dataset, ...entry } = recordIn(line) ?? {};
  if (typeof ts !== "string" || !TS.test(ts) || Number.isNaN(Date.parse(ts))) return undefined;
  if (typeof who !== "string") return undefined;
  if (!isEntry(entry)) return undefined;
  return { ts, who, process: `${pid} ${who}`, entry };
}

function isEntry(entry: Readonly<Record<string, unknown>>): entry is JournalEntry & Record<string, unknown> {
  const { event, actions, id, summary, result, durationMs, outcome, exitCode } = entry;
  if (event === "apply-started") return Array.isArray(actions);
  // a longer one is no duration, and no date can be reckoned with it
  const lasted = typeof durationMs === "number" && durationMs >= 0 && durationMs < 1e12;
  if (typeof result !== "string" || !lasted) return false;
  if (event === "apply-finished") return exitCode === undefined || Number.isInteger(exitCode);
  const said = outcome === undefined || outcome === null || typeof outcome === "string";
  return event === "action" && typeof id === "string" && typeof summary === "string" && said;
}
