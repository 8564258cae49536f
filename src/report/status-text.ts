import type { HostName } from "../domain/names.ts";
import { printable } from "../domain/printable.ts";
import { AGAIN } from "../domain/trouble.ts";
import { plural } from "../domain/units.ts";
import { approveCommands } from "../plan/approval.ts";
import { whyOverdue } from "../status/doubts.ts";
import type { DatasetStatus, Doubt, DueAction, Status, Verdict } from "../status/status.ts";
import { type Paint, painter, type TextOptions, wrap, wrapAfter, wrapSaid } from "./lines.ts";
import { factLines, failedText, generalLines } from "./status-facts.ts";
import { historyLines } from "./status-history.ts";

export interface StatusTextOptions extends TextOptions {
  /** Every label on a line of its own, and every advice. */
  readonly verbose: boolean;
  /** What to type next, with the flags that the user gave. Default: as it is. */
  readonly inWords?: (next: string) => string;
}

const INDENT = "  ";
const SYMBOL: Readonly<Record<Verdict, string>> = { well: "✓", overdue: "!", "in-doubt": "✗" };
const IN_WORDS: Readonly<Record<Verdict, string>> = {
  well: "all is well",
  overdue: "overdue",
  "in-doubt": "in doubt",
};
const COLOR = { well: "green", overdue: "yellow", "in-doubt": "red" } as const;

/**
 * Where everything stands, for a person: each dataset's labels as a table, then what there is to know of it in the order
 * in which it matters, and last what there is to do. Ends with a newline.
 */
export function statusText(status: Status, options: StatusTextOptions): string {
  const paint = painter(options.color);
  const blocks = [
    ...status.datasets.map((dataset) => datasetBlock(status, dataset, options, paint)),
    // of one dataset it stands with the rest
    status.datasets.length > 1 ? generalLines(status, options, paint) : [],
    ...status.doubts.map((doubt) => doubtLines(doubt, options, paint)),
    adviceLines(status, options, paint),
  ];
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => `${block.join("\n")}\n`)
    .join("\n");
}

/** The same in one line, for monitoring: `well: dev stands at 2026-06`, `overdue: …`. Ends with a newline. */
export function statusLine(
  { verdict, because, datasets }: Status,
  inWords: (next: string) => string = (next) => next,
): string {
  if (verdict === "well") {
    const stands = datasets.map(({ dataset, newest }) => `${dataset} stands at ${newest?.label}`);
    return `well: ${stands.join(", ")}\n`;
  }
  const [first = "", ...more] = because;
  const rest = more.length === 0 ? "" : ` (and ${more.length} more: ${inWords("devbackup status")})`;
  const clipped = first.length > MOST_COLUMNS ? `${first.slice(0, MOST_COLUMNS)}…` : first;
  return `${printable(`${IN_WORDS[verdict]}: ${clipped}${rest}`)}\n`;
}
/** What monitoring shows of a line has an end somewhere. */
const MOST_COLUMNS = 200;

function datasetBlock(
  status: Status,
  dataset: DatasetStatus,
  options: StatusTextOptions,
  paint: Paint,
): string[] {
  const { verdict } = dataset;
  const away = status.away.filter(({ host }) => isOf(dataset, host));
  return [
    `${paint(["bold", COLOR[verdict]], `${SYMBOL[verdict]} ${dataset.dataset}: ${IN_WORDS[verdict]}`)}${paint("dim", `  (${dataset.workstation} → ${dataset.server}${status.cloud === null ? "" : ` → ${printable(status.cloud.bucket)}`})`)}`,
    ...(dataset.overdue.isOverdue ? overdueLines(dataset, options, paint) : []),
    ...failedLines(dataset, options, paint),
    ...away.flatMap(({ host, why }) =>
      wrapAfter(
        INDENT,
        printable(`${host} is away: ${why}. What stands there is not known`),
        options.width,
      ).map((line) => paint("yellow", line)),
    ),
    "",
    ...historyLines(dataset, status.cloud !== null, options, paint),
    "",
    ...factLines(dataset, status, options.width, paint),
    ...(status.datasets.length > 1 ? [] : generalLines(status, options, paint)),
    ...approvalLines(dataset, options, paint),
    // last, where a long history does not push them off the screen
    ...dataset.doubts.flatMap((doubt) => ["", ...doubtLines(doubt, options, paint)]),
  ];
}

const isOf = ({ workstation, server }: DatasetStatus, host: HostName): boolean =>
  host === workstation || host === server;

/** What to do for it is said where nothing else has to be seen to first. */
function overdueLines(
  dataset: DatasetStatus,
  { width, inWords = (said) => said }: StatusTextOptions,
  paint: Paint,
): string[] {
  return [
    ...wrap(printable(whyOverdue(dataset)), width, INDENT).map((line) => paint("yellow", line)),
    ...(dataset.doubts.length > 0 || (dataset.due.length > 0 && dataset.due.every(waits))
      ? []
      : [`${INDENT}${paint("bold", "next:")} ${printable(inWords(AGAIN))}`]),
  ];
}

const waits = ({ hazard }: DueAction): boolean => hazard !== "none";

/** The commands that let through what waits for that, but for what a doubt asks for; while a problem stands, none does. */
function approvalLines(
  { due, doubts }: DatasetStatus,
  { inWords = (said) => said }: StatusTextOptions,
  paint: Paint,
): string[] {
  if (doubts.some(({ weight }) => weight === "problem")) return [];
  const lead = due.every(waits) && doubts.length === 0 ? paint("bold", "next:") : "to approve:";
  return approveCommands(due.filter(waits))
    .filter((approve) => doubts.every(({ next }) => next !== approve))
    .map((approve) => `${INDENT}${lead} ${printable(inWords(approve))}`);
}

function failedLines({ applies }: DatasetStatus, { width }: StatusTextOptions, paint: Paint): string[] {
  const text = failedText(applies);
  return text === null ? [] : wrap(printable(text), width, INDENT).map((line) => paint("yellow", line));
}

const WEIGHT = {
  damage: { word: "damage:", style: "red" },
  problem: { word: "problem:", style: "red" },
  warning: { word: "warning:", style: "yellow" },
} as const;

function doubtLines(
  { weight, host, text, next }: Doubt,
  { width, inWords = (said) => said }: StatusTextOptions,
  paint: Paint,
): string[] {
  const { word, style } = WEIGHT[weight];
  return [
    ...wrapSaid(word, ["bold", style], printable(host === null ? text : `${host}: ${text}`), width, paint),
    // not wrapped: it may be a command, and has to survive being copied
    ...(next === null ? [] : [`${INDENT}${paint("bold", "next:")} ${printable(inWords(next))}`]),
  ];
}

function adviceLines(status: Status, { verbose, width }: StatusTextOptions, paint: Paint): string[] {
  const advice = [...status.advice, ...status.datasets.flatMap((dataset) => dataset.advice)];
  if (advice.length === 0) return [];
  if (verbose)
    return advice
      .flatMap((text) => wrapAfter("advice: ", printable(text), width))
      .map((line) => paint("dim", line));
  return [
    paint(
      "dim",
      `${plural(advice.length, "piece")} of advice: --verbose shows ${advice.length === 1 ? "it" : "them"}`,
    ),
  ];
}
