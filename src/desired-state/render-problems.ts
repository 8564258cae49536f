import { styleText } from "node:util";
import type { StateProblem } from "./problem.ts";

/**
 * All problems as text for a terminal or a log, each as `FILE:LINE:COL`, the excerpt, what is wrong and what would
 * be right; then their number. Ends with a line feed. `colour` adds ANSI styles.
 */
export function renderProblems(problems: readonly StateProblem[], { colour }: { colour: boolean }): string {
  const style = (format: Parameters<typeof styleText>[0], text: string) =>
    colour ? styleText(format, text, { validateStream: false }) : text;
  const blocks = problems.map((problem) => {
    const place = style("bold", `${problem.file}:${problem.line}:${problem.col}`);
    return [
      `${place}: ${style("red", problem.wrong)}`,
      ...indented(problem.excerpt, "    "),
      ...indented(`${style("green", "right:")} ${problem.right}`, "  "),
      "",
    ].join("\n");
  });
  return `${[...blocks, style("bold", countLine(problems))].join("\n")}\n`;
}

/** The same as data, for `--json`; see {@link StateProblem}. */
export const problemsAsData = (problems: readonly StateProblem[]) => ({
  formatVersion: 1,
  valid: problems.length === 0,
  problems: problems.map(({ file, line, col, excerpt, wrong, right }) => ({
    file,
    line,
    col,
    excerpt,
    wrong,
    right,
  })),
});

const indented = (text: string, indent: string): readonly string[] =>
  text === "" ? [] : text.split("\n").map((line) => indent + line);

function countLine(problems: readonly StateProblem[]): string {
  const files = new Set(problems.map((problem) => problem.file)).size;
  const count = (number: number, thing: string) => `${number} ${thing}${number === 1 ? "" : "s"}`;
  return `${count(problems.length, "problem")} in ${count(files, "file")}; nothing was contacted`;
}
