import assert from "node:assert/strict";
import { test } from "node:test";
import { commandLine, wholeCommand } from "../../src/cli/command-line.ts";
import { AGAIN } from "../../src/domain/trouble.ts";
import { assemble } from "../../src/plan/assemble.ts";
import type { Stage } from "../../src/plan/plan.ts";
import { createTally } from "../../src/report/closing-text.ts";
import { artifact, hydrate, plan, snapshot } from "./examples.ts";

/** The last words of an apply that carried out nothing, of these actions, with these stages asked for. */
function closing(asked: readonly Stage[], unseen: readonly string[] = []): string {
  const { createdAt, ...rest } = plan([]);
  const { warnings } = assemble(
    { ...rest, createdAt: new Date(createdAt), labels: new Map(), actions: [snapshot, artifact, hydrate] },
    { host: null, stages: asked },
  );
  const flags = { config: "my state", label: "2026-03", host: "ls", only: asked.join(",") };
  return createTally().closingText(
    {
      event: "finished",
      result: "left-undone",
      done: 0,
      durationMs: 0,
      remaining: [],
      warnings,
      unseen: [...warnings.map(({ text }) => text), ...unseen],
    },
    {
      color: false,
      width: 100,
      quiet: false,
      narrowed: true,
      command: commandLine(AGAIN, flags),
      wholeCommand: wholeCommand(flags),
    },
  );
}

test("what waits for something that was not asked for: next is the command that does both", () => {
  assert.equal(
    closing(["hydrate"]),
    `not verified: hydrate:dev@2026-03 is left out: it needs artifact:dev@2026-03, which is not selected
next: devbackup apply --config 'my state' --label 2026-03
`,
  );
});

test("what could not be looked at is looked at by the same command again", () => {
  assert.match(
    closing(["retention"], ["the bucket did not answer"]),
    /\nnext: devbackup apply --config 'my state' --label 2026-03 --host ls --only retention\n$/,
  );
});
