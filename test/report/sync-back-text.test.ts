import assert from "node:assert/strict";
import { test } from "node:test";
import { type SyncBackReport, syncBackText } from "../../src/report/sync-back-text.ts";

const OPTIONS = { color: false, width: 80 };
const REPORT: SyncBackReport = {
  from: "the working copy /srv/work/dev of ls, made of dev@2026-03",
  to: "/home/dev/code of ws",
  where: "on ws, as dev",
  command: "rsync --recursive --delete ls:/srv/work/dev/ /home/dev/code/",
  counts: { added: 1, changed: 2, deleted: 1 },
  items: [
    { change: "added", path: "a b" },
    { change: "changed", path: "note\u001b[2J" },
    { change: "deleted", path: "photo.raw" },
  ],
  newer: 1,
  left: [{ why: "apart", path: "in\u001bner" }],
  newestLabel: "dev@2026-03, of 4 days ago",
  trouble: "",
};

test("what would be brought, file by file, by which rsync, and that it is kept", () => {
  assert.equal(
    syncBackText(REPORT, OPTIONS),
    `the working copy /srv/work/dev of ls, made of dev@2026-03 to /home/dev/code of ws

  on ws, as dev:
    rsync --recursive --delete ls:/srv/work/dev/ /home/dev/code/

  + a b
  ~ note\\x1b[2J
  - photo.raw
  … and 1 more
  = in\\x1bner stays: a subvolume or mount of its own

1 added, 2 changed, 1 deleted.
1 file of them is newer on the workstation than in the working copy, and would
be replaced all the same; --update leaves those.
The newest label is dev@2026-03, of 4 days ago: what is replaced is kept in a
snapshot that is taken first.

`,
  );
});

test("where nothing differs, no rsync is shown, and what could not be read is", () => {
  const same = { ...REPORT, counts: { added: 0, changed: 0, deleted: 0 }, items: [], newer: 0 };
  const text = syncBackText({ ...same, trouble: "rsync: opendir x failed: Permission denied (13)" }, OPTIONS);
  assert.doesNotMatch(text, /rsync --|newest/);
  assert.match(text, /Not brought, as the server says:\n {2}rsync: opendir x failed/);
  assert.match(
    syncBackText({ ...REPORT, newestLabel: null }, OPTIONS),
    /no label yet: what is replaced is kept in/,
  );
  const added = { ...REPORT, counts: { added: 1, changed: 0, deleted: 0 } };
  assert.match(syncBackText(added, OPTIONS), /newest label is dev@2026-03, of 4 days ago\.\n/);
});
