import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { check, desiredBy, MINIMAL, problemsOf } from "./states.ts";

/** Of the one problem of a state, what would be right. */
const rightOf = (text: string): string => {
  const loaded = check(text);
  return loaded.kind === "valid" ? "" : loaded.problems.map(({ right }) => right).join();
};

describe("what day two is declared with", () => {
  test("a schedule, and how its host reaches the others", () => {
    const { schedule } = desiredBy(
      `${MINIMAL}schedule: {on: ls, calendar: daily, reach: {ws: {address: laptop.lan, user: chuck}}}\n`,
    );
    assert.deepEqual(schedule, {
      on: "ls",
      calendar: "daily",
      reach: new Map([["ws", { address: "laptop.lan", port: 22, user: "chuck" }]]),
    });
  });

  test("verify and drill", () => {
    const { verify, drill } = desiredBy(`${MINIMAL}verify: {share: 2.5%}\ndrill: {every: 3 months}\n`);
    assert.deepEqual([verify, drill], [{ share: 0.025 }, { every: { count: 3, unit: "month" } }]);
  });

  test("retention without approval, what is overdue, and hooks", () => {
    const [dataset] = desiredBy(
      `${MINIMAL}    retention: {auto: true}\n    overdue_after: 3 weeks\n    hooks: {before_snapshot: [pg_dumpall, -f, /home/chuck/code/db.sql], after_apply: null, timeout: 90 s}\n`,
    ).datasets;
    assert.equal(dataset?.retention.auto, true);
    assert.deepEqual(dataset?.overdueAfter, { count: 3, unit: "week" });
    assert.deepEqual(dataset?.hooks, {
      beforeSnapshot: ["pg_dumpall", "-f", "/home/chuck/code/db.sql"],
      afterSnapshot: null,
      afterApply: null,
      timeoutMs: 90_000,
    });
  });

  for (const [cadence, count] of [
    ["weekly", 10],
    ["daily", 2],
  ] as const)
    test(`${cadence} labels are overdue after ${count} days`, () =>
      assert.deepEqual(desiredBy(`${MINIMAL}    cadence: ${cadence}\n`).datasets[0]?.overdueAfter, {
        count,
        unit: "day",
      }));

  test("each way of telling people, with the occasions that it is for", () => {
    const { notify } = desiredBy(`${MINIMAL}notify:
  - {ntfy: "https://ntfy.sh/topic", on: [failure]}
  - ntfy: {env: NTFY}
  - healthchecks: {file: ~/hc}
  - slack: {command: [pass, slack]}
  - email: chuck@example.org
  - command: [notify-send, devbackup]
  - prometheus: /var/lib/prometheus/devbackup.prom
`);
    const all = ["start", "success", "warning", "failure"];
    const wrong = ["warning", "failure"];
    assert.deepEqual(notify, [
      { on: ["failure"], way: { kind: "ntfy", url: "https://ntfy.sh/topic" } },
      { on: wrong, way: { kind: "ntfy", url: { kind: "env", name: "NTFY" } } },
      { on: all, way: { kind: "healthchecks", url: { kind: "file", path: "/home/chuck/hc" } } },
      { on: wrong, way: { kind: "slack", url: { kind: "command", argv: ["pass", "slack"] } } },
      { on: wrong, way: { kind: "email", to: "chuck@example.org" } },
      { on: wrong, way: { kind: "command", argv: ["notify-send", "devbackup"] } },
      { on: all, way: { kind: "prometheus", file: "/var/lib/prometheus/devbackup.prom" } },
    ]);
  });
});

const SLACK = "https://hooks.slack.com/services/T0/B0/abcdefghijklmnop";

describe("what day two is declared with, and is not accepted", () => {
  for (const [name, yaml, ...problems] of [
    [
      "a schedule that reaches a host that is not known",
      "schedule: {on: ls, calendar: daily, reach: {lx: {address: a}}}",
      "11:49 there is no host `lx`",
    ],
    [
      "a schedule that reaches itself",
      "schedule: {on: ls, calendar: daily, reach: {ls: {address: a}}}",
      "11:49 `ls` need not reach itself",
    ],
    ["nothing to verify", "verify: {share: 0 %}", '11:17 `verify.share` is "0 %"'],
    ["more than all", "verify: {share: 101 %}", '11:17 `verify.share` is "101 %"'],
    ["a share that is no share", "verify: {share: 10}", "11:17 `verify.share` is 10"],
    ["a drill never", "drill: {every: 0 months}", '11:16 `drill.every` is "0 months"'],
    ["no way of telling", "notify: [{on: [failure]}]", "11:10 this entry names no way of telling"],
    [
      "two ways in one entry",
      "notify: [{email: a@b.c, command: [x]}]",
      "11:18 this entry names both command and email",
    ],
    ["an occasion that is none", "notify: [{email: a, on: [never]}]", '11:26 `notify.0.on.0` is "never"'],
    [
      "a webhook in the clear, over the net",
      'notify: [{ntfy: "http://ntfy.sh/a"}]',
      "11:17 the URL would send requests in the clear to ntfy.sh",
    ],
    [
      "a header in an address",
      'notify: [{email: "a@b.c\\nBcc: d"}]',
      '11:18 `notify.0.email` is "a@b.c\\nBcc: d"',
    ],
    [
      "a textfile that nobody reads",
      "notify: [{prometheus: /var/a.txt}]",
      "11:23 node_exporter reads only files whose names end with .prom",
    ],
    ["a hook as a line for a shell", "HOOK", '11:30 `datasets.dev.hooks.before_snapshot` is "dump it"'],
    ["a time-out that is none", "TIMEOUT", '11:22 `datasets.dev.hooks.timeout` is "soon"'],
    [
      "a secret in the clear",
      `notify: [{slack: "${SLACK}"}]`,
      "11:18 `notify.0.slack` is written in the clear",
    ],
  ] as const)
    test(name, () => {
      const text = yaml
        .replace("HOOK", "    hooks: {before_snapshot: dump it}")
        .replace("TIMEOUT", "    hooks: {timeout: soon}");
      assert.deepEqual(problemsOf(`${MINIMAL}${text}\n`), problems);
    });

  test("the URL of a webhook is not repeated, and the three places of a secret are named", () => {
    const text = `${MINIMAL}notify: [{slack: "${SLACK}"}]\n`;
    const loaded = check(text);
    assert.ok(loaded.kind === "invalid");
    assert.doesNotMatch(JSON.stringify(loaded.problems), /abcdefghijklmnop/);
    assert.match(rightOf(text), /\{env: NAME\}, \{file: PATH\} or \{command:/);
  });
});
