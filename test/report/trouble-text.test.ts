import assert from "node:assert/strict";
import { test } from "node:test";
import type { Trouble } from "../../src/domain/trouble.ts";
import { troubleJson, troubleText } from "../../src/report/trouble-text.ts";
import * as x from "./examples.ts";

const damaged: Trouble = {
  code: "artifact-damaged",
  exitCode: 1,
  host: x.host("ls"),
  what: "dev@2026-03.full.send.zst.age arrived damaged",
  why: "sha256 9f…, expected 3c…; nothing was registered",
  state: "Safe to run again",
  next: "devbackup apply",
};
const bare: Trouble = { code: "desired-state-not-found", exitCode: 1, what: "there is no desired state" };
const numbered = (count: number): string =>
  Array.from({ length: count }, (_, at) => `line ${at + 1}`).join("\n");

const rows: readonly { name: string; trouble: Trouble; width?: number; text: string }[] = [
  {
    name: "what, why, state and next, each on its line",
    trouble: damaged,
    text: `
error: ls: dev@2026-03.full.send.zst.age arrived damaged [artifact-damaged]
  sha256 9f…, expected 3c…; nothing was registered
  Safe to run again.
  next: devbackup apply
`,
  },
  {
    name: "no more than is known",
    trouble: bare,
    text: "error: there is no desired state [desired-state-not-found]\n",
  },
  {
    name: "40 columns",
    trouble: damaged,
    width: 40,
    text: `
error: ls: dev@2026-03.full.send.zst.age
  arrived damaged [artifact-damaged]
  sha256 9f…, expected 3c…; nothing was
  registered
  Safe to run again.
  next: devbackup apply
`,
  },
  {
    name: "a command's stderr keeps its lines, and its controls are shown",
    trouble: { ...bare, why: "ERROR: can't\n\tsend: \u001b[31mno\n\n", state: "Nothing was changed." },
    text: `
error: there is no desired state [desired-state-not-found]
    ERROR: can't
        send: \\x1b[31mno
  Nothing was changed.
`,
  },
  {
    name: "of a long stderr the end is kept",
    trouble: { ...bare, why: numbered(14) },
    text: `
error: there is no desired state [desired-state-not-found]
    … 2 more above
${Array.from({ length: 12 }, (_, at) => `    line ${at + 3}`).join("\n")}
`,
  },
  {
    name: "two commands stand under each other",
    trouble: { ...bare, next: "devbackup init\ndevbackup validate" },
    text: `
error: there is no desired state [desired-state-not-found]
  next: devbackup init
        devbackup validate
`,
  },
];

for (const { name, trouble, width = 80, text } of rows)
  test(`trouble: ${name}`, () =>
    assert.equal(troubleText(trouble, { color: false, width }), text.replace(/^\n/, "")));

test("trouble: as JSON, what is not known is null", () =>
  assert.deepEqual(troubleJson(bare), {
    formatVersion: 1,
    error: {
      code: "desired-state-not-found",
      exitCode: 1,
      host: null,
      what: "there is no desired state",
      why: null,
      state: null,
      next: null,
    },
  }));
