import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Host } from "../../src/transport/host.ts";
import { watchBytes } from "../../src/transport/watch-size.ts";

test("a look that gives no number tells nothing, and the next one is asked all the same", async ({
  mock,
}) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const said = ["1\n2\n", "", "sed: no such file", "5\n"];
  const host = {
    run: async () => ({ exitCode: 0, stdout: said.shift() ?? "", stderr: "" }),
  } as Partial<Host> as Host;
  const told: number[] = [];
  const unwatch = watchBytes(host, "", (bytes) => void told.push(bytes));
  for (let looks = 0; looks < 4; looks += 1) {
    mock.timers.tick(1000);
    await setImmediate();
  }
  unwatch();
  assert.deepEqual([told, said], [[5], []]);
});
