import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { known } from "../../src/domain/fact.ts";
import type { HostName } from "../../src/domain/names.ts";
import { madeAt } from "../../src/reconcilers/artifact/artifact.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import { history } from "../domain/history.ts";
import { E1, lookAt, settled } from "./world.ts";

/** The clock of the controller stands at 2026-06-01; those of the hosts at `ws` and `ls`. */
interface Row {
  readonly name: string;
  readonly target: string;
  readonly typed: boolean;
  readonly rows?: string;
  readonly ws?: string;
  readonly ls?: string;
  /** The problem's code, or the hazard of the snapshot. */
  readonly comes: string;
  readonly says?: RegExp;
}

const rows: readonly Row[] = [
  { name: "this month's", target: "2026-06", typed: true, comes: "none" },
  { name: "the next month's, had early", target: "2026-07", typed: true, comes: "none" },
  {
    name: "last month's, made up for",
    target: "2026-05",
    typed: true,
    rows: "2026-03 full 9",
    comes: "none",
  },
  {
    name: "two months ahead",
    target: "2026-08",
    typed: true,
    comes: "disruptive",
    says: /it lies 2 months ahead of the calendar, which is at 2026-06: none before it could be given any more/,
  },
  {
    name: "wrong by a year, ahead",
    target: "2027-06",
    typed: true,
    comes: "disruptive",
    says: /12 months ahead/,
  },
  {
    name: "wrong by a year, behind",
    target: "2025-06",
    typed: true,
    rows: "",
    comes: "disruptive",
    says: /it lies 12 months behind the calendar, which is at 2026-06/,
  },
  { name: "behind what is registered", target: "2025-06", typed: true, comes: "label-in-the-past" },
  {
    name: "the clock here was set back to 1970, and the right label is typed",
    target: "2026-08",
    typed: true,
    ws: "2026-08-02T00:00:00Z",
    ls: "2026-08-02T00:00:00Z",
    comes: "none",
  },
  {
    name: "the clock here was set back behind what is registered",
    target: "2026-06",
    typed: false,
    rows: "2026-07 full 9",
    comes: "clock-went-back",
    says: /timedatectl.*go on with 2026-07 until the calendar is there devbackup apply --label 2026-07 /,
  },
  {
    name: "the clock here is ahead of both machines'",
    target: "2026-06",
    typed: false,
    ws: "2026-05-20T00:00:00Z",
    ls: "2026-05-20T00:00:00Z",
    comes: "clocks-differ",
  },
  {
    name: "the server's alone is behind, and not behind what is registered",
    target: "2026-06",
    typed: false,
    ls: "2026-05-20T00:00:00Z",
    comes: "clocks-differ",
  },
  {
    name: "the server's alone is at 1970: that one is wrong",
    target: "2026-06",
    typed: false,
    ls: "1970-01-01T00:00:00Z",
    comes: "none",
  },
  {
    name: "the workstation's is a year ahead: the label is the calendar's here",
    target: "2026-06",
    typed: false,
    ws: "2027-06-01T00:00:00Z",
    comes: "none",
  },
  {
    name: "the workstation's clock is a year ahead, and so is the label: nobody can tell which is right",
    target: "2027-06",
    typed: true,
    ws: "2027-06-01T00:00:00Z",
    comes: "none",
  },
];

describe("a label and the clocks", () => {
  for (const { name, target, typed, rows: registered = "2026-05 full 9", ws, ls, comes, says } of rows)
    test(name, () => {
      const at = (clock = "2026-06-01T00:00:00Z") =>
        known({ epochSeconds: Date.parse(clock) / 1000, distribution: ["debian"], tools: TOOLS });
      const { desired, observed, request } = lookAt({
        rows: registered,
        target,
        labelled: typed,
      });
      const systems = new Map([
        ["ws" as HostName, at(ws)],
        ["ls" as HostName, at(ls)],
      ]);
      const { problems, actions } = planFrom(desired, { ...observed, systems }, request);
      const snapshot = actions.find(({ kind }) => kind === "snapshot");
      const [problem] = problems;
      assert.equal(problem?.code ?? snapshot?.hazard, comes);
      if (says !== undefined) assert.match(`${problem?.text} ${problem?.next} ${snapshot?.reason}`, says);
    });

  test("all that the label would bring waits for it, and nothing else", () => {
    const { desired, observed, request } = lookAt({ rows: "2026-05 full 9", target: "2027-06" });
    const { actions } = planFrom(desired, observed, request);
    const label = actions.filter((action) => action.label === "2027-06");
    const reached = new Set(["snapshot:dev@2027-06"]);
    for (const { id, needs } of label) if (needs.some((need) => reached.has(need))) reached.add(id);
    assert.deepEqual(
      label.filter(({ id }) => !reached.has(id)),
      [],
    );
  });
});

test("an artifact is never noted as older than the one before it, whatever the clocks say", () => {
  const [before, here, there] = [
    "2027-01-01T00:00:00.000Z",
    "1970-01-01T00:00:00.000Z",
    "2026-06-01T00:00:00.000Z",
  ];
  assert.equal(madeAt([here, there, before].map((time) => new Date(time))), before);
  assert.equal(madeAt([here, there].map((time) => new Date(time))), there);
  const { desired, observed, request } = lookAt({
    rows: "2026-04 full 9, 2026-05 incr 9",
    target: "2026-06",
  });
  const { actions } = planFrom(desired, observed, request);
  const made = actions.find(({ kind }) => kind === "artifact") ?? assert.fail("no artifact");
  const rows = history("2026-04 full 9, 2026-05 incr 9");
  assert.equal((made.input as { after: string }).after, rows.at(-1)?.ts);
});

describe("the proof that the escrow opens, and the clocks", () => {
  const warned = (testedAt: string): string[] => {
    const { facts } = settled("2026-05 full 9");
    if (facts.escrow.kind !== "known") return assert.fail();
    const escrow = known({ ...facts.escrow.value, tested: { at: new Date(testedAt), sha256: E1 } });
    const { desired, observed, request } = lookAt({
      rows: "2026-05 full 9",
      target: "2026-05",
      change: { escrow },
    });
    return planFrom(desired, observed, request)
      .warnings.filter(({ code }) => code === "escrow-untested")
      .map(({ text }) => text);
  };
  test("counts for a year, and not a day longer", () => {
    assert.deepEqual(warned("2025-06-01T00:00:01Z"), []);
    assert.match(warned("2025-05-31T23:59:59Z").join(), /not been tested since 2025-05-31/);
    assert.match(warned("2024-02-29T00:00:00Z").join(), /not been tested since 2024-02-29/);
  });
  test("does not count where it is dated ahead: it would for too long", () => {
    assert.deepEqual(warned("2026-06-01T20:00:00Z"), []);
    assert.match(warned("2026-12-24T00:00:00Z").join(), /tested on 2026-12-24, a day that is yet to come/);
  });
});

const TOOLS: ReadonlySet<string> = new Set([
  "btrfs",
  "zstd",
  "age",
  "openssl",
  "curl",
  "flock",
  "ssh-keygen",
]);
