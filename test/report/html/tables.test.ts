import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { applyTable, labelTable } from "../../../src/report/html/tables.ts";
import type { DatasetStatus } from "../../../src/status/status.ts";
import { STATUSES } from "./statuses.ts";

const datasetOf = (name: string): DatasetStatus => STATUSES[name]?.datasets[0] ?? assert.fail(name);
/** The words of each row, cell by cell. */
const rows = (markup: string): string[][] =>
  markup
    .split("<tr")
    .slice(2)
    .map((row) =>
      row
        .split(/<t[hd]/)
        .slice(1)
        .map((cell) => `<${cell}`.replace(/<[^>]*>/g, "").trim()),
    );

describe("the tables of a report", () => {
  const results: readonly (readonly [string, string])[] = [
    ["done", "done"],
    ["left-undone", "left something undone"],
    ["open", "no end told"],
    ["what a later version says", "what a later version says"],
    ["constructor", "constructor"],
  ];
  for (const [result, words] of results)
    test(`an apply that came to ${result}`, () => {
      const dataset = datasetOf("one label");
      const [apply = assert.fail()] = dataset.applies ?? [];
      const table = applyTable({ ...dataset, applies: [{ ...apply, result }] });
      assert.deepEqual(rows(table.markup)[0]?.[2], words);
    });

  test("labels, newest first, with the periods that were missed and what is due", () => {
    const table = labelTable(datasetOf("overdue"), ["artifact", "cloud"]);
    assert.deepEqual(
      rows(table?.markup ?? "").map((cells) => cells.join(" | ")),
      [
        "2026-11 | on 2026-08 |  | due | due |  | ",
        "2026-09 | no backup of 2 periods, to 2026-10",
        "2026-08 | on 2026-07 | 173 MiB | whole | whole | yes | 2026-08-01",
        "2026-07 | on 2026-06 | 454 MiB | whole | whole | yes | 2026-07-01",
        "2026-06 | on 2026-05 | 325 MiB | whole | whole | yes | 2026-06-01",
        "2026-05 | on 2026-03 | 196 MiB | whole | whole | yes | 2026-05-01",
        "2026-04 | no backup of this period",
        "2026-03 | on 2026-02 | 348 MiB | whole | whole | yes | 2026-03-01",
        "2026-02 | on 2026-01 | 219 MiB | whole | whole | yes | 2026-02-01",
        "2026-01 | anchor | 4.1 GiB | whole | whole | yes | 2026-01-01",
      ],
    );
  });
});
