import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { ApplyEvent } from "../../src/apply/events.ts";
import type { Trouble } from "../../src/domain/trouble.ts";
import type { ProgressOptions } from "../../src/report/progress.ts";
import { createProgress } from "../../src/report/show-progress.ts";
import * as x from "./examples.ts";

const MIB = 1024 * 1024;
const STARTED_MS = Date.parse("2026-03-01T03:00:00Z");

const damaged: Trouble = {
  code: "artifact-damaged",
  exitCode: 1,
  host: x.host("ls"),
  what: "dev@2026-03 arrived damaged",
  why: "sha256 9f…, expected 3c…",
  state: "Safe to run again",
  next: "devbackup apply",
};

/** An event, and after how many seconds it comes. */
type Script = readonly (readonly [number, ApplyEvent])[];
const started = (...actions: Parameters<typeof x.plan>[0]): ApplyEvent => ({
  event: "started",
  plan: x.plan(actions),
  approved: [],
});
const begin = (action: typeof x.artifact): ApplyEvent => ({ event: "action-started", action });
const bytes = (mib: number): ApplyEvent => ({
  event: "progress",
  id: x.artifact.id,
  bytes: mib * MIB,
  totalBytes: 360 * MIB,
});
const done = (action: typeof x.artifact, durationMs: number, outcome: string | null = null): ApplyEvent => ({
  event: "action-done",
  id: action.id,
  durationMs,
  outcome,
});
const skipped = (
  action: typeof x.artifact,
  because: "unapproved" | "needs" | "interrupted",
  detail: string,
): ApplyEvent => ({ event: "action-skipped", id: action.id, because, detail });

const scripts: Record<"good" | "failing" | "interrupted" | "approval" | "nothing", Script> = {
  good: [
    [0, started(x.snapshot, x.artifact)],
    [0, begin(x.snapshot)],
    [0.3, done(x.snapshot, 300)],
    [0.3, begin(x.artifact)],
    [1.3, bytes(0)],
    [6.3, bytes(100)],
    [10.3, bytes(180)],
    [11.3, bytes(200)],
    [20.3, done(x.artifact, 20_000, "360 MiB, sha256 9f2c")],
    [21, { event: "finished", result: "done", done: 2, durationMs: 21_000, remaining: [] }],
  ],
  failing: [
    [0, started(x.artifact, x.hydrate)],
    [0, begin(x.artifact)],
    [4, { event: "action-failed", id: x.artifact.id, durationMs: 4000, trouble: damaged }],
    [4, skipped(x.hydrate, "needs", x.artifact.id)],
    [
      5,
      { event: "finished", result: "failed", done: 0, durationMs: 5000, remaining: [x.artifact, x.hydrate] },
    ],
  ],
  interrupted: [
    [0, started(x.artifact, x.hydrate)],
    [0, begin(x.artifact)],
    [2, skipped(x.hydrate, "interrupted", "")],
    [2, { event: "finished", result: "interrupted", done: 0, durationMs: 2000, remaining: null }],
  ],
  approval: [
    [0, started(x.removal)],
    [0, skipped(x.removal, "unapproved", `devbackup apply --approve ${x.removal.id}`)],
    [1, { event: "finished", result: "left-undone", done: 0, durationMs: 1000, remaining: [x.removal] }],
  ],
  nothing: [
    [0, started()],
    [0, { event: "finished", result: "nothing-to-do", done: 0, durationMs: 100, remaining: [] }],
  ],
};

async function run(script: Script, options: Partial<ProgressOptions>): Promise<{ out: string; err: string }> {
  const written = { out: "", err: "" };
  const into = (name: "out" | "err"): Writable =>
    new Writable({
      write(chunk, _encoding, callback) {
        written[name] += String(chunk);
        callback();
      },
    });
  let nowMs = STARTED_MS;
  const progress = createProgress({
    kind: "plain",
    out: into("out"),
    err: into("err"),
    color: false,
    quiet: false,
    now: () => nowMs,
    ...options,
  });
  for (const [seconds, event] of script) {
    nowMs = STARTED_MS + seconds * 1000;
    progress.emit(event);
  }
  await progress.end();
  return written;
}

const failure = `
error: ls: dev@2026-03 arrived damaged [artifact-damaged]
  sha256 9f…, expected 3c…
  Safe to run again.
  next: devbackup apply
`;
const failedEnd = `
failed: 2 actions left undone
  + make and store the increment dev@2026-03  [artifact:dev@2026-03]
    failed: dev@2026-03 arrived damaged
  + receive dev@2026-03 on the server  [hydrate:dev@2026-03]
    waits for artifact:dev@2026-03
next: devbackup apply
`;
const interruptedEnd = `
interrupted: 2 actions left undone
not verified: the plan afterwards could not be made
  + make and store the increment dev@2026-03  [artifact:dev@2026-03]
    interrupted while it ran
  + receive dev@2026-03 on the server  [hydrate:dev@2026-03]
    interrupted before it began
next: devbackup apply
`;
const approvalEnd = `
1 action waits for approval; nothing else is left
! - delete the server snapshot dev@2025-12  [retention:ls:dev@2025-12]
    not approved
next: devbackup apply --approve retention:ls:dev@2025-12
`;

const rows: readonly {
  name: string;
  script: keyof typeof scripts;
  options?: Partial<ProgressOptions>;
  out: string;
  err?: string;
}[] = [
  {
    name: "plain: a line for each event, progress every ten seconds",
    script: "good",
    out: `
ws  snapshot:dev@2026-03  started: take the read-only snapshot dev@2026-03
ws  snapshot:dev@2026-03  done in 0.3 s
ls  artifact:dev@2026-03  started: make and store the increment dev@2026-03
ls  artifact:dev@2026-03  180 MiB of 360 MiB · 20 MiB/s · 0:10 · 0:09 left
ls  artifact:dev@2026-03  done in 20 s: 360 MiB, sha256 9f2c
2 actions done in 21 s
verified: nothing left to do
`,
  },
  {
    name: "plain, quiet: the last line",
    script: "good",
    options: { quiet: true },
    out: "\nverified: nothing left to do\n",
  },
  {
    name: "tty, quiet: the last line",
    script: "good",
    options: { quiet: true, kind: "tty" },
    out: "\nverified: nothing left to do\n",
  },
  {
    name: "plain: nothing to do in a part",
    script: "nothing",
    options: { narrowed: true },
    out: "\nverified: nothing left to do in the part that was asked for\n",
  },
  { name: "plain: nothing to do", script: "nothing", out: "\nverified: nothing left to do\n" },
  {
    name: "tty: nothing to do",
    script: "nothing",
    options: { kind: "tty" },
    out: "\nverified: nothing left to do\n",
  },
  {
    name: "plain: a failure and what waited for it",
    script: "failing",
    out: `
ls  artifact:dev@2026-03  started: make and store the increment dev@2026-03
ls  artifact:dev@2026-03  failed after 4 s
ls  hydrate:dev@2026-03  skipped: waits for artifact:dev@2026-03${failedEnd}`,
    err: failure,
  },
  {
    name: "plain, quiet: a failure is told",
    script: "failing",
    options: { quiet: true },
    out: failedEnd,
    err: failure,
  },
  {
    name: "plain: interrupted",
    script: "interrupted",
    out: `
ls  artifact:dev@2026-03  started: make and store the increment dev@2026-03
ls  hydrate:dev@2026-03  skipped: interrupted before it began${interruptedEnd}`,
  },
  {
    name: "plain: what waits for approval has its command",
    script: "approval",
    out: `
ls  retention:ls:dev@2025-12  skipped: not approved; to approve: devbackup apply --approve retention:ls:dev@2025-12${approvalEnd}`,
  },
];

for (const { name, script, options = {}, out, err = "" } of rows)
  test(`progress, ${name}`, async () =>
    assert.deepEqual(await run(scripts[script], options), {
      out: out.replace(/^\n/, ""),
      err: err.replace(/^\n/, ""),
    }));

test("progress: the many that were not begun are counted, not named a second time", async () => {
  const waiting = ["a", "b", "c"].map((name) => ({ ...x.hydrate, id: x.id(`hydrate:${name}`) }));
  const { out } = await run(
    [
      [0, started(x.removal, ...waiting)],
      [0, skipped(x.removal, "unapproved", `devbackup apply --approve ${x.removal.id}`)],
      ...waiting.map((action) => [0, skipped(action, "needs", x.removal.id)] as const),
      [
        1,
        {
          event: "finished",
          result: "left-undone",
          done: 0,
          durationMs: 1000,
          remaining: [x.removal, ...waiting],
        },
      ],
    ],
    { quiet: true },
  );
  assert.equal(
    out,
    `1 action waits for approval, and 3 more for it; nothing else is left
! - delete the server snapshot dev@2025-12  [retention:ls:dev@2025-12]
    not approved
    … and 3 more that were not begun
next: devbackup apply --approve retention:ls:dev@2025-12
`,
  );
});

test("progress on a terminal that does not know its width is plain", async () => {
  let text = "";
  const serial = new Writable({
    write(chunk, _encoding, callback) {
      text += String(chunk);
      callback();
    },
  });
  await run(scripts.good, { kind: "tty", out: Object.assign(serial, { columns: 0 }) });
  assert.equal(text, (await run(scripts.good, { kind: "plain" })).out);
});

/** What stands on the screen when all is over: what was written since the list was last taken away. */
const screen = (written: string): string =>
  stripVTControlCharacters(written.slice(written.lastIndexOf("\u001b[G") + 3)).replaceAll(
    /^[✔√↓✖×] /gmu,
    "* ",
  );

const tty: readonly { name: string; script: keyof typeof scripts; out: string }[] = [
  {
    name: "what was done, how long it took, what came of it",
    script: "good",
    out: `
* ws  take the read-only snapshot dev@2026-03 · 0.3 s
* ls  make and store the increment dev@2026-03 · 20 s · 360 MiB, sha256 9f2c

2 actions done in 21 s
verified: nothing left to do
`,
  },
  {
    name: "a failure",
    script: "failing",
    out: `
* ls  make and store the increment dev@2026-03
  failed after 4 s: dev@2026-03 arrived damaged
* ls  receive dev@2026-03 on the server
  skipped: waits for artifact:dev@2026-03
${failedEnd}`,
  },
  {
    name: "an interruption ends what was running, and passes over the rest without a line for each",
    script: "interrupted",
    out: `
* ls  make and store the increment dev@2026-03 · interrupted while it ran
${interruptedEnd}`,
  },
  {
    name: "the command that approves is not broken into lines",
    script: "approval",
    out: `
* ls  delete the server snapshot dev@2025-12 · skipped: not approved
${approvalEnd}`,
  },
];

for (const { name, script, out } of tty)
  test(`progress, tty: ${name}`, async () => {
    const written = await run(scripts[script], { kind: "tty", width: 78 });
    assert.ok(!/\[[0-9;]*m/.test(written.out + written.err), "no colour unasked");
    assert.equal(screen(written.out), out.replace(/^\n/, ""));
    assert.equal(stripVTControlCharacters(written.err), script === "failing" ? failure : "");
  });

test("progress, tty: apply that breaks off without a last word leaves nothing hanging", async () => {
  const written = await run(
    [
      [0, started(x.snapshot, x.artifact)],
      [0, begin(x.snapshot)],
    ],
    { kind: "tty" },
  );
  assert.equal(
    screen(written.out),
    "* ws  take the read-only snapshot dev@2026-03 · interrupted while it ran\n",
  );
  assert.ok(written.out.endsWith("\u001b[?25h"), "the cursor is shown again");
});

test("progress, json: one object a line, text for people on stderr", async () => {
  const { out, err } = await run(scripts.failing, { kind: "json" });
  const lines = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ formatVersion, ts, event }) => [formatVersion, ts, event]),
    [
      [1, "2026-03-01T03:00:00.000Z", "started"],
      [1, "2026-03-01T03:00:00.000Z", "action-started"],
      [1, "2026-03-01T03:00:04.000Z", "action-failed"],
      [1, "2026-03-01T03:00:04.000Z", "action-skipped"],
      [1, "2026-03-01T03:00:05.000Z", "finished"],
    ],
  );
  assert.equal(lines[0].plan.summary.total, 2);
  assert.deepEqual(lines[2].trouble, damaged);
  assert.equal(lines[4].remaining.length, 2);
  assert.doesNotMatch(out, /never shown/);
  assert.equal(`\n${err}`, failure + failedEnd.slice(1));
});

test("progress: what went wrong besides is told whole when it comes, and once more at the end", async () => {
  const trouble: Trouble = {
    code: "hook-failed",
    exitCode: 1,
    host: x.host("ws"),
    why: "no such service",
    what: "after_snapshot of dev ended with exit code 5",
    state: "The snapshot was taken, and the backup goes on; what was to start again may stand still",
    next: "on ws, as root: cd / && systemctl start gitea",
  };
  const script: Script = [
    [0, started(x.snapshot)],
    [0, begin(x.snapshot)],
    [1, { event: "trouble", dataset: x.dataset("dev"), trouble }],
    [1, done(x.snapshot, 1000)],
    [2, { event: "finished", result: "done", done: 1, durationMs: 2000, remaining: [] }],
  ];
  const whole =
    "error: ws: after_snapshot of dev ended with exit code 5 [hook-failed]\n" +
    "  no such service\n" +
    "  The snapshot was taken, and the backup goes on; what was to start again may\n" +
    "  stand still.\n" +
    "  next: on ws, as root: cd / && systemctl start gitea\n";
  const end =
    "1 action done in 2 s\nverified: nothing left to do\n" +
    "besides: ws: after_snapshot of dev ended with exit code 5\n";
  const plain = await run(script, {});
  assert.deepEqual([plain.out.endsWith(end), plain.err], [true, whole], plain.out + plain.err);
  const tty = await run(script, { kind: "tty", width: 80 });
  assert.ok(screen(tty.out).endsWith(end), tty.out);
  assert.equal(stripVTControlCharacters(tty.err), `\n${whole}`);
  const json = await run(script, { kind: "json" });
  assert.match(json.out, /"event":"trouble","dataset":"dev","trouble":\{"code":"hook-failed"/);
  assert.equal(json.err, whole + end);
});
