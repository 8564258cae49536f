import { printable } from "../domain/printable.ts";
import { plural } from "../domain/units.ts";
import { approveCommands } from "../plan/approval.ts";
import type { Action, Change, Plan, Problem, Warning } from "../plan/plan.ts";
import { type Paint, painter, type TextOptions, wrap, wrapAfter, wrapSaid } from "./lines.ts";

export interface PlanTextOptions extends TextOptions {
  /**
   * Details of every action; without it only those of actions that have a hazard. And the actions even where a problem
   * stands: they rest on what could be seen, and nothing of them is carried out.
   */
  readonly verbose: boolean;
  /** What carries this plan out: the command with the flags that the user gave. Default `devbackup apply`. */
  readonly command?: string;
  /** The plan was asked for a part of the whole (`--only`, `--host`, `--dataset`): an empty one proves less. */
  readonly narrowed?: boolean;
  /** Somebody is asked for each approval in a moment: no command need give it. */
  readonly asks?: boolean;
  /** Whether a hazardous action has its approval already. Default: none has. */
  readonly approved?: (action: Action) => boolean;
}

const SYMBOLS: Readonly<Record<Change, string>> = { create: "+", update: "~", delete: "-" };
const COLORS = { create: "green", update: "yellow", delete: "red" } as const;
const INDENT = "    ";

/**
 * The plan for a person, in the order in which it will be carried out; ends with a newline. Nothing in it is
 * ever sent to the terminal raw, whatever the plan holds.
 */
export function planText(plan: Plan, options: PlanTextOptions): string {
  const paint = painter(options.color);
  const blocks = [
    ...plan.warnings.map((warning) => warningLines(warning, options.width, paint)),
    plan.notes.flatMap((note) => wrap(printable(note), options.width, "  ")),
    ...groups(isShown(plan, options) ? plan.actions : []).map(([heading, actions]) => [
      paint("bold", heading),
      ...actions.flatMap((action) => actionLines(action, options, paint)),
    ]),
    // last, where a long plan does not push them off the screen
    ...plan.problems.map((problem) => problemLines(problem, options.width, paint)),
    summaryLines(plan, options, paint),
    approvalLines(plan, options, paint),
  ];
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => `${block.join("\n")}\n`)
    .join("\n");
}

const isShown = ({ problems }: Plan, { verbose }: PlanTextOptions): boolean =>
  verbose || problems.length === 0;

/** `dev on ls`, `ls`, `dev`, or nothing: what an action, a warning or a problem is about. */
export function placeOf({ host, dataset }: Pick<Warning, "host" | "dataset">): string {
  if (host !== null && dataset !== null) return `${dataset} on ${host}`;
  return host ?? dataset ?? "";
}

/** Neighbours that are about the same place; the order stays the plan's, so a place can come more than once. */
function groups(actions: readonly Action[]): [string, Action[]][] {
  const found: [string, Action[]][] = [];
  for (const action of actions) {
    const place = printable(placeOf(action));
    const last = found.at(-1);
    if (last?.[0] === place) last[1].push(action);
    else found.push([place, [action]]);
  }
  return found;
}

function actionLines(action: Action, { verbose, width }: PlanTextOptions, paint: Paint): string[] {
  const hazardous = action.hazard !== "none";
  return [
    ...titleLines(action, width, paint),
    ...wrap(printable(action.reason), width, INDENT).map((line) => paint("dim", line)),
    ...(hazardous ? [INDENT + paint("red", `${action.hazard}: ${approvalOf(action)}`)] : []),
    ...(verbose || hazardous ? action.details : []).flatMap((detail) =>
      wrapAfter(`${INDENT}· `, printable(detail), width).map((line) => paint("dim", line)),
    ),
  ];
}

export const approvalOf = ({ approvedBy }: Action): string =>
  approvedBy === undefined ? "done only when approved" : `approved by ${approvedBy}`;

/** `! - delete the snapshot dev@2025-12  [retention:dev@2025-12]`, the id on its own line where it does not fit. */
export function titleLines(action: Action, width: number, paint: Paint): string[] {
  const mark = action.hazard === "none" ? " " : "!";
  const symbol = SYMBOLS[action.change];
  const id = `[${printable(action.id)}]`;
  const [first = "", ...rest] = wrap(printable(action.summary), width, INDENT);
  const painted = `${paint(["bold", "red"], mark)} ${paint(COLORS[action.change], symbol)} ${first.slice(INDENT.length)}`;
  const fits = (rest.at(-1) ?? first).length + 2 + id.length <= width;
  const lines = [painted, ...rest];
  return fits
    ? [...lines.slice(0, -1), `${lines.at(-1)}  ${paint("cyan", id)}`]
    : [...lines, INDENT + paint("cyan", id)];
}

const warningLines = (warning: Warning, width: number, paint: Paint): string[] =>
  headed("warning:", "yellow", warning, width, paint);

const problemLines = (problem: Problem, width: number, paint: Paint): string[] => [
  ...headed("error:", "red", problem, width, paint),
  // not wrapped: it may be a command, and has to survive being copied
  `  ${paint("bold", "next:")} ${printable(problem.next)}`,
];

function headed(
  word: string,
  style: "yellow" | "red",
  about: Warning,
  width: number,
  paint: Paint,
): string[] {
  const place = placeOf(about);
  const text = `${place === "" ? "" : `${place}: `}${about.text} [${about.code}]`;
  return wrapSaid(word, ["bold", style], printable(text), width, paint);
}

function summaryLines(plan: Plan, options: PlanTextOptions, paint: Paint): string[] {
  const { create, update, delete: gone, total } = plan.summary;
  const problems = plan.problems.length;
  const counts = paint("bold", `Plan: ${create} to create, ${update} to change, ${gone} to delete.`);
  if (problems === 0) return total > 0 ? [counts] : wrap(nothingToDo(plan, options), options.width, "");
  const blocked = `Nothing is applied before the ${problems === 1 ? "error above is" : `${problems} errors above are`} put right.`;
  const rest = `${plural(total, "action")} planned besides (--verbose shows ${total === 1 ? "it" : "them"}).`;
  return isShown(plan, options)
    ? [...(total > 0 ? [counts] : []), ...wrap(blocked, options.width, "")]
    : wrap(total > 0 ? `${blocked} ${rest}` : blocked, options.width, "");
}

function nothingToDo({ labels }: Plan, { narrowed }: PlanTextOptions): string {
  if (narrowed) return "Nothing to do in the part that was asked for.";
  const [first, ...others] = Object.entries(labels);
  if (first === undefined) return "Nothing to do.";
  const standing = [
    `${first[0]} stands at ${first[1]}`,
    ...others.map(([dataset, label]) => `${dataset} at ${label}`),
  ];
  return printable(
    `Nothing to do. ${standing.join(", ")} ${others.length > 0 ? "everywhere they" : "everywhere it"} should.`,
  );
}

function approvalLines(plan: Plan, options: PlanTextOptions, paint: Paint): string[] {
  const waiting = plan.actions.filter(
    (action) => action.hazard !== "none" && action.approvedBy === undefined && !options.approved?.(action),
  );
  // while an error stands, no approval lets anything through: the error is all there is to see to
  if (waiting.length === 0 || plan.problems.length > 0) return [];
  const waits = `${plural(waiting.length, "action")} ${waiting.length === 1 ? "waits" : "wait"} for approval`;
  if (options.asks) return [`${paint(["bold", "red"], "!")} ${waits}: you are asked for each.`];
  return [
    `${paint(["bold", "red"], "!")} ${waits}:`,
    ...approveCommands(waiting, options.command).map((approve) => `${INDENT}${printable(approve)}`),
  ];
}
