import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import type { ApplyEvent } from "../../src/apply/events.ts";
import { openTerminal } from "../../src/cli/terminal.ts";
import { checkDesiredState } from "../../src/desired-state/load.ts";
import { problemOf } from "../../src/desired-state/problem.ts";
import { renderProblems } from "../../src/desired-state/render-problems.ts";
import type { Code } from "../../src/domain/code.ts";
import { jsonLine } from "../../src/domain/printable.ts";
import type { Trouble } from "../../src/domain/trouble.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { recoveryPage } from "../../src/recovery/page.ts";
import { checksText } from "../../src/report/checks-text.ts";
import { explainText } from "../../src/report/explain-text.ts";
import { reportPage } from "../../src/report/html/page.ts";
import { importText } from "../../src/report/import-text.ts";
import { keysText } from "../../src/report/keys-text.ts";
import { planJson } from "../../src/report/plan-json.ts";
import { planText } from "../../src/report/plan-text.ts";
import { rebuildText } from "../../src/report/rebuild-text.ts";
import { restoreChainText } from "../../src/report/restore-chain-text.ts";
import { createProgress } from "../../src/report/show-progress.ts";
import { troubleText } from "../../src/report/trouble-text.ts";
import { pageHtml, pageText, rescuePage } from "../../src/rescue/page.ts";
import { settingsFor } from "../../src/rescue/settings.ts";
import { check } from "../properties/checking.ts";
import { desired } from "../reconcilers/world.ts";
import { action, dataset, host, id, plan } from "./examples.ts";
import { statusWith } from "./html/statuses.ts";

/** Clears the screen, hides text, turns it round, breaks lines, sets the title, and half of a character. */
const BITS = ["\u001b[2J", "\u001b[8m", "\u009b2J", "\u202e", "\u2066", "\u2028", "\r", "\n", "\t", "\0"];
const hostile = fc
  .array(fc.constantFrom(...BITS, "\u001b]0;x\u0007", "\ud800", "\u{e0001}", "a b", "'", "<b>", "é"), {
    maxLength: 6,
  })
  .map((bits) => bits.join(""));

/** What a terminal obeys, or does not show. Our own line breaks and styles are taken out before. */
const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what `styleText` writes
const OURS = /\n|\u001b\[(?:1|2|22|3[1236]|39)m/g;
const assertShown = (what: string, text: string): void => {
  const found = OBEYED.exec(text.replace(OURS, ""));
  assert.equal(found, null, `${what} lets ${JSON.stringify(found?.[0])} through: ${JSON.stringify(text)}`);
};

const troubleWith = (text: string): Trouble => ({
  code: "unknown-state",
  exitCode: 1,
  host: host(text),
  what: text,
  why: `${text}\n${text}`,
  state: text,
  next: text,
});
const planWith = (text: string): Plan => {
  const about = { code: text as Code, host: host(text), dataset: dataset(text), text };
  return plan(
    [
      action({
        id: id(`a:${text}`),
        host: host(text),
        dataset: dataset(text),
        summary: text,
        reason: text,
        details: [text],
        hazard: "destructive",
        kind: text,
      }),
    ],
    {
      warnings: [about],
      notes: [text],
      problems: [{ ...about, next: text }],
      labels: { [text]: text as never },
    },
  );
};

/** Each tells whoever reads it what came from a host, a bucket, a file or the YAML. */
const PRINTERS: Readonly<Record<string, (text: string, color: boolean) => string | Promise<string>>> = {
  "an explanation": (text, color) =>
    planWith(text)
      .actions.map((one) =>
        explainText(
          {
            action: one,
            does: text,
            asked: [
              { key: text, at: text, text },
              { key: text, at: null, text: null },
            ],
            found: [{ what: text, is: text }],
            steps: [
              { kind: "here", does: text },
              { kind: "script", host: host(text), script: text, fed: true },
              { kind: "pipe", from: host(text), source: text, to: host(text), sink: text },
            ],
            open: text,
          },
          { color, width: 80, verbose: true },
        ),
      )
      .join(""),
  "a plan": (text, color) => planText(planWith(text), { color, width: 80, verbose: true, command: text }),
  "a plan without problems": (text, color) =>
    planText({ ...planWith(text), problems: [] }, { color, width: 80, verbose: true, command: text }),
  "an empty plan": (text, color) =>
    planText({ ...plan([]), labels: { [text]: text as never } }, { color, width: 80, verbose: false }),
  "an error": (text, color) => troubleText(troubleWith(text), { color, width: 80 }),
  checks: (text, color) => checksText(text, [{ what: text, ok: false, said: text }], { color, width: 80 }),
  "an import": (text, color) =>
    importText(
      { take: [1], left: [{ path: text, why: text }], sharesBlocks: false },
      { bytes: 1, freeBytes: null },
      { color, width: 80 },
    ),
  "a rebuild": (text, color) =>
    rebuildText(
      {
        rebuilt: {
          rows: [],
          from: new Map(),
          leftOut: [{ place: "server", path: text, why: text, damaged: true }],
          conflicts: [{ label: "2026-01" as never, paths: [text] }],
        },
        difference: {
          added: [],
          dropped: [],
          changed: [{ label: "2026-01" as never, fields: [{ field: "object_key", was: text, is: text }] }],
        },
        before: [],
      },
      { color, width: 80 },
    ),
  "a chain": (text, color) =>
    restoreChainText(
      {
        label: "2026-01" as never,
        chain: { steps: [], fetchBytes: 0, receiveBytes: 0, holes: [], restorable: "unknown" },
        unknown: [text],
      },
      { color, width: 80 },
    ),
  keys: (text, color) =>
    keysText(
      [
        {
          dataset: text,
          server: text,
          recipient: null,
          signer: null,
          fingerprint: null,
          known: "not-yet",
          recoveryRecipients: [],
          escrow: {
            copies: [{ where: text, at: text, state: "another", since: null }],
            testedAt: null,
          },
        },
      ],
      { color, width: 80 },
    ),
  "the progress of an apply": (text, color) => told("plain", text, color),
  "the progress as JSON": (text, color) => told("json", text, color),
  "the problems of a desired state": (text, colour) => {
    const loaded = checkDesiredState(
      `version: 1\n${JSON.stringify(text)}: ${text}\nhosts: {"${text}": 1}\n`,
      {
        file: text,
        home: "/root",
      },
    );
    assert.equal(loaded.kind, "invalid");
    const problems = loaded.kind === "invalid" ? loaded.problems : [];
    // a tab stays one in an excerpt, so that the caret stands under its place
    return renderProblems([...problems, problemOf(text, text, text)], { colour }).replaceAll("\t", "");
  },
  "a warning": (text, color) => warned(text, color),
  "a document of --json": (text) => jsonLine(planJson(planWith(text))),
  "the page of a rescue kit, as text": (text) => pageText(kitPage(text)),
  "the page of a rescue kit": (text) => pageHtml(kitPage(text)),
  "the report": (text) =>
    reportPage({ status: statusWith(text), version: "1.2.3", machine: text, inWords: String }),
  "the page of a recovery identity": (text) =>
    recoveryPage({
      recipient: "age1q" as never,
      locked: "-----BEGIN\nx\n",
      madeAt: new Date(0),
      fileName: text.replaceAll("\0", "") || "x",
    }),
};

for (const [what, print] of Object.entries(PRINTERS))
  for (const color of [false, true])
    test(`${what}${color ? " in colour" : ""} obeys nothing that others wrote`, async (context) => {
      const outputs: (string | Promise<string>)[] = [];
      check(
        context,
        hostile,
        (text) => [JSON.stringify(text)],
        (text) => {
          const printed = print(text, color);
          if (typeof printed === "string") assertShown(what, printed);
          else outputs.push(printed);
        },
        60,
      );
      for (const output of await Promise.all(outputs)) assertShown(what, output);
    });

function warned(text: string, color: boolean): string {
  let written = "";
  const { write } = process.stderr;
  process.stderr.write = (chunk: string | Uint8Array) => {
    written += String(chunk);
    return true;
  };
  try {
    openTerminal({ color }).warn(text);
  } finally {
    process.stderr.write = write;
  }
  return written;
}

/** All that a whole apply tells, both outputs together. */
async function told(kind: "plain" | "json", text: string, color: boolean): Promise<string> {
  let written = "";
  const out = new Writable({
    write: (chunk, _encoding, done) => {
      written += String(chunk);
      done();
    },
  });
  const progress = createProgress({
    kind,
    out,
    err: out,
    color,
    quiet: false,
    width: 80,
    now: () => 0,
    command: text,
  });
  const whole = planWith(text);
  const [first] = whole.actions;
  if (first === undefined) throw new RangeError("no action");
  const events: ApplyEvent[] = [
    { event: "started", plan: whole, approved: [] },
    { event: "action-started", action: first },
    { event: "progress", id: first.id, bytes: 1, totalBytes: null },
    { event: "action-done", id: first.id, durationMs: 1, outcome: text },
    { event: "action-skipped", id: first.id, because: "unapproved", detail: text },
    { event: "action-failed", id: first.id, durationMs: 1, trouble: troubleWith(text) },
    {
      event: "finished",
      result: "failed",
      done: 1,
      durationMs: 1,
      remaining: whole.actions,
      unseen: [text],
    },
  ];
  for (const event of events) progress.emit(event);
  await progress.end();
  return written;
}

function kitPage(text: string) {
  const state = desired();
  const [spec] = state.datasets;
  if (spec === undefined || state.cloud === null) throw new RangeError("no dataset");
  // a NUL is in no path, and no shell takes one
  const odd = text.replaceAll("\0", "") as never;
  const cloud = { ...state.cloud, bucket: odd, prefix: odd, endpoint: odd };
  const settings = settingsFor(
    { ...state, cloud },
    { ...spec, path: odd, repository: odd, snapshots: odd, workingCopy: odd, owner: odd },
    { signer: null, newest: null },
  );
  return rescuePage(settings, new Date(0));
}
