import type { ApplyEvent } from "../apply/events.ts";
import { printable } from "../domain/printable.ts";
import type { Trouble } from "../domain/trouble.ts";
import { formatDuration, plural } from "../domain/units.ts";
import { approveCommands } from "../plan/approval.ts";
import { LEFT_OUT } from "../plan/assemble.ts";
import type { Action, ActionId } from "../plan/plan.ts";
import { type Paint, painter, type TextOptions, wrap, wrapSaid } from "./lines.ts";
import { titleLines } from "./plan-text.ts";

type Finished = Extract<ApplyEvent, { event: "finished" }>;
type Skipped = Extract<ApplyEvent, { event: "action-skipped" }>;

export interface ClosingOptions extends TextOptions {
  /** Leaves out how much was done. */
  readonly quiet: boolean;
  /** What to run again. Default `devbackup apply`. */
  readonly command?: string;
  /** It was asked for a part of the whole (`--only`, `--host`, `--dataset`): that nothing is left there proves less. */
  readonly narrowed?: boolean;
  /** What does that with all that it waits for. */
  readonly wholeCommand?: string;
}

/** What has become of the actions so far; enough to say at the end what is left and why. */
export interface Tally {
  note(event: ApplyEvent): void;
  action(id: ActionId): Action | undefined;
  /** The last words: that nothing is left, or what is, why, and what to type next. Ends with a newline. */
  closingText(finished: Finished, options: ClosingOptions): string;
}

type Fate =
  | { readonly kind: Skipped["because"]; readonly detail: string }
  | { readonly kind: "failed"; readonly trouble: Trouble }
  | { readonly kind: "running" }
  | { readonly kind: "unheard-of" };

interface Left {
  readonly action: Action;
  readonly fate: Fate;
}

const INDENT = "    ";
/** Of the actions that nothing else has told of, this many are named. */
const UNTOLD_SHOWN = 8;
/** Up to this many that were not begun are named once more; each has had its line when it was passed over, or in the plan. */
const UNBEGUN_SHOWN = 2;

export function createTally(): Tally {
  const actions = new Map<ActionId, Action>();
  const fates = new Map<ActionId, Fate>();
  const besides: Trouble[] = [];

  function note(event: ApplyEvent): void {
    switch (event.event) {
      case "started":
        for (const action of event.plan.actions) actions.set(action.id, action);
        break;
      case "action-started":
        actions.set(event.action.id, event.action);
        fates.set(event.action.id, { kind: "running" });
        break;
      case "action-done":
        fates.delete(event.id);
        break;
      case "action-skipped":
        fates.set(event.id, { kind: event.because, detail: event.detail });
        break;
      case "action-failed":
        fates.set(event.id, { kind: "failed", trouble: event.trouble });
        break;
      case "trouble":
        besides.push(event.trouble);
    }
  }

  function closingText(finished: Finished, options: ClosingOptions): string {
    const remaining = finished.remaining ?? [...actions.values()].filter(({ id }) => fates.has(id));
    const left = remaining.map((action) => ({
      action,
      fate: fates.get(action.id) ?? { kind: "unheard-of" as const },
    }));
    const paint = painter(options.color);
    const lines = [
      ...(options.quiet || finished.done === 0
        ? []
        : [`${plural(finished.done, "action")} done in ${formatDuration(finished.durationMs)}`]),
      ...resultLines(finished, left, options, paint),
      ...unseenLines(finished, options, paint),
      ...besides.flatMap((trouble) => besidesLines(trouble, options, paint)),
      ...leftLines(left, options, paint),
      ...nextLines(finished, left, options, paint),
    ];
    return `${lines.join("\n")}\n`;
  }

  return { note, action: (id) => actions.get(id), closingText };
}

/** Why an action was not begun: `skipped: waits for artifact:dev@2026-03`. */
export const skippedText = ({ because, detail }: Skipped): string =>
  `skipped: ${whySkipped(because, detail)}`;

function whySkipped(because: Skipped["because"], detail: string): string {
  switch (because) {
    case "unapproved":
      return `not approved; to approve: ${detail}`;
    case "needs":
      return `waits for ${detail}`;
    case "interrupted":
      return detail === "" ? "interrupted before it began" : `interrupted: ${detail}`;
    case "failed-before":
      return detail === "" ? "something before it failed" : `something before it failed: ${detail}`;
  }
}

/** Nothing that is known of is left; that is not the same as nothing. */
const unseenLines = ({ unseen = [] }: Finished, { width }: ClosingOptions, paint: Paint): string[] =>
  unseen.flatMap((text) => wrapSaid("not verified:", "yellow", printable(text), width, paint));

/** It has been told whole when it came; what is said last is what is remembered. */
const besidesLines = ({ host, what }: Trouble, { width }: ClosingOptions, paint: Paint): string[] =>
  wrapSaid("besides:", "yellow", printable(host === undefined ? what : `${host}: ${what}`), width, paint);

function resultLines(
  { result, remaining, unseen = [] }: Finished,
  left: readonly Left[],
  { narrowed = false }: ClosingOptions,
  paint: Paint,
): string[] {
  const part = narrowed ? " in the part that was asked for" : "";
  const bad = result === "failed" || result === "interrupted";
  const seen = remaining !== null && unseen.length === 0;
  const undone =
    left.length > 0
      ? [(bad || !seen ? null : onlyWaiting(left)) ?? `${plural(left.length, "action")} left undone`]
      : [];
  if (!bad && undone.length === 0 && remaining !== null && unseen.length > 0) return [];
  if (!bad && undone.length === 0 && remaining !== null)
    return [paint(["bold", "green"], `verified: nothing left to do${part}`)];
  const words = [...(bad ? [result] : []), ...undone].join(": ");
  return [
    ...(words === "" ? [] : [paint(["bold", bad ? "red" : "yellow"], words)]),
    ...(remaining === null ? [paint("yellow", "not verified: the plan afterwards could not be made")] : []),
    ...(remaining?.length === 0 ? ["the plan afterwards has nothing left to do"] : []),
  ];
}

/** Where nothing but an approval is missing; null where that is not all. */
function onlyWaiting(left: readonly Left[]): string | null {
  const waiting = left.filter(({ fate }) => fate.kind === "unapproved").length;
  const behind = left.filter(({ fate }) => fate.kind === "needs").length;
  if (waiting === 0 || waiting + behind < left.length) return null;
  const rest = behind === 0 ? "" : `, and ${behind} more for ${waiting === 1 ? "it" : "them"}`;
  return `${plural(waiting, "action")} wait${waiting === 1 ? "s" : ""} for approval${rest}; nothing else is left`;
}

function leftLines(left: readonly Left[], { width }: ClosingOptions, paint: Paint): string[] {
  const of = (...kinds: readonly Fate["kind"][]): Left[] =>
    left.filter(({ fate }) => kinds.includes(fate.kind));
  // what a person has to see to comes first, and all of it
  const urgent = of("failed", "running", "unapproved");
  const untold = of("unheard-of");
  const unbegun = of("needs", "interrupted", "failed-before");
  const named = unbegun.length > UNBEGUN_SHOWN ? [] : unbegun;
  const more = (count: number, words: string): string[] =>
    count > 0 ? [`${INDENT}… and ${count} more${words}`] : [];
  return [
    ...[...urgent, ...untold.slice(0, UNTOLD_SHOWN), ...named].flatMap(({ action, fate }) => [
      ...titleLines(action, width, paint),
      ...whyLeft(action, fate, width).map((line) => paint("dim", line)),
    ]),
    ...more(untold.length - UNTOLD_SHOWN, ""),
    ...more(unbegun.length - named.length, " that were not begun"),
  ];
}

function whyLeft(action: Action, fate: Fate, width: number): string[] {
  switch (fate.kind) {
    case "failed":
      return wrap(printable(`failed: ${fate.trouble.what}`), width, INDENT);
    case "running":
      return [`${INDENT}interrupted while it ran`];
    case "unheard-of":
      return wrap(printable(action.reason), width, INDENT);
    case "unapproved":
      return [`${INDENT}not approved`];
    default:
      return wrap(printable(whySkipped(fate.kind, fate.detail)), width, INDENT);
  }
}

function nextLines(
  { remaining, unseen = [], warnings = [] }: Finished,
  left: readonly Left[],
  { command, wholeCommand }: ClosingOptions,
  paint: Paint,
): string[] {
  if (left.length === 0 && remaining !== null && unseen.length === 0) return [];
  const waiting = left.filter(({ fate }) => fate.kind === "unapproved").map(({ action }) => action);
  // not wrapped: a command has to survive being copied
  const approve = approveCommands(waiting, command).map(printable);
  const next = paint("bold", "next:");
  // where all the rest waits for approval, the plain command would do nothing
  if (waiting.length > 0 && left.every(({ fate: { kind } }) => kind === "unapproved" || kind === "needs"))
    return approve.map((line, at) => `${at === 0 ? next : "     "} ${line}`);
  const failed = left.map(({ fate }) => fate).find((fate) => fate.kind === "failed");
  // what waits for something that was not asked for waits for ever where the same is asked for again
  const again = warnings.some(({ code }) => code === LEFT_OUT) ? (wholeCommand ?? command) : command;
  return [
    ...approve.map((line) => `to approve: ${line}`),
    `${next} ${printable(failed?.trouble.next ?? again ?? "devbackup apply")}`,
  ];
}
