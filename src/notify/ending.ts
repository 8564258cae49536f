import type { ApplyEvent } from "../apply/events.ts";
import type { Label } from "../domain/label.ts";
import type { ManifestRow } from "../domain/manifest.ts";
import type { DatasetName } from "../domain/names.ts";
import { DevbackupError, type Trouble } from "../domain/trouble.ts";
import { isLoss } from "../plan/advice.ts";
import type { Action, ActionId, Plan, Problem, Warning } from "../plan/plan.ts";

/** What a run came to. */
export interface Ending {
  readonly exitCode: number;
  /** Null where none was carried out: it could not be made, it was refused, or the command has none. */
  readonly mode: Plan["mode"] | null;
  readonly labels: Readonly<Record<string, Label>>;
  readonly done: readonly Action[];
  /** Each once: of the actions that failed, of the problems in a plan, and what was thrown. */
  readonly troubles: readonly Trouble[];
  readonly unapproved: readonly Action[];
  /** How many are left beside those that wait for approval; null where nobody knows. */
  readonly left: number | null;
  /** What could not be looked at afterwards. */
  readonly unseen: readonly string[];
  readonly warnings: readonly Warning[];
  /** The newest registered artifact of each dataset, as far as it was seen. */
  readonly newest: Newest;
  /** Datasets that the run left as they are declared, and found nothing damaged of. */
  readonly sound: ReadonlySet<string>;
  /** What the command has said itself, a line each. */
  readonly said: readonly string[];
}

export type Newest = ReadonlyMap<DatasetName, ManifestRow>;

/** What watches a run, to tell of it. */
export interface Witness {
  note(event: ApplyEvent): void;
  /** The plan had problems, and was not carried out. */
  refused(plan: Plan): void;
  /** What was last seen registered. */
  saw(newest: Newest): void;
  /** One line of a result that is no plan's: `24 artifacts are whole`. */
  say(line: string): void;
}

type Finished = Extract<ApplyEvent, { event: "finished" }>;

/** Follows a run from its events to its {@link Ending}. */
export function createWitness(): Witness & { readonly ending: (end: number | Error) => Ending } {
  const actions = new Map<ActionId, Action>();
  const done: Action[] = [];
  const out = new Map<ActionId, { readonly action: Action; readonly waits: boolean }>();
  const troubles: Trouble[] = [];
  const said: string[] = [];
  /** The datasets of which something stored was found damaged, missing or not authentic; null for one that is not known. */
  const inDoubt = new Set<string | null>();
  let plan: Plan | null = null;
  let carriedOut = false;
  let finished: Finished | null = null;
  let newest: Newest = new Map();
  const into = (id: ActionId, waits: boolean, trouble?: Trouble): void => {
    const action = actions.get(id);
    if (action !== undefined) out.set(id, { action, waits });
    if (trouble?.exitCode === 6 || action?.exitCode === 6) inDoubt.add(action?.dataset ?? null);
  };
  return {
    note: (event) => {
      if ("trouble" in event) troubles.push(event.trouble);
      switch (event.event) {
        case "started":
          plan = event.plan;
          carriedOut = true;
          for (const action of event.plan.actions) actions.set(action.id, action);
          break;
        case "action-done": {
          const action = actions.get(event.id);
          if (action !== undefined) done.push(action);
          break;
        }
        case "action-skipped":
          into(event.id, event.because === "unapproved");
          break;
        case "action-failed":
          into(event.id, false, event.trouble);
          break;
        case "trouble":
          if (event.trouble.exitCode === 6) inDoubt.add(event.dataset);
          break;
        case "finished":
          finished = event;
      }
    },
    refused: (refusedPlan) => {
      plan = refusedPlan;
      troubles.push(...refusedPlan.problems.map(asTrouble));
    },
    saw: (seen) => {
      newest = seen;
    },
    say: (line) => {
      said.push(line);
    },
    ending: (end) => {
      const exitCode = typeof end === "number" ? end : exitCodeOf(end);
      if (typeof end !== "number") troubles.push(troubleOf(end));
      const unapproved = [...out.values()].filter(({ waits }) => waits).map(({ action }) => action);
      const wait = new Set(unapproved.map(({ id }) => id));
      const rest =
        finished === null ? [...out.values()].map(({ action }) => action) : (finished.remaining ?? null);
      const left = rest?.filter(({ id }) => !wait.has(id)) ?? null;
      const warnings = finished?.warnings ?? plan?.warnings ?? [];
      const lost = new Set<string | null>(warnings.filter(isLoss).map(({ dataset }) => dataset));
      const sound = soundOf(exitCode, plan, finished === null ? null : left, finished?.unseen ?? [], inDoubt);
      return {
        exitCode,
        mode: carriedOut ? (plan?.mode ?? null) : null,
        labels: plan?.labels ?? {},
        done,
        unapproved,
        newest,
        said,
        warnings,
        troubles: unique(troubles),
        left: left?.length ?? null,
        unseen: finished?.unseen ?? [],
        sound: new Set([...sound].filter((name) => !lost.has(name))),
      };
    },
  };
}

/** With exit code 0 all of them; else those of which nothing is left or in doubt, where all was looked at. */
function soundOf(
  exitCode: number,
  plan: Plan | null,
  left: readonly Action[] | null,
  unseen: readonly string[],
  inDoubt: ReadonlySet<string | null>,
): ReadonlySet<string> {
  const all = Object.keys(plan?.labels ?? {});
  if (exitCode === 0) return new Set(all);
  if (left === null || unseen.length > 0) return new Set();
  // whose damage it is that ended the run with 6 is not known: then it may be anybody's
  if (inDoubt.has(null) || (exitCode === 6 && inDoubt.size === 0)) return new Set();
  return new Set(
    all.filter(
      (name) =>
        !inDoubt.has(name) && !left.some(({ dataset }) => dataset === null || String(dataset) === name),
    ),
  );
}

const exitCodeOf = (error: Error): number => (error instanceof DevbackupError ? error.trouble.exitCode : 1);

const troubleOf = (error: Error): Trouble =>
  error instanceof DevbackupError
    ? error.trouble
    : {
        code: "defect",
        exitCode: 1,
        what: "a defect of devbackup ended the run",
        // its message may hold anything; the log of the run has it
        why: error.name,
        next: "look into the log of the run (journalctl -u devbackup.service), and please report it",
      };

const asTrouble = ({ code, host, text, next, exitCode }: Problem): Trouble => ({
  code,
  exitCode: exitCode ?? 1,
  what: text,
  next,
  ...(host !== null && { host }),
});

/** What ends a run is told by the action that it ended, too. */
const unique = (troubles: readonly Trouble[]): Trouble[] => {
  const seen = new Set<string>();
  return troubles.filter(({ host, what, why }) => {
    const key = JSON.stringify([host, what, why]);
    return !seen.has(key) && seen.add(key);
  });
};
