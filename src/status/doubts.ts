import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { type Label, labelsInWords } from "../domain/label.ts";
import type { ManifestRow } from "../domain/manifest.ts";
import type { DatasetName, HostName } from "../domain/names.ts";
import { AGAIN } from "../domain/trouble.ts";
import { DAY_MS, formatDuration, plural } from "../domain/units.ts";
import { isAdvice, isLoss, worthSeeing } from "../plan/advice.ts";
import { approveCommand, approveCommands } from "../plan/approval.ts";
import type { Plan, Problem, Warning } from "../plan/plan.ts";
import { SKEW_MS } from "../reconcilers/diff-all.ts";
import type { DatasetStatus, Doubt, LabelStatus, Standing, Verdict } from "./status.ts";

/** The history shows it, and whether it went on for too long is `overdue`. */
const SHOWN = "period-missed";

/**
 * What a plan says of one dataset, or with null of none: what is in doubt, and what is advice. Nothing of hosts that are
 * `away`.
 */
export function saidOf(
  { problems, warnings, actions }: Plan,
  about: DatasetName | null,
  away: ReadonlySet<HostName>,
): { readonly doubts: Doubt[]; readonly advice: string[] } {
  const concerns = ({ host, dataset }: Pick<Warning, "host" | "dataset">) =>
    dataset === about && (host === null || !away.has(host));
  const said = warnings.filter((each) => concerns(each) && each.code !== SHOWN);
  return {
    doubts: [
      ...problems.filter(concerns).map(ofProblem),
      // left undone, an apply ends with exit code 6
      ...actions
        .filter((action) => concerns(action) && action.exitCode === 6 && action.kind !== OBJECT.mendedBy)
        .map(
          ({ id, host, summary, reason }): Doubt => ({
            code: "not-authentic",
            host,
            weight: "damage",
            next: approveCommand(id),
            text: `${reason}. What waits for approval: ${summary}`,
          }),
        ),
      ...worthSeeing(said).map((each): Doubt => {
        const { code, host, text } = each;
        return { code, host, weight: isLoss(each) ? "damage" : "warning", text, next: null };
      }),
    ],
    advice: said.filter(isAdvice).map(({ text }) => text),
  };
}

const ofProblem = ({ code, host, text, next, exitCode }: Problem): Doubt => ({
  code,
  host,
  text,
  next,
  weight: exitCode === 6 ? "damage" : "problem",
});

/**
 * Registered artifacts of which a copy is gone or damaged and another is left, and hydrated snapshots that are damaged, a
 * doubt for each place; what is lost everywhere the plan tells. `actions`: of the plan, one of which may mend it.
 */
export function copiesInDoubt(
  { server }: DatasetSpec,
  labels: readonly LabelStatus[],
  actions: Plan["actions"],
): Doubt[] {
  const registered = labels.filter(({ at }) => at !== null);
  const left = registered.filter(({ places }) => [places.artifact, places.cloud].some(mayBeWhole));
  return MENDABLE.flatMap(({ code, place, standing, thing, where, mendedBy }): Doubt[] => {
    const among = place === "server" ? registered : left;
    const found = among.filter(({ places }) => places[place] === standing).map(({ label }) => label);
    if (found.length === 0) return [];
    const what = `the ${found.length === 1 ? thing : `${thing}s`} of ${labelsInWords(found)}`;
    return [
      {
        code,
        host: place === "cloud" ? null : server,
        weight: "damage",
        text: `${what} ${found.length === 1 ? "is" : "are"} ${standing} ${where}`,
        next: mending(found, mendedBy, actions),
      },
    ];
  });
}

const ARTIFACT = { place: "artifact", thing: "artifact", where: "on the server", mendedBy: "fetch" } as const;
const OBJECT = { place: "cloud", thing: "artifact", where: "in the bucket", mendedBy: "upload" } as const;
const MENDABLE = [
  { ...ARTIFACT, standing: "damaged", code: "artifact-damaged" },
  { ...ARTIFACT, standing: "missing", code: "artifact-missing" },
  { ...OBJECT, standing: "damaged", code: "artifact-damaged" },
  { ...OBJECT, standing: "missing", code: "artifact-missing" },
  {
    place: "server",
    thing: "snapshot",
    where: "on the server",
    mendedBy: "hydrate",
    standing: "damaged",
    code: "snapshot-damaged",
  },
] as const;

const mayBeWhole = (standing: Standing): boolean => standing === "whole" || standing === "unknown";

/** Dated by a clock that ran ahead, however old they are; nothing but time makes them right. */
export function datedAhead(rows: readonly Pick<ManifestRow, "label" | "ts">[], now: Date): Doubt[] {
  const found = rows.filter(({ ts }) => Date.parse(ts) - now.getTime() > SKEW_MS);
  const furthest = Math.max(...found.map(({ ts }) => Date.parse(ts))) - now.getTime();
  if (found.length === 0) return [];
  const labels = labelsInWords(found.map(({ label }) => label));
  return [
    {
      code: "dated-ahead",
      host: null,
      weight: "warning",
      next: null,
      text: `${labels} ${found.length === 1 ? "is" : "are"} dated ${formatDuration(furthest)} ahead of now: the clock of the machine that applied ran ahead, or the one here is behind (timedatectl); how old ${found.length === 1 ? "it is" : "they are"} can't be told`,
    },
  ];
}

/** What has all of it mended; null where the plan does not. */
function mending(labels: readonly Label[], kind: string, actions: Plan["actions"]): string | null {
  const mends = actions.filter(
    (action) => action.kind === kind && action.label !== null && labels.includes(action.label),
  );
  if (mends.length < labels.length) return null;
  const waiting = mends.filter(({ hazard }) => hazard !== "none");
  return approveCommands(waiting)[0] ?? AGAIN;
}

/** What it comes to, and why, what weighs most first. */
export function judge(
  doubts: readonly Doubt[],
  about: Pick<DatasetStatus, "newest" | "overdue"> | null,
): { readonly verdict: Verdict; readonly because: readonly string[] } {
  const of = (weight: Doubt["weight"]) =>
    doubts
      .filter((doubt) => doubt.weight === weight)
      .map(({ host, text }) => (host === null ? text : `${host}: ${text}`));
  const overdue = about?.overdue.isOverdue === true ? [whyOverdue(about)] : [];
  return {
    verdict: doubts.length > 0 ? "in-doubt" : overdue.length > 0 ? "overdue" : "well",
    because: [...of("damage"), ...of("problem"), ...overdue, ...of("warning")],
  };
}

/** In words, of a dataset that is. */
export function whyOverdue({ newest, overdue }: Pick<DatasetStatus, "newest" | "overdue">): string {
  if (newest === null) return "no backup is registered";
  const days = plural(Math.floor(newest.ageMs / DAY_MS), "day");
  return `the newest backup, ${newest.label}, is ${days} old: more than the ${overdue.allowed} that are allowed`;
}
