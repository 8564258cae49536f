import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { NotifySpec } from "../../src/desired-state/desired-state.ts";
import { known } from "../../src/domain/fact.ts";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { isAdvice } from "../../src/plan/advice.ts";
import type { Warning } from "../../src/plan/plan.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import { notifyAsked } from "../../src/reconcilers/hooks/notify-asked.ts";
import { type Found, lookScript, readFound } from "../../src/reconcilers/machine/root-alone.ts";
import { WHOLE } from "./schedule-world.ts";
import { lookAt } from "./world.ts";

const LS = "ls" as HostName;
const notifyOf = (program: string, file: string): NotifySpec[] => [
  { on: [], way: { kind: "email", to: "chuck@example.org" } },
  { on: [], way: { kind: "command", argv: [program, "devbackup"] } },
  { on: [], way: { kind: "prometheus", file: file as AbsolutePath } },
];
const NOTIFY = notifyOf("/home/dev/tell", "/var/lib/metrics/devbackup.prom");

function warningsWhere(found: Found): Warning[] {
  const { desired, observed, request } = lookAt({ rows: "2026-01 full 100", target: "2026-02" });
  const schedule = { on: LS, calendar: "daily", reach: new Map() };
  const asked = known({
    calendar: { kind: "taken" as const, next: null },
    identities: new Set<string>(),
    notified: found,
    broken: WHOLE,
    systemd: 252,
  });
  const { warnings } = planFrom(
    { ...desired, notify: NOTIFY, schedule: schedule as never },
    { ...observed, schedule: { there: new Map(), asked } },
    request,
  );
  return warnings.filter(({ code }) => /^notify-|^textfile-/.test(code));
}

test("under a schedule a program of notify that others can change is told of, once, and one that is not there", () => {
  assert.deepEqual(
    warningsWhere(
      new Map([
        ["notify.1", "open"],
        ["notify.2", "open"],
      ]),
    ).map((warning) => [warning.host, warning.code, warning.text.split(/[:,] /)[0], isAdvice(warning)]),
    [
      ["ls", "notify-open", "notify.1 runs /home/dev/tell as root", false],
      ["ls", "textfile-open", "others than root can change /var/lib/metrics", true],
    ],
  );
  assert.deepEqual(
    warningsWhere(
      new Map([
        ["notify.1", "missing"],
        ["notify.2", "missing"],
      ]),
    ).map(({ code, text }) => [code, text]),
    [
      [
        "notify-missing",
        "the program of notify.1 is not there: /home/dev/tell. Nobody is told by it before it is; backups are made all the same",
      ],
      [
        "notify-missing",
        "there is no folder /var/lib/metrics for the textfile of notify.2: mkdir -p /var/lib/metrics. Prometheus hears nothing before there is; backups are made all the same",
      ],
    ],
  );
  assert.deepEqual(warningsWhere(new Map()), []);
});

test("a look at what notify starts and writes to", {
  skip: process.getuid?.() !== 0 ? "needs root: its own files" : false,
}, () => {
  const top = mkdtempSync("/tmp/notified-");
  try {
    for (const folder of ["own", "theirs"]) mkdirSync(join(top, folder));
    writeFileSync(join(top, "own/tell"), "", { mode: 0o755 });
    symlinkSync("/mnt/own", join(top, "theirs/turn"));
    chownSync(join(top, "theirs"), 1000, 0);
    const look = (program: string, file: string): Found =>
      readFound(
        execFileSync(
          "unshare",
          ["-m", "sh", "-c", `mount --bind ${top} /mnt\n${lookScript(notifyAsked(notifyOf(program, file)))}`],
          { encoding: "utf8" },
        ),
      );
    assert.deepEqual([...look("/mnt/own/tell", "/mnt/own/x.prom")], []);
    assert.deepEqual(
      [...look("/mnt/theirs/turn/tell", "/mnt/theirs/turn/x.prom")],
      [
        ["notify.1", "open"],
        ["notify.2", "open"],
      ],
    );
    assert.deepEqual(
      [...look("/mnt/none/tell", "/mnt/none/x.prom")],
      [
        ["notify.1", "missing"],
        ["notify.2", "missing"],
      ],
    );
  } finally {
    rmSync(top, { recursive: true });
  }
});
