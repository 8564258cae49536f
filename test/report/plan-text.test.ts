import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { approveCommand, approveCommands } from "../../src/plan/approval.ts";
import { createTally } from "../../src/report/closing-text.ts";
import { planJson } from "../../src/report/plan-json.ts";
import { type PlanTextOptions, planText } from "../../src/report/plan-text.ts";
import * as x from "./examples.ts";

const plain: PlanTextOptions = { color: false, verbose: false, width: 80 };
const all = x.plan([x.packages, x.snapshot, x.artifact, x.workingCopy, x.removal], {
  warnings: [x.noRecovery],
});

const rows: readonly {
  name: string;
  plan: ReturnType<typeof x.plan>;
  options?: Partial<PlanTextOptions>;
  text: string;
}[] = [
  {
    name: "nothing to do",
    plan: x.plan([]),
    text: "Nothing to do. dev stands at 2026-03 everywhere it should.\n",
  },
  {
    name: "nothing to do for two datasets",
    plan: x.plan([], { labels: { dev: x.label("2026-03"), photos: x.label("2026-W11") } }),
    text: "Nothing to do. dev stands at 2026-03, photos at 2026-W11 everywhere they should.\n",
  },
  {
    name: "a part with nothing to do does not speak for the whole",
    plan: x.plan([]),
    options: { narrowed: true },
    text: "Nothing to do in the part that was asked for.\n",
  },
  {
    name: "a problem is never mistaken for nothing to do",
    plan: x.plan([], { problems: [x.notBtrfs] }),
    text: `
error: dev on ws: /home/chuck/code is on ext4, which has no snapshots
  [not-on-btrfs]
  next: move it to a Btrfs filesystem, or name another path under datasets.dev.path

Nothing is applied before the error above is put right.
`,
  },
  {
    name: "problems alone, not what rests on what could be seen",
    plan: x.plan([x.snapshot], { problems: [x.notBtrfs] }),
    text: `
error: dev on ws: /home/chuck/code is on ext4, which has no snapshots
  [not-on-btrfs]
  next: move it to a Btrfs filesystem, or name another path under datasets.dev.path

Nothing is applied before the error above is put right. 1 action planned besides
(--verbose shows it).
`,
  },
  {
    name: "problems stand last, where they are seen",
    plan: x.plan([x.snapshot], { problems: [x.notBtrfs] }),
    options: { verbose: true },
    text: `
dev on ws
  + take the read-only snapshot dev@2026-03  [snapshot:dev@2026-03]
    no snapshot for this period

error: dev on ws: /home/chuck/code is on ext4, which has no snapshots
  [not-on-btrfs]
  next: move it to a Btrfs filesystem, or name another path under datasets.dev.path

Plan: 1 to create, 0 to change, 0 to delete.
Nothing is applied before the error above is put right.
`,
  },
  {
    name: "warnings, places in the plan's order, a hazard with its details",
    plan: all,
    text: `
warning: nobody but the server can open the backups:
  encryption.recovery_recipients is empty [no-recovery-recipient]

ls
  + install zstd, age and curl  [packages:ls]
    missing: zstd, age, curl

dev on ws
  + take the read-only snapshot dev@2026-03  [snapshot:dev@2026-03]
    no snapshot for this period

dev on ls
  + make and store the increment dev@2026-03  [artifact:dev@2026-03]
    increment: increments since dev@2026-01 are 312 MiB, the anchor is 1.1 GiB
  ~ bring the working copy to dev@2026-03  [working-copy:dev]
    it stands at dev@2026-02
! - delete the server snapshot dev@2025-12  [retention:ls:dev@2025-12]
    keep_last: 2 keeps dev@2026-02 and dev@2026-03
    destructive: done only when approved
    · /srv/btrfs-backups/dev/restore/worktree_receive/dev@2025-12

Plan: 3 to create, 1 to change, 1 to delete.

! 1 action waits for approval:
    devbackup apply --approve retention:ls:dev@2025-12
`,
  },
  {
    name: "a place that comes again gets its heading again",
    plan: x.plan([x.snapshot, x.hydrate, { ...x.snapshot, id: x.id("snapshot:dev@2026-04") }]),
    text: `
dev on ws
  + take the read-only snapshot dev@2026-03  [snapshot:dev@2026-03]
    no snapshot for this period

dev on ls
  + receive dev@2026-03 on the server  [hydrate:dev@2026-03]
    it is registered and not yet hydrated

dev on ws
  + take the read-only snapshot dev@2026-03  [snapshot:dev@2026-04]
    no snapshot for this period

Plan: 3 to create, 0 to change, 0 to delete.
`,
  },
  {
    name: "40 columns: prose is wrapped, commands and ids stay whole",
    plan: x.plan([x.artifact, x.removal]),
    options: { width: 40 },
    text: `
dev on ls
  + make and store the increment
    dev@2026-03  [artifact:dev@2026-03]
    increment: increments since
    dev@2026-01 are 312 MiB, the anchor
    is 1.1 GiB
! - delete the server snapshot
    dev@2025-12
    [retention:ls:dev@2025-12]
    keep_last: 2 keeps dev@2026-02 and
    dev@2026-03
    destructive: done only when approved
    · /srv/btrfs-backups/dev/restore/worktree_receive/dev@2025-12

Plan: 1 to create, 0 to change, 1 to delete.

! 1 action waits for approval:
    devbackup apply --approve retention:ls:dev@2025-12
`,
  },
  {
    name: "verbose shows the details of what is harmless too",
    plan: x.plan([x.packages]),
    options: { verbose: true },
    text: `
ls
  + install zstd, age and curl  [packages:ls]
    missing: zstd, age, curl
    · apt-get install zstd age curl

Plan: 1 to create, 0 to change, 0 to delete.
`,
  },
  {
    name: "what is approved does not wait, and the command has the user's flags",
    plan: x.plan([x.removal, { ...x.removal, id: x.id("retention:ls:dev@2025-11") }]),
    options: { approved: ({ id }) => id === x.removal.id, command: "devbackup apply --config home.yaml" },
    text: `
dev on ls
! - delete the server snapshot dev@2025-12  [retention:ls:dev@2025-12]
    keep_last: 2 keeps dev@2026-02 and dev@2026-03
    destructive: done only when approved
    · /srv/btrfs-backups/dev/restore/worktree_receive/dev@2025-12
! - delete the server snapshot dev@2025-12  [retention:ls:dev@2025-11]
    keep_last: 2 keeps dev@2026-02 and dev@2026-03
    destructive: done only when approved
    · /srv/btrfs-backups/dev/restore/worktree_receive/dev@2025-12

Plan: 0 to create, 0 to change, 2 to delete.

! 1 action waits for approval:
    devbackup apply --config home.yaml --approve retention:ls:dev@2025-11
`,
  },
  {
    name: "where somebody is asked in a moment, no command is given for it",
    plan: x.plan([x.removal]),
    options: { asks: true },
    text: `
dev on ls
! - delete the server snapshot dev@2025-12  [retention:ls:dev@2025-12]
    keep_last: 2 keeps dev@2026-02 and dev@2026-03
    destructive: done only when approved
    · /srv/btrfs-backups/dev/restore/worktree_receive/dev@2025-12

Plan: 0 to create, 0 to change, 1 to delete.

! 1 action waits for approval: you are asked for each.
`,
  },
  {
    name: "while an error stands, no approval is offered: it would let nothing through",
    plan: x.plan([x.removal], { problems: [x.notBtrfs] }),
    options: { verbose: true },
    text: `
dev on ls
! - delete the server snapshot dev@2025-12  [retention:ls:dev@2025-12]
    keep_last: 2 keeps dev@2026-02 and dev@2026-03
    destructive: done only when approved
    · /srv/btrfs-backups/dev/restore/worktree_receive/dev@2025-12

error: dev on ws: /home/chuck/code is on ext4, which has no snapshots
  [not-on-btrfs]
  next: move it to a Btrfs filesystem, or name another path under datasets.dev.path

Plan: 0 to create, 0 to change, 1 to delete.
Nothing is applied before the error above is put right.
`,
  },
  {
    name: "what a host or a file smuggles in is shown, not obeyed",
    plan: x.plan([{ ...x.snapshot, summary: "take \u001b[2Jit", reason: "a\nPlan: 0 to create" }]),
    text: `
dev on ws
  + take \\x1b[2Jit  [snapshot:dev@2026-03]
    a\\nPlan: 0 to create

Plan: 1 to create, 0 to change, 0 to delete.
`,
  },
];

for (const { name, plan, options, text } of rows)
  test(`plan: ${name}`, () =>
    assert.equal(planText(plan, { ...plain, ...options }), text.replace(/^\n/, "")));

test("plan: colour changes nothing but the colour", () => {
  const colored = planText(all, { ...plain, color: true });
  assert.equal(stripVTControlCharacters(colored), planText(all, plain));
  assert.ok(colored.includes(" \u001b[32m+\u001b[39m take"));
  assert.ok(!planText(all, plain).includes("\u001b"));
});

test("what waits for approval is let through by one command for each kind", () => {
  const of = (...ids: string[]) => ids.map((id) => ({ id: x.id(id), kind: id.split(":")[0] ?? "" }));
  assert.deepEqual(approveCommands([]), []);
  assert.deepEqual(approveCommands(of("sign:dev")), ["devbackup apply --approve sign:dev"]);
  assert.deepEqual(
    approveCommands(of("retention:dev/a", "sign:dev", "retention:dev/b"), "devbackup apply --dataset dev"),
    ["devbackup apply --dataset dev --approve retention", "devbackup apply --dataset dev --approve sign:dev"],
  );
});

test("plan, and what apply says last, have it so", () => {
  const removals = ["a", "b"].map((name) => ({ ...x.removal, id: x.id(`retention:${name}`) }));
  const command = "devbackup apply --config home.yaml";
  const one = `${command} --approve retention\n`;
  const options = { color: false, width: 80, command };
  assert.ok(
    planText(x.plan(removals), { ...options, verbose: false }).endsWith(
      `2 actions wait for approval:\n    ${one}`,
    ),
  );
  const tally = createTally();
  for (const { id } of removals)
    tally.note({ event: "action-skipped", id, because: "unapproved", detail: "" });
  const finished = { event: "finished", result: "left-undone", done: 0, durationMs: 0 } as const;
  const said = tally.closingText({ ...finished, remaining: removals }, { ...options, quiet: false });
  assert.ok(said.endsWith(`\nnext: ${one}`), said);
  const mixed = tally.closingText(
    { ...finished, remaining: [...removals, x.artifact] },
    { ...options, quiet: false },
  );
  assert.ok(mixed.endsWith(`\nto approve: ${one}next: ${command}\n`), mixed);
});

test("plan: an id that a shell would take apart is quoted", () => {
  assert.equal(approveCommand(x.id("nested:dev:/a b")), "devbackup apply --approve 'nested:dev:/a b'");
  assert.equal(approveCommand(x.id("it's")), "devbackup apply --approve 'it'\\''s'");
});

test("plan: the JSON document has what the contract names, and no input", () => {
  const { actions, ...document } = planJson(all);
  assert.deepEqual(Object.keys(document), [
    "formatVersion",
    "createdAt",
    "mode",
    "labels",
    "warnings",
    "notes",
    "problems",
    "summary",
  ]);
  assert.equal(document.summary.total, 5);
  const { input: _input, ...published } = x.snapshot;
  assert.deepEqual(actions[1], published);
  const doubtful = x.action({ ...x.snapshot, exitCode: 6 });
  assert.equal(planJson(x.plan([doubtful])).actions[0]?.exitCode, 6);
  assert.doesNotMatch(JSON.stringify(planJson(all)), /input|never shown/);
});
