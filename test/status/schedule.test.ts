import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { known } from "../../src/domain/fact.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import { type ScheduleFacts, scheduleProbe } from "../../src/reconcilers/schedule/schedule-facts.ts";
import { serviceFile } from "../../src/reconcilers/schedule/unit-files.ts";
import { surroundings } from "../../src/report/html/health.ts";
import { statusText } from "../../src/report/status-text.ts";
import { runInDoubt } from "../../src/status/schedule.ts";
import type { DatasetStatus } from "../../src/status/status.ts";
import {
  BARE,
  type Given,
  ls,
  seenWith,
  setUpOn,
  statusWith,
  WHOLE,
  wantedOn,
} from "../reconcilers/schedule-world.ts";

const onLs = (change: Partial<ScheduleFacts>): Given => ({ onLs: known({ ...setUpOn(ls), ...change }) });

/** In one line. */
function line(given: Given): string {
  const text = statusText(statusWith(given), {
    color: false,
    verbose: false,
    width: 80,
    inWords: (next) => `${next} -x`,
  });
  const [, found] = /^ {2}schedule +(.*(?:\n {15}.*)*)$/m.exec(text) ?? [];
  return found?.replaceAll(/\n +/g, " ") ?? assert.fail(text);
}

describe("a schedule in the status", () => {
  const rows: readonly { name: string; given: Given; says: RegExp; doubt?: RegExp; isSetUp?: boolean }[] = [
    { name: "as it should", given: {}, says: /^on ls, daily; next 2026-07-01 03:00 UTC$/, isSetUp: true },
    {
      name: "declared, and not set up",
      given: { onLs: known(BARE) },
      says: /^on ls, daily; not set up like this yet: devbackup apply -x$/,
      doubt: /^the schedule is declared, and not set up yet: nothing runs by itself$/,
    },
    {
      name: "declared otherwise than it stands",
      given: { wanted: { ...wantedOn(ls), calendar: "weekly" } },
      says: /^on ls, weekly; not set up like this yet: .*; what stands there runs next 2026-07-01 03:00 UTC$/,
    },
    ...["disabled inactive", "enabled inactive", "disabled active", "masked inactive", ""].map((timer) => ({
      name: `its timer is "${timer}"`,
      given: onLs({ timer, nextRun: null }),
      says: /not set up like this yet/,
      doubt: /^devbackup\.timer is .*, not enabled and active: nothing runs by itself$/,
    })),
    {
      name: "its timer has no next run",
      given: onLs({ nextRun: null }),
      says: /^on ls, daily$/,
      doubt: /^devbackup\.timer has no next run/,
      isSetUp: true,
    },
    {
      name: "a problem keeps it from being set up: that is the doubt",
      given: { ...onLs({ timer: "disabled inactive" }), asked: { systemd: 249 } },
      says: /not set up like this yet/,
      doubt: /^its systemd is version 249/,
    },
    {
      name: "a run waits to be tried again",
      given: onLs({
        // the timer stays at the time that started it
        nextRun: new Date("2026-01-01T03:00:00Z"),
        retryAt: new Date("2026-06-01T03:25:00Z"),
        lastExit: { at: new Date("2026-06-01T03:10:00Z"), exitCode: 4 },
      }),
      says: /^on ls, daily; the last run ended with exit code 4, 2026-06-01 03:10 UTC: journalctl -u devbackup there says why; tried again at 2026-06-01 03:25 UTC$/,
      isSetUp: true,
    },
    ...Object.entries({
      "the program of the schedule does not run": { programExit: 139 },
      "notify-0, which the schedule's runs need, can't": { secrets: new Set(["notify-0"]) },
      "OpenSSH refuses the key": { key: "644 0" },
      "the key that the schedule logs in with is damaged": { key: "damaged" },
    }).map(([text, broken]) => ({
      name: text,
      given: { asked: { broken: { ...WHOLE, ...broken } } },
      says: /^on ls, daily; not set up like this yet: devbackup apply -x; what stands there runs next/,
      doubt: new RegExp(`^${text}`),
    })),
    ...[139, 243, 137, 203, 1, 5, 6, 2].map((exitCode) => ({
      name: `its last run failed: ${exitCode}`,
      given: onLs({ hasFailed: true, lastExit: { at: new Date("2026-06-01T03:10:00Z"), exitCode } }),
      says: /^on ls, daily; next 2026-07-01 03:00 UTC; the last run ended with exit code \d+, 2026-06-01 03:10 UTC/,
      doubt: new RegExp(
        `^the last run of the schedule ended with exit code ${exitCode}, 2026-06-01 03:10 UTC: journalctl -u devbackup there says why$`,
      ),
      isSetUp: true,
    })),
    ...[3, 4, 130].map((exitCode) => ({
      name: `its last run ended with what passes: ${exitCode}`,
      given: onLs({ hasFailed: true, lastExit: { at: new Date("2026-06-01T03:10:00Z"), exitCode } }),
      says: /the last run ended with exit code/,
      isSetUp: true,
    })),
    {
      name: "a run that had failed was told of with systemctl reset-failed",
      given: onLs({ lastExit: { at: new Date("2026-06-01T03:10:00Z"), exitCode: 139 } }),
      says: /the last run ended with exit code 139/,
      isSetUp: true,
    },
    {
      name: "its last run was good",
      given: onLs({ lastExit: { at: new Date("2026-06-01T03:10:00Z"), exitCode: 0 } }),
      says: /^on ls, daily; next 2026-07-01 03:00 UTC$/,
      isSetUp: true,
    },
  ];
  for (const { name, given, says, doubt, isSetUp = false } of rows)
    test(name, () => {
      const { schedule, doubts, verdict } = statusWith(given);
      assert.match(line(given), says);
      assert.equal(schedule?.isSetUp, isSetUp);
      assert.deepEqual([doubts.length, verdict === "in-doubt"], doubt === undefined ? [0, false] : [1, true]);
      assert.match(doubts[0]?.text ?? "", doubt ?? /^$/);
    });
});

test("a run that failed is made good by an apply that is done later, one that could not run by another run alone", () => {
  const at = new Date("2026-06-01T03:10:00Z");
  const doubts = (exitCode: number, startedAt: string, result: string) => {
    const { desired, observed, request } = seenWith(onLs({ hasFailed: true, lastExit: { at, exitCode } }));
    const applies = [{ startedAt, result }] as unknown as DatasetStatus["applies"];
    return runInDoubt(desired, observed, planFrom(desired, observed, request), [{ applies }]).length;
  };
  for (const code of [1, 5, 6]) {
    assert.equal(doubts(code, "2026-06-02T09:00:00Z", "done"), 0);
    assert.equal(doubts(code, "2026-06-02T09:00:00Z", "failed"), 1);
    assert.equal(doubts(code, "2026-06-01T03:00:00Z", "done"), 1);
  }
  assert.equal(doubts(139, "2026-06-02T09:00:00Z", "done"), 1);
});

test("that a run has failed is systemd's to say", () => {
  const hasFailed = (state: string) => {
    const facts = scheduleProbe(ls).parse(`machine x86_64\nSubState=${state}\n`);
    return facts.kind === "known" ? facts.value.hasFailed : assert.fail();
  };
  assert.deepEqual(["failed", "auto-restart", "dead", "running"].map(hasFailed), [true, false, false, false]);
});

test("the page says it, too", () => {
  const page = (given: Given) => surroundings(statusWith(given)).markup.replaceAll(/<[^>]*>/g, "");
  assert.match(
    page({ onLs: known(BARE) }),
    /^To run by itself on ls \(daily\); not set up like this yet: devbackup apply\./,
  );
  assert.match(
    page({ wanted: { ...wantedOn(ls), calendar: "weekly" } }),
    /\(weekly\), next .* It is not set up like this yet/,
  );
  const waits = {
    // the timer stays at the time that started it
    nextRun: new Date("2026-01-01T03:00:00Z"),
    lastRun: new Date("2026-06-01T03:00:00Z"),
    retryAt: new Date("2026-06-01T03:25:00Z"),
    lastExit: { at: new Date("2026-06-01T03:10:00Z"), exitCode: 4 },
  };
  assert.doesNotMatch(page(onLs(waits)), /next/);
  assert.match(page(onLs(waits)), /, the last was .* and ended with exit code 4; tried again at .*03:25/);
});

test("a run that is stopped is told alone, and has its time", () => {
  const unit = serviceFile({ secrets: new Map(), stopSeconds: 321 });
  assert.match(unit, /^KillMode=mixed\nTimeoutStopSec=321s$/m);
});
