import assert from "node:assert/strict";
import { test } from "node:test";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { labelIn } from "../../src/reconcilers/manifest/trusted.ts";
import { history } from "../domain/history.ts";
import { THREE } from "./rows.ts";
import { desired } from "./world.ts";

const [spec = assert.fail()] = desired().datasets;

test("a label that was asked for is one that has a row", () => {
  assert.equal(labelIn(history(THREE), spec, "latest"), "2026-03");
  assert.equal(labelIn(history(THREE), spec, "2026-01"), "2026-01");
  for (const [rows, asked, code] of [
    [THREE, "2026-04", "no-such-label"],
    [THREE, "nonsense", "no-such-label"],
    ["", "latest", "nothing-backed-up"],
    ["", "2026-01", "nothing-backed-up"],
  ] as const)
    assert.throws(
      () => labelIn(history(rows), spec, asked),
      (error) => error instanceof DevbackupError && error.trouble.code === code,
      `${asked} of ${rows}`,
    );
});
