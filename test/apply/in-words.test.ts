import assert from "node:assert/strict";
import { test } from "node:test";
import { inWords } from "../../src/apply/in-words.ts";
import type { HostName } from "../../src/domain/names.ts";
import { AGAIN, DevbackupError, LOOK } from "../../src/domain/trouble.ts";

const TYPED = {
  command: "devbackup apply --config '/etc/$&' --restore latest --identity key",
  planCommand: "devbackup plan --config '/etc/$&' --restore latest --identity key",
};

const rows: readonly { readonly next: string | undefined; readonly why?: string; readonly words: string }[] =
  [
    { next: AGAIN, words: TYPED.command },
    { next: undefined, words: TYPED.command },
    { next: `wait for it to end, then: ${AGAIN}`, words: `wait for it to end, then: ${TYPED.command}` },
    { next: `${AGAIN}, later`, words: `${TYPED.command}, later` },
    { next: LOOK, words: TYPED.planCommand },
    {
      next: `${LOOK} says how; then: ${AGAIN}`,
      words: `${TYPED.planCommand} says how; then: ${TYPED.command}`,
    },
    {
      next: `stop that, then: ${AGAIN} --approve x:y`,
      words: `stop that, then: ${TYPED.command} --approve x:y`,
    },
    { next: "devbackup apply --restore 2026-01", words: "devbackup apply --restore 2026-01" },
    { next: "devbackup plan --out FILE", words: "devbackup plan --out FILE" },
    { next: "devbackup verify", words: "devbackup verify --config '/etc/$&'" },
    {
      next: "devbackup manifest chain 2026-01: it shows what rests on it",
      words: "devbackup manifest chain --config '/etc/$&' 2026-01: it shows what rests on it",
    },
    {
      next: `devbackup keys test --identity FILE, then: ${AGAIN}`,
      words: `devbackup keys test --config '/etc/$&' --identity FILE, then: ${TYPED.command}`,
    },
    {
      next: "devbackup restore 2026-01 'a b' --to FOLDER --config other",
      words: "devbackup restore 2026-01 'a b' --to FOLDER --config other",
    },
    { next: "devbackup keys new-recovery makes one", words: "devbackup keys new-recovery makes one" },
    { next: "check the network", words: "check the network" },
    {
      next: AGAIN,
      why: "cat: write error: No space left on device",
      words: `free some space on ls: df -h tells where there is none, then: ${TYPED.command}`,
    },
    { next: "check the disk", why: "No space left on device", words: "check the disk" },
  ];
for (const { next, why, words } of rows)
  test(`${next}${why === undefined ? "" : `, where there is ${why}`}`, () => {
    const error = new DevbackupError({
      code: "unknown-state",
      exitCode: 1,
      what: "x",
      host: "ls" as HostName,
      ...(next !== undefined && { next }),
      ...(why !== undefined && { why }),
    });
    const once = inWords(error, TYPED);
    assert.deepEqual(once.trouble, { ...error.trouble, next: words });
    assert.equal(inWords(once, TYPED), once);
  });
