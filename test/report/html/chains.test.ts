import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Label } from "../../../src/domain/label.ts";
import { drawnChains } from "../../../src/report/html/chains.ts";
import type { DatasetStatus, Gap, LabelStatus } from "../../../src/status/status.ts";
import { STATUSES } from "./statuses.ts";

const [dataset] = STATUSES["one label"]?.datasets ?? [];
const [well] = dataset?.history ?? [];
assert.ok(dataset && well?.kind === "label");

/** `1 2<1 -2 3<2 4<3!`: labels and their parents; `-2` two periods missed; `!` with something amiss; `?` not decided. */
const history = (text: string): (LabelStatus | Gap)[] =>
  text.split(" ").map((word) => {
    if (word.startsWith("-"))
      return { kind: "gap", from: "a" as Label, to: "b" as Label, count: -Number(word) };
    const [, label, , parent = null, mark] = /^(\d+)(<(\d+))?([!?])?$/.exec(word) ?? [];
    return {
      ...well,
      label: label as Label,
      type: mark === "?" ? null : parent === null ? "anchor" : "increment",
      parent: parent as Label | null,
      restorable: mark !== "!",
    };
  });

const shown = (text: string): string[] =>
  drawnChains({ ...dataset, history: history(text) } satisfies DatasetStatus).map(({ anchor, lines }) =>
    [
      `${anchor}:`,
      ...lines.map(({ kind, slots }) => {
        const words = slots.map((slot) => (slot.kind === "gap" ? `-${slot.count}` : slot.label));
        return kind === "told" ? `(${slots.length})` : words.join(" ");
      }),
    ].join(" "),
  );

/** An anchor and increments up to `last`. */
const long = (last: number, amiss: number | null = null): string =>
  Array.from(
    { length: last },
    (_, at) => `${at + 1}${at > 0 ? `<${at}` : ""}${at + 1 === amiss ? "!" : ""}`,
  ).join(" ");

describe("the chains of a dataset, as they are drawn", () => {
  const rows: readonly {
    readonly name: string;
    readonly labels: string;
    readonly drawn: readonly string[];
  }[] = [
    { name: "the newest first", labels: "1 2<1 3 4<3", drawn: ["3: 3 4", "1: 1 2"] },
    {
      name: "an increment stands with its parent, wherever that is",
      labels: "1 2 3<1",
      drawn: ["2: 2", "1: 1 3"],
    },
    {
      name: "missed periods stand before what came after",
      labels: "1 -2 2<1 -1 3",
      drawn: ["3: -1 3", "1: 1 -2 2"],
    },
    { name: "and at the end where nothing came", labels: "1 -2", drawn: ["1: 1 -2"] },
    { name: "what is not decided goes on with the newest chain", labels: "1 2<1 3?", drawn: ["1: 1 2 3"] },
    { name: "and is the first where there is none", labels: "1?", drawn: ["1: 1"] },
  ];
  for (const { name, labels, drawn } of rows) test(name, () => assert.deepEqual(shown(labels), drawn));

  test("of very long ones the beginning and the newest are drawn, and the rest is told", () => {
    const [chain = ""] = shown(long(240));
    assert.match(chain, /^1: 1 2 .* 12 (\(12\) ){11}145 146 .* 240$/);
  });

  test("what is amiss is always drawn", () => {
    const [chain = ""] = shown(long(240, 100));
    assert.match(chain, /\) 97 98 99 100 101 .* 108 \(/);
  });
});
