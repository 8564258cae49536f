import { printable } from "../domain/printable.ts";
import { plural } from "../domain/units.ts";
import { type Asked, type Explanation, KNOWN_LATER, type Step } from "../explain/explanation.ts";
import { type Paint, painter, type TextOptions, wrap, wrapAfter, wrapBehind } from "./lines.ts";
import { approvalOf, titleLines } from "./plan-text.ts";

export interface ExplainTextOptions extends TextOptions {
  /** Scripts as they are, not with their functions folded. */
  readonly verbose: boolean;
}

const INDENT = "  ";
const FUNCTION = /^\w+\(\) (?:[{(]\n[\s\S]*?\n[})]|[{(].*[})])\n/gm;
const REMARK = /^ *(?:#.*)?\n/gm;
const MOST_LINES = 18;

/** An explanation for a person, a screen long where that can be; ends with a newline. */
export function explainText(explanation: Explanation, options: ExplainTextOptions): string {
  const { action, does, asked, found } = explanation;
  const { width } = options;
  const paint = painter(options.color);
  const about = wrap(printable(`on ${action.host}. Such an action ${does}.`), width, "    ");
  const facts = found.map(({ what, is }) => [what, is] as const);
  const blocks = [
    [...titleLines(action, width, paint), ...about.map((line) => paint("dim", line))],
    headed("Asked for", columns(asked.map(askedLine), options, paint), paint),
    headed("Found", columns(facts, options, paint), paint),
    headed("Difference", differenceLines(action, width), paint),
    headed("apply would", doneLines(explanation, options, paint), paint),
    footLines(explanation, options).map((line) => paint("dim", line)),
  ];
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => `${block.join("\n")}\n`)
    .join("\n");
}

const differenceLines = (action: Explanation["action"], width: number): string[] =>
  [
    action.reason,
    ...assumed(action),
    ...(action.needs.length > 0 ? [`after ${action.needs.join(", ")}`] : []),
    ...(action.hazard === "none" ? [] : [`${action.hazard}: ${approvalOf(action)}`]),
  ].flatMap((text) => wrap(printable(text), width, INDENT));

function doneLines({ steps, open }: Explanation, options: ExplainTextOptions, paint: Paint): string[] {
  const done = steps.flatMap((step) => stepLines(step, options, paint));
  if (open !== null) done.push(...wrap(printable(open), options.width, INDENT));
  return done.length > 0 ? done : [`${INDENT}run nothing for it`];
}

function footLines({ steps }: Explanation, { verbose }: ExplainTextOptions): string[] {
  const scripts = steps.flatMap(scriptsOf);
  const later = Object.values(KNOWN_LATER).filter((name) =>
    scripts.some((script) => new RegExp(`\\b${name}\\b`).test(script)),
  );
  return [
    ...(later.length > 0 ? [`${later.join(", ")}: what only the run will tell, or what is not shown.`] : []),
    ...(!verbose && scripts.some((script) => fold(script) !== script)
      ? ["Scripts are shortened: --verbose shows them whole."]
      : []),
  ];
}

const headed = (heading: string, lines: readonly string[], paint: Paint): string[] =>
  lines.length === 0 ? [] : [paint("bold", heading), ...lines];

const askedLine = ({ key, at, text }: Asked): readonly [string, string] => {
  if (at !== null) return [at, text ?? key];
  return text === null ? ["left out", key] : ["as typed", `${key} ${text}`];
};

/** What is on the left as wide as the widest, up to a limit. */
function columns(
  rows: readonly (readonly [string, string])[],
  { width }: TextOptions,
  paint: Paint,
): string[] {
  const widest = Math.min(
    Math.max(0, ...rows.map(([left]) => printable(left).length)),
    Math.floor(width / 2),
  );
  return rows.flatMap(([left, right]) => {
    const lead = `${INDENT}${printable(left).padEnd(widest)}  `;
    return wrapBehind(lead, "cyan", printable(right), width, paint);
  });
}

function assumed({ assumes }: Explanation["action"]): string[] {
  const all = Object.entries(assumes).map(([name, value]) => `${name} = ${value ?? "none"}`);
  return all.length === 0 ? [] : [`only while: ${all.join(", ")}`];
}

const scriptsOf = (step: Step): readonly string[] => {
  if (step.kind === "pipe") return [step.source, step.sink];
  return step.kind === "script" ? [step.script] : [];
};

function stepLines(step: Step, options: ExplainTextOptions, paint: Paint): string[] {
  const script = (text: string) => scriptLines(text, options, paint);
  switch (step.kind) {
    case "here":
      return wrapAfter(`${INDENT}here: `, printable(step.does), options.width);
    case "script":
      return [
        `${INDENT}on ${printable(step.host)}${step.fed ? ", with what it needs on stdin" : ""}:`,
        ...script(step.script),
      ];
    case "pipe":
      return [
        `${INDENT}from ${printable(step.from)}:`,
        ...script(step.source),
        `${INDENT}in one pipe to ${printable(step.to)}:`,
        ...script(step.sink),
      ];
  }
}

function scriptLines(script: string, { verbose }: ExplainTextOptions, paint: Paint): string[] {
  const lines = (verbose ? script : fold(script)).split("\n");
  return lines.map((line) => `${INDENT}${paint("dim", "│")} ${printable(line)}`);
}

/** Without what it is made ready by, functions and remarks; and of what is long still, its end: there it does what it does. */
function fold(script: string): string {
  const functions = script.match(FUNCTION)?.length ?? 0;
  const lines = script.replaceAll(FUNCTION, "").replaceAll(REMARK, "").split("\n");
  const left = lines.slice(-MOST_LINES);
  const folded = [
    ...(functions > 0 ? [plural(functions, "function")] : []),
    ...(lines.length > left.length ? [plural(lines.length - left.length, "line")] : []),
  ];
  return [...(folded.length > 0 ? [`… ${folded.join(", ")}`] : []), ...left].join("\n");
}
