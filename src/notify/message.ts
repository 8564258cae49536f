import type { RunKind } from "../controller/runs.ts";
import type { Occasion } from "../desired-state/desired-state.ts";
import { printable, printableLines } from "../domain/printable.ts";
import type { Trouble } from "../domain/trouble.ts";
import { formatBytes, formatDuration, formatLocalTime, plural } from "../domain/units.ts";
import { isAdvice, isLoss, worthSeeing } from "../plan/advice.ts";
import { approveCommands } from "../plan/approval.ts";
import type { Plan, Warning } from "../plan/plan.ts";
import type { Ending } from "./ending.ts";

/** What people are told, the same on whichever way. Printable; holds no secret that a terminal would not show. */
export interface Message {
  readonly occasion: Occasion;
  /** One line. */
  readonly title: string;
  /** Several, each ending with a newline; at most {@link MOST_BYTES}. */
  readonly text: string;
  /** Null before the end. */
  readonly exitCode: number | null;
  /** Something stored is lost, though the run may have gone well: no monitor is to take it for a success. */
  readonly isLoss?: boolean;
}

/** The run that is told of. */
export interface Run {
  readonly what: RunKind;
  /** What was typed, and what is suggested to be typed again. */
  readonly command: string;
  /** `chuck@ls`: who ran it, and on which machine. */
  readonly who: string;
  readonly begunAt: Date;
}

/** ntfy makes an attachment of what is longer than 4,096 bytes (docs.ntfy.sh/publish, limitations). */
const MOST_BYTES = 3_500;
const MOST_TITLE = 120;
/** The end of a command's stderr tells what went wrong. */
const WHY_LINES = 4;
const WHY_COLUMNS = 300;

/** A failure is an exit code that is not 0; a warning is what a person has to see to although it is. */
export function occasionOf({
  exitCode,
  unapproved,
  warnings,
}: Pick<Ending, "exitCode" | "unapproved" | "warnings">): Occasion {
  if (exitCode !== 0) return "failure";
  return worthSeeing(warnings).length + unapproved.length > 0 ? "warning" : "success";
}

/** That a run begins to carry out `plan`. */
export const startMessage = (run: Run, plan: Plan | null): Message =>
  message("start", null, `${nameOf(run.what, plan?.mode ?? null)}${labelsIn(plan?.labels)} begins`, [
    `By ${run.who}, ${formatLocalTime(run.begunAt)}.`,
    ...(plan === null ? [] : [`${plural(plan.actions.length, "action")} to carry out.`]),
  ]);

/** What a run came to: what, where, why, and what to type next. */
export function endMessage(run: Run, ending: Ending, endedAt: Date): Message {
  const occasion = occasionOf(ending);
  const took = formatDuration(endedAt.getTime() - run.begunAt.getTime());
  const title =
    occasion === "failure"
      ? failedTitle(run, ending)
      : [resultTitle(run, ending, took), ...toSee(ending)].join("; ");
  const told = message(occasion, ending.exitCode, title, [
    `By ${run.who}, begun ${formatLocalTime(run.begunAt)}, took ${took}, exit code ${ending.exitCode}.`,
    ...ending.said,
    ...(ending.done.length === 0 ? [] : [`${plural(ending.done.length, "action")} done.`]),
    ...newestLines(ending),
    ...section("Failed:", ending.troubles.map(troubleLines)),
    ...section(
      "Not known, for it could not be looked at:",
      ending.unseen.map((text) => [text]),
    ),
    ...leftLines(ending),
    ...section(
      "Waits for approval:",
      ending.unapproved.map(({ host, summary }) => [`${host}: ${summary}`]),
    ),
    ...approveCommands(ending.unapproved, run.command).map((approve) => `to approve: ${approve}`),
    ...section("Warnings:", worthSeeing(ending.warnings).map(warningLines)),
    ...section("Advice:", ending.warnings.filter(isAdvice).map(warningLines)),
    ...(ending.exitCode === 0 || ending.troubles.some(({ next }) => next !== undefined)
      ? []
      : ["", `next: ${run.command}`]),
  ]);
  return { ...told, isLoss: ending.warnings.some(isLoss) };
}

/** That a run ended without telling so itself; `how` says by what. */
export const lostMessage = (
  { what, command, who, begunAt }: Omit<Run, "begunAt"> & { readonly begunAt: Date | null },
  how: string,
  exitCode: number | null,
): Message =>
  message("failure", exitCode, `${nameOf(what, null)} died: ${how}`, [
    `By ${who}${begunAt === null ? "" : `, begun ${formatLocalTime(begunAt)}`}; it did not tell its end itself.`,
    "What it had done stays; what was cut off is found by the next run, which finishes it or begins it afresh.",
    "",
    `next: ${command}`,
  ]);

/** To see whether messages arrive. */
export const testMessage = (who: string, now: Date): Message =>
  message("success", 0, "a test of notify", [
    `By ${who}, ${formatLocalTime(now)}.`,
    "devbackup notify --test has sent this, to every way that is declared. Nothing is wrong, and nothing was backed up.",
  ]);

function message(
  occasion: Occasion,
  exitCode: number | null,
  title: string,
  lines: readonly string[],
): Message {
  const words = `devbackup: ${printable(title)}`;
  return {
    occasion,
    exitCode,
    title: words.length > MOST_TITLE ? `${words.slice(0, MOST_TITLE - 1).trimEnd()}…` : words,
    text: clipped(lines.map(printable)),
  };
}

function failedTitle({ what }: Run, { exitCode, mode, troubles, unseen, left, said }: Ending): string {
  const name = nameOf(what, mode);
  if (exitCode === 130) return `${name} was interrupted`;
  const [first, ...more] = troubles;
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  if (first !== undefined) return `${name} failed: ${placed(first.host, first.what)}${others}`;
  if (unseen[0] !== undefined) return `${name} could not be checked: ${unseen[0]}`;
  if (left !== null && left > 0) return `${name} left ${plural(left, "action")} undone`;
  return [`${name} failed with exit code ${exitCode}`, ...said.slice(0, 1)].join(": ");
}

function resultTitle(run: Run, ending: Ending, took: string): string {
  if (run.what !== "apply") return [nameOf(run.what, null), ...ending.said.slice(0, 1)].join(": ");
  if (ending.done.length === 0) return "nothing to do";
  const made = madeIn(ending);
  if (made.length === 0) return `${plural(ending.done.length, "action")} done (${took})`;
  const bytes = ending.mode === "restore" ? null : sizeOf(made, ending);
  const names = made.map(({ dataset, label }) => `${dataset}@${label}`).join(", ");
  const figures = [...(bytes === null ? [] : [formatBytes(bytes)]), took].join(", ");
  return `${names} ${ending.mode === "restore" ? "restored" : "backed up"} (${figures})`;
}

interface Made {
  readonly dataset: string;
  readonly label: string;
}

/** Of a backup the labels that have an artifact now; of a restore those that were asked for. */
function madeIn({ mode, labels, done }: Ending): Made[] {
  if (mode === "restore") return Object.entries(labels).map(([dataset, label]) => ({ dataset, label }));
  return done.flatMap(({ stage, kind, dataset, label }) =>
    stage === "artifact" && kind === "artifact" && dataset !== null && label !== null
      ? [{ dataset, label }]
      : [],
  );
}

/** Null where one of them is not known. */
function sizeOf(made: readonly Made[], { newest }: Ending): number | null {
  const rows = [...newest].map(([dataset, row]) => ({ dataset: String(dataset), row }));
  const sizes = made.map(
    ({ dataset, label }) =>
      rows.find((each) => each.dataset === dataset && each.row.label === label)?.row.sizeBytes,
  );
  return sizes.every((size) => size !== undefined) ? sizes.reduce((sum, size) => sum + size, 0) : null;
}

const toSee = ({ unapproved, warnings: all }: Ending, warnings = worthSeeing(all)): string[] => [
  ...(unapproved.length === 0
    ? []
    : [`${plural(unapproved.length, "action")} wait${unapproved.length === 1 ? "s" : ""} for approval`]),
  ...(warnings.length === 0 ? [] : [plural(warnings.length, "warning")]),
];

const newestLines = ({ newest }: Ending): string[] =>
  [...newest].map(
    ([dataset, { label, sizeBytes, ts }]) =>
      `Newest registered: ${dataset}@${label}, ${formatBytes(sizeBytes)}, ${ts}.`,
  );

const leftLines = ({ left, exitCode }: Ending): string[] =>
  left === null || left === 0 || exitCode === 0
    ? []
    : ["", `${plural(left, "action")} left to do; the next run takes ${left === 1 ? "it" : "them"} up.`];

const troubleLines = ({ host, what, why, state, next }: Trouble): string[] => [
  placed(host, what),
  ...printableLines((why ?? "").slice(-WHY_LINES * WHY_COLUMNS))
    .slice(-WHY_LINES)
    .map((line) => (line.length > WHY_COLUMNS ? `${line.slice(0, WHY_COLUMNS)}…` : line)),
  ...(state === undefined ? [] : [`${state}.`]),
  ...(next === undefined ? [] : [`next: ${next}`]),
];

const warningLines = ({ host, dataset, text }: Warning): string[] => [
  placed([...(dataset === null ? [] : [dataset]), ...(host === null ? [] : [host])].join(" on "), text),
];

/** An empty line, the heading, and each entry with its further lines further in. */
const section = (heading: string, entries: readonly (readonly string[])[]): string[] =>
  entries.length === 0
    ? []
    : [
        "",
        heading,
        ...entries.flatMap((lines) => lines.map((line, at) => (at === 0 ? `- ${line}` : `  ${line}`))),
      ];

const placed = (where: string | undefined, what: string): string =>
  where === undefined || where === "" ? what : `${where}: ${what}`;

const nameOf = (what: Run["what"], mode: Plan["mode"] | null): string =>
  what === "apply" ? (mode === "restore" ? "restore" : "backup") : what;

const labelsIn = (labels: Plan["labels"] = {}): string =>
  Object.keys(labels).length === 0
    ? ""
    : ` of ${Object.entries(labels)
        .map(([dataset, label]) => `${dataset}@${label}`)
        .join(", ")}`;

/** Whole lines, as many as there is room for. */
function clipped(lines: readonly string[]): string {
  const CUT = "… the rest is left out; the log of the run has it\n";
  const kept: string[] = [];
  let bytes = Buffer.byteLength(CUT);
  for (const line of lines) {
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > MOST_BYTES) return `${kept.join("")}${CUT}`;
    kept.push(`${line}\n`);
  }
  return kept.join("");
}
