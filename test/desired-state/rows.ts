import assert from "node:assert/strict";
import { test } from "node:test";
import { CLOUD, check, DATASETS, MINIMAL, problemsOf } from "./states.ts";

/** A desired state, and all that is wrong with it. */
export interface Row {
  readonly name: string;
  readonly yaml: string;
  /** `LINE:COL wrong`, all of them. */
  readonly problems: readonly string[];
  /** A part of what the first problem says would be right. */
  readonly right?: string | RegExp;
}

export const dataset = (line: string) => `${MINIMAL}    ${line}\n`;
export const cloud = (line: string) => `${MINIMAL}${CLOUD}  ${line}\n`;
export const hosts = (text: string) => `version: 1\nhosts:\n${text}${DATASETS}`;

/** One test a row. */
export function testRows(rows: readonly Row[]): void {
  for (const row of rows)
    test(`problems: ${row.name}`, () => {
      assert.deepEqual(problemsOf(row.yaml), row.problems);
      const loaded = check(row.yaml);
      const right = loaded.kind === "invalid" ? (loaded.problems[0]?.right ?? "") : "";
      if (typeof row.right === "string") assert.equal(right, row.right);
      if (row.right instanceof RegExp) assert.match(right, row.right);
    });
}
