import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Action } from "../../src/plan/plan.ts";
import { layout } from "../../src/reconcilers/machine/layout.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import type { Host } from "../../src/transport/host.ts";

test("a link that was put in a folder's place meanwhile is not followed", async (context) => {
  const folder = mkdtempSync("/tmp/layout-");
  context.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "root's own"), { mode: 0o700 });
  symlinkSync(join(folder, "root's own"), join(folder, "link"));
  const host: Partial<Host> = {
    run: async (script) => {
      const { status, stdout, stderr } = spawnSync("sh", ["-c", `chown() { :; }\n${script}`], {
        encoding: "utf8",
      });
      return { exitCode: status ?? -1, stdout, stderr };
    },
  };
  const make = (...names: string[]) => {
    const input = { folders: names.map((name) => ({ path: join(folder, name), mode: "755" })) };
    return layout.run({ input } as unknown as Action<never>, { host: () => host } as unknown as Tools);
  };
  await assert.rejects(make("link"), /could not be made/);
  assert.equal(statSync(join(folder, "root's own")).mode & 0o777, 0o700);
  await make("new/inside", "new");
  assert.equal(statSync(join(folder, "new/inside")).mode & 0o777, 0o755);
});
