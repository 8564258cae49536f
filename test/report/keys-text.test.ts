import assert from "node:assert/strict";
import { test } from "node:test";
import { keysText } from "../../src/report/keys-text.ts";
import type { KeysShown } from "../../src/status/keys.ts";

type State = KeysShown["escrow"]["copies"][number]["state"];

const shown = (server: State, here: State, more: Partial<KeysShown> = {}): KeysShown => ({
  dataset: "dev",
  server: "ls",
  recipient: "age1x",
  signer: null,
  fingerprint: null,
  known: "not-yet",
  recoveryRecipients: ["age1r"],
  escrow: {
    copies: [
      { where: "ls", at: "/r/keys/escrow.age", state: server, since: null },
      { where: "this machine", at: "/s/escrow.age", state: here, since: null },
    ],
    testedAt: null,
  },
  ...more,
});

const rows: readonly { name: string; keys: KeysShown; here: RegExp; tested: RegExp }[] = [
  {
    name: "an escrow that nobody has tested",
    keys: shown("today's", "today's"),
    here: /this machine: today's/,
    tested: /tested +never: devbackup keys test/,
  },
  {
    name: "an escrow elsewhere that is not the one on the server",
    keys: shown("today's", "another"),
    here: /this machine: not today's/,
    tested: /devbackup keys test/,
  },
  {
    name: "the server was put back, and has no escrow yet",
    keys: shown("none", "another"),
    here: /this machine: an older one/,
    tested: /never: devbackup apply makes the escrow/,
  },
  {
    name: "the server has lost its keys: what brings them back",
    keys: shown("none", "another", { recipient: null }),
    here: /an older one/,
    tested: /lost its keys\? devbackup plan --restore latest --identity FILE/,
  },
  {
    name: "nobody to make an escrow for",
    keys: shown("none", "none", { recoveryRecipients: [] }),
    here: /this machine: none/,
    tested: /devbackup keys new-recovery/,
  },
];

for (const { name, keys, here, tested } of rows)
  test(name, () => {
    const text = keysText([keys], { color: false, width: 80 });
    assert.match(text, here);
    assert.match(text, tested);
  });
