import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { processesWith, until } from "./processes.ts";

const SRC = join(import.meta.dirname, "../../src/transport");
const RUNS = `
import { localHost } from "${SRC}/local-host.ts";
import { pipe } from "${SRC}/pipe.ts";
const [host, script] = [localHost({ name: "ws", become: "none", env: process.env }), "sleep 60"];
if (process.argv[1] === "pipe") pipe({ from: host, source: script, to: host, sink: "cat >/dev/null" });
else host.run(script);
process.on("SIGINT", () => process.exit(130));
`;

for (const what of ["pipe", "script"])
  test(`a ${what} that a second Ctrl-C leaves behind ends with this process`, async (context) => {
    const MARK = `devbackup-test-${process.pid}-${what}`;
    const node = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", RUNS, what];
    const child = spawn(process.execPath, node, { env: { ...process.env, MARK }, stdio: "ignore" });
    context.after(() => child.kill("SIGKILL"));
    const sleeping = () => processesWith(MARK).filter((pid) => pid !== child.pid);
    await until(() => sleeping().length >= 2);
    child.kill("SIGINT");
    const [exitCode] = await once(child, "exit");
    assert.equal(exitCode, 130);
    await until(() => sleeping().length === 0);
  });
