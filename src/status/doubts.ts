import type { DatasetSpec } from "../desired-state/desired-state.ts";
import type { DatasetName, HostName } from "../domain/names.ts";
import { AGAIN } from "../domain/trouble.ts";
import { plural } from "../domain/units.ts";
import type { Plan, Problem, Warning } from "../plan/plan.ts";
import type { DatasetStatus, Doubt, LabelStatus, PlaceName, Verdict } from "./status.ts";

/** Said in every plan until something is declared or done once: no word about what is stored. */
const ADVICE = [
  "no-cloud",
  "no-recovery-recipient",
  "no-escrow",
  "escrow-untested",
  "bucket-unlocked",
  "open-to-user",
  "restriction-outdated",
];

/** What a plan says of one dataset, or with null of none: what is in doubt, and what is advice. Nothing of hosts that are `away`. */
export function saidOf(
  { problems, warnings, actions }: Plan,
  about: DatasetName | null,
  away: ReadonlySet<HostName>,
): { readonly doubts: Doubt[]; readonly advice: string[] } {
  const concerns = ({ host, dataset }: Pick<Warning, "host" | "dataset">) =>
    dataset === about && (host === null || !away.has(host));
  const said = warnings.filter(concerns);
  return {
    doubts: [
      ...problems.filter(concerns).map(ofProblem),
      // left undone, an apply ends with exit code 6
      ...actions
        .filter((action) => concerns(action) && action.exitCode === 6)
        .map(
          ({ id, host, reason }): Doubt => ({
            ...{ code: "not-authentic", host, weight: "damage", text: reason },
            next: `${AGAIN} --approve ${id}`,
          }),
        ),
      ...said
        .filter(({ code }) => !ADVICE.includes(code))
        .map(({ code, host, text }): Doubt => ({ code, host, weight: weightOf(code), text, next: null })),
    ],
    advice: said.filter(({ code }) => ADVICE.includes(code)).map(({ text }) => text),
  };
}

const ofProblem = ({ code, host, text, next, exitCode }: Problem): Doubt => ({
  ...{ code, host, text, next },
  weight: exitCode === 6 ? "damage" : "problem",
});

const weightOf = (code: string): Doubt["weight"] => (code === "artifact-lost" ? "damage" : "warning");

/** Registered artifacts of which a copy is gone or damaged, a doubt for each place; what is lost everywhere the plan tells. */
export function copiesInDoubt({ server }: DatasetSpec, labels: readonly LabelStatus[]): Doubt[] {
  return (["artifact", "cloud"] as const).flatMap((place) =>
    (["damaged", "missing"] as const).flatMap((standing): Doubt[] => {
      const found = labels.filter(
        ({ at, places, restorable }) => at !== null && places[place] === standing && restorable !== false,
      );
      if (found.length === 0) return [];
      const named = listed(found.map(({ label }) => label));
      const what = found.length === 1 ? `the artifact of ${named} is` : `the artifacts of ${named} are`;
      return [
        {
          ...{ code: `copy-${standing}`, host: place === "artifact" ? server : null, weight: "damage" },
          text: `${what} ${standing} ${WHERE[place]}`,
          next: null,
        },
      ];
    }),
  );
}

const WHERE: Readonly<Record<Extract<PlaceName, "artifact" | "cloud">, string>> = {
  artifact: "on the server",
  cloud: "in the bucket",
};

/** `2026-01, 2026-02 and 7 more`. */
function listed(labels: readonly string[]): string {
  const more = labels.length - NAMED;
  return more <= 1 ? labels.join(", ") : `${labels.slice(0, NAMED).join(", ")} and ${more} more`;
}
const NAMED = 4;

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

const DAY_MS = 86_400_000;

function whyOverdue({ newest, overdue }: Pick<DatasetStatus, "newest" | "overdue">): string {
  if (newest === null) return "no backup is registered";
  const days = plural(Math.floor(newest.ageMs / DAY_MS), "day");
  return `the newest backup, ${newest.label}, is ${days} old: more than the ${overdue.allowed} that are allowed`;
}
