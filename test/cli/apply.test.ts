import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { applyCommand } from "../../src/cli/apply.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";

const config = join(import.meta.dirname, "../../desired-state");

test("a plan file that can't be read is refused with the reason", async () => {
  await assert.rejects(applyCommand("/nowhere/plan", { config, color: false }), (error) => {
    assert.ok(error instanceof DevbackupError);
    assert.equal(error.trouble.code, "not-a-plan");
    assert.match(error.trouble.why ?? "", /ENOENT/);
    return true;
  });
});
