import assert from "node:assert/strict";
import { test } from "node:test";
import { migrateText } from "../../src/report/migrate-text.ts";
import { history } from "../domain/history.ts";

test("rows, what gets none, and objects under other keys", () => {
  const FULL = "artifacts/anchors/dev@2026-01.full.send.zst.age";
  assert.equal(
    migrateText(
      {
        rows: history("2026-01 full 1000"),
        from: new Map(),
        leftOut: [
          {
            line: 3,
            what: "dev@2026-02.incr.from_2026-01.send.zst.age",
            why: "its file is nowhere below artifacts/",
            damaged: true,
          },
          { line: null, what: "artifacts/incr/dev@\u001b[2J", why: "no row speaks of it", damaged: false },
        ],
        otherKeys: [{ was: FULL, is: `dev/${FULL}` }],
      },
      { color: false, width: 100 },
    ),
    `What its rows and their files say:
    LABEL    TYPE      SIZE  PARENT  MADE (UTC)        CLOUD  SHA-256
●   2026-01  anchor  1000 B          2026-01-01 00:00  yes    abababababab

1 artifact in 1 chain, 1000 B

Left out:
  line 3: dev@2026-02.incr.from_2026-01.send.zst.age
      its file is nowhere below artifacts/
  artifacts/incr/dev@\\x1b[2J
      no row speaks of it

Objects under keys that are not looked for: 1
  artifacts/anchors/dev@2026-01.full.send.zst.age, which belongs to
  dev/artifacts/anchors/dev@2026-01.full.send.zst.age
  The next apply sends them anew. Moved there first, with \`rclone move\` say, they are taken for what
  they are (the manual: A bucket that rclone filled).
`,
  );
});
