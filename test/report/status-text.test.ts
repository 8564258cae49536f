import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { known, unknown } from "../../src/domain/fact.ts";
import type { JournalRun } from "../../src/domain/journal.ts";
import { jsonLine } from "../../src/domain/printable.ts";
import { NEVER_VERIFIED, withVerified } from "../../src/domain/verification.ts";
import type { ActionId } from "../../src/plan/plan.ts";
import { type StatusTextOptions, statusLine, statusText } from "../../src/report/status-text.ts";
import type { DatasetStatus, DueAction, Status } from "../../src/status/status.ts";
import { label } from "../domain/history.ts";
import { etagOf, type Given, objects, rowsIn, statusIn, store, world } from "../status/states.ts";

const MIB = 2 ** 20;
const plain: StatusTextOptions = { color: false, verbose: false, width: 80 };

/** From July 2024 on, an anchor every twelve months. */
const TWO_YEARS = Array.from({ length: 24 }, (_, at) => {
  const month = new Date(Date.UTC(2024, 6 + at)).toISOString().slice(0, 7);
  return `${month} ${at % 12 === 0 ? "full 4200" : `incr ${150 + ((at * 37) % 90)}`}`;
});
const THREE: Given = { rows: "2026-04 full 100, 2026-05 incr 10, 2026-06 incr 12", times: MIB };
const SECOND = "artifacts/incr/dev@2026-05.incr.from_2026-04.send.zst.age";
const RUN = {
  who: "chuck@laptop",
  result: "done",
  durationMs: 184_000,
  planned: 7,
  done: 7,
  failed: null,
  why: null,
  exitCode: 0,
};
const journal = known([{ ...RUN, startedAt: "2026-06-01T03:00:00.000Z" }]);
const drills = known({
  proofs: [
    {
      label: label("2026-05"),
      at: new Date("2026-05-01T04:00:00Z"),
      result: "same" as const,
      durationMs: 184_000,
      tree: { files: 3, bytes: 99 },
      artifacts: { count: 2, bytes: 10 },
      why: [],
    },
  ],
  left: false,
});
const there = world(THREE);
const rows = rowsIn(there.facts);
const seen = (place: "server" | "bucket", check: "hash" | "note") =>
  rows.map((row) => ({
    place,
    check,
    label: row.label,
    streamUuid: null,
    identity: place === "server" ? row.sha256 : etagOf(there.bucket, row.objectKey),
    at: new Date("2026-06-01T04:00:00Z"),
  }));
const verified = known({
  record: [...seen("server", "hash"), ...seen("bucket", "note")].reduce(withVerified, NEVER_VERIFIED),
  damagedObjects: new Map(),
});

const cases: readonly { name: string; given: Given; options?: Partial<StatusTextOptions>; line: string }[] = [
  { name: "nothing-yet", given: { rows: "" }, line: "overdue: no backup is registered" },
  {
    name: "one-label",
    given: { rows: "2026-06 full 100", times: MIB, change: { journal } },
    line: "well: dev stands at 2026-06",
  },
  {
    name: "24-labels",
    given: { rows: TWO_YEARS.join(", "), times: MIB, endpoint: "https://0a.r2.cloudflarestorage.com" },
    line: "well: dev stands at 2026-06",
  },
  {
    name: "24-labels-verbose",
    given: { rows: TWO_YEARS.filter((_, at) => at !== 3 && at !== 4).join(", "), times: MIB },
    options: { verbose: true },
    line: "well: dev stands at 2026-06",
  },
  {
    name: "24-labels-damage",
    given: {
      rows: TWO_YEARS.join(", "),
      times: MIB,
      change: {
        store: store({ rows: TWO_YEARS.join(", "), times: MIB }, (files) => {
          for (const path of files.keys()) if (/@2025-0[12]/.test(path)) files.delete(path);
        }),
      },
    },
    line: "in doubt: ls: the artifacts of 2025-01, 2025-02 are missing on the server",
  },
  {
    name: "damage",
    given: {
      ...THREE,
      change: { store: store(THREE, (files) => files.set(SECOND, 3)) },
      bucket: objects(THREE, (key, bytes) => (key.includes("2026-06") ? 5 : bytes)),
    },
    line: "in doubt: ls: the artifact of 2026-05 is damaged on the server (and 1 more: devbackup status)",
  },
  {
    name: "overdue",
    given: { rows: "2026-01 full 100, 2026-02 incr 9, 2026-03 incr 10", times: MIB },
    line: "overdue: the newest backup, 2026-03, is 92 days old: more than the 40 days that are allowed",
  },
  {
    name: "everything-declared",
    given: {
      ...THREE,
      endpoint: "https://0a.r2.cloudflarestorage.com",
      schedule: { next: "Wed 2026-07-01 03:00:00 UTC", last: "Mon 2026-06-01 03:00:00 UTC" },
      change: { journal, drills, verified },
    },
    line: "well: dev stands at 2026-06",
  },
  { name: "no-cloud", given: { ...THREE, cloud: false }, line: "well: dev stands at 2026-06" },
  {
    name: "two-datasets",
    given: { rows: "2026-05 full 100, 2026-06 incr 10", times: MIB, photos: true, recovery: false },
    line: "overdue: photos: no backup is registered",
  },
  {
    name: "workstation-away",
    given: {
      rows: "2026-04 full 100, 2026-05 incr 10",
      times: MIB,
      away: "192.168.1.7 port 22 did not answer within 10 s",
    },
    line: "well: dev stands at 2026-05",
  },
];

/** What was seen and found good; `UPDATE_GOLDEN=1` writes it anew, to be looked at. */
const golden = (name: string, text: string): void => {
  const file = join(import.meta.dirname, "status", `${name}.txt`);
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(file, text);
  assert.equal(text, readFileSync(file, "utf8"));
};

describe("status", () => {
  for (const { name, given, options, line } of cases)
    test(name, () => {
      const status = statusIn(given);
      const text = statusText(status, { ...plain, ...options });
      golden(name, text);
      for (const each of text.split("\n")) assert.ok(each.length <= 80 || /^ {2}next: /.test(each), each);
      assert.equal(statusLine(status), `${line}\n`);
    });

  test("colour changes nothing but the colour", () => {
    for (const { given, options } of cases) {
      const status = statusIn(given);
      const colored = statusText(status, { ...plain, ...options, color: true });
      assert.equal(stripVTControlCharacters(colored), statusText(status, { ...plain, ...options }));
      assert.ok(colored.includes("\u001b["));
    }
  });

  test("where all that is due waits for approval, next is the command that gives it", () => {
    const status = statusIn({ rows: "2026-06 full 100" });
    const [dataset = assert.fail()] = status.datasets;
    const [one, two] = ["a", "b"].map(
      (name): DueAction => ({
        id: `retention:${name}` as ActionId,
        kind: "retention",
        host: dataset.server,
        stage: "retention",
        label: null,
        summary: "delete",
        hazard: "destructive",
      }),
    );
    const textOf = (due: readonly (DueAction | undefined)[], more: Partial<DatasetStatus> = {}) =>
      statusText(
        { ...status, datasets: [{ ...dataset, ...more, due: due.filter((each) => each !== undefined) }] },
        { ...plain, inWords: (next) => next.replace("apply", "apply -x") },
      );
    assert.match(textOf([one, two]), /\n {2}next: devbackup apply -x --approve retention\n/);
    assert.match(textOf([one]), /\n {2}next: devbackup apply -x --approve retention:a\n/);
    const overdue = { overdue: { isOverdue: true, allowed: "40 days", since: null } };
    assert.doesNotMatch(textOf([one, two], overdue), /apply -x\n/);
    assert.match(textOf([], overdue), /next: devbackup apply -x\n/);
    const plainly = one && { ...one, hazard: "none" as const };
    assert.match(
      textOf([plainly, two], overdue),
      /next: devbackup apply -x\n.*to approve: .* retention:b\n/s,
    );
  });

  test("what to type next has the flags that were typed", () => {
    const status = statusIn({ rows: "" });
    const text = statusText(status, { ...plain, inWords: (next) => `${next} --config home.yaml` });
    assert.match(text, /next: devbackup apply --config home\.yaml\n/);
  });

  test("that the last apply failed stands at the top; of an earlier one nothing does", () => {
    const failed = {
      ...RUN,
      startedAt: "2026-06-01T03:00:00Z",
      result: "failed",
      done: 2,
      failed: "artifact:dev@2026-06",
      why: "ls: there is no room",
      exitCode: 1,
    };
    const textOf = (...runs: Omit<JournalRun, "startedAt">[]) => {
      const applies = runs.map((run) => ({ startedAt: failed.startedAt, ...run }));
      return statusText(statusIn({ ...THREE, change: { journal: known(applies) } }), plain);
    };
    assert.match(
      textOf(RUN, failed),
      /^✓ dev: .*\n {2}the last apply failed: 2026-06-01 03:00 UTC, exit code 1, ls: there is no\n {2}room\. The log of applies: devbackup report\n/,
    );
    assert.match(textOf({ ...failed, exitCode: null, why: null }), /UTC, artifact:dev@2026-06 failed\. /);
    assert.doesNotMatch(textOf(failed, RUN), /last apply failed/);
  });

  test("what nobody could look at is not what never was", () => {
    const of = (given: Given) => /^ +verified +(.*)$/m.exec(statusText(statusIn(given), plain))?.[1];
    assert.equal(of(THREE), "not yet");
    assert.equal(of({ ...THREE, change: { verified: unknown("no answer") } }), "not known");
  });

  test("what others wrote is shown, not obeyed", () => {
    const given: Given = {
      ...THREE,
      change: { journal: known([{ ...RUN, startedAt: "2026-06-01T03:00:00Z", who: "\u001b[2J" }]) },
    };
    const status = statusIn(given);
    assert.match(statusText(status, plain), /by \\x1b\[2J/);
    assert.match(statusLine({ ...status, verdict: "in-doubt", because: ["a\nb"] }), /^in doubt: a\\nb\n$/);
    assert.equal(
      statusLine({ ...status, verdict: "in-doubt", because: ["a", "b"] }, (next) => `${next} --config x`),
      "in doubt: a (and 1 more: devbackup status --config x)\n",
    );
  });

  test("the JSON document is plain data, with the names of the manual", () => {
    const status = statusIn({ ...THREE, change: { journal, drills, verified } });
    const again = JSON.parse(jsonLine(status)) as Status;
    assert.deepEqual(again, status);
    assert.deepEqual(Object.keys(status), [
      ...["formatVersion", "takenAt", "verdict", "because", "away", "schedule", "cloud"],
      ...["doubts", "advice", "datasets"],
    ]);
    const manual = readFileSync(join(import.meta.dirname, "../../docs/manual.md"), "utf8");
    const [dataset] = again.datasets;
    const [label] = dataset?.history ?? [];
    for (const part of [
      ...[again, dataset, label, again.cloud, dataset?.verification],
      ...[dataset?.drills?.[0], dataset?.applies?.[0], dataset?.newest, dataset?.overdue, dataset?.chain],
      ...[dataset?.nextAnchor, dataset?.space, dataset?.space.server, dataset?.restore],
    ])
      for (const name of Object.keys(part ?? {}))
        assert.ok(manual.includes(`\`${name}\``), `${name} is not in the manual`);
  });
});
