import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stringify } from "yaml";

const ROOT = join(import.meta.dirname, "../..");
const VERSION = "data:text/javascript,globalThis.DEVBACKUP_VERSION='test'";

describe("a signal before anything is begun", () => {
  let folder: string;
  let silent: Server;
  before(async () => {
    folder = mkdtempSync("/tmp/interrupt-");
    // takes the connection and never says a word
    silent = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const identity_file = join(folder, "id");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", identity_file]);
    const reach = {
      connection: "ssh",
      address: "127.0.0.1",
      port,
      user: "dev",
      identity_file,
      become: "none",
    };
    writeFileSync(
      join(folder, "devbackup.yaml"),
      stringify({
        version: 1,
        hosts: { ws: { role: "workstation", ...reach }, ls: { role: "server", ...reach } },
        datasets: {
          dev: { path: "/home/dev/code", snapshots: "/home/dev/s", owner: "dev", repository: "/srv/dev" },
        },
      }),
    );
  });
  after(() => {
    silent.close();
    rmSync(folder, { recursive: true });
  });

  const start = (...args: string[]): ChildProcess =>
    spawn(
      process.execPath,
      ["--import", import.meta.resolve("tsx"), "--import", VERSION, "src/cli/main.ts", ...args],
      { cwd: ROOT, env: { ...process.env, HOME: folder }, stdio: ["ignore", "pipe", "pipe"] },
    );

  for (const [signal, ...args] of [
    ["SIGINT", "plan"],
    ["SIGTERM", "plan", "--json"],
    ["SIGHUP", "apply", "--yes"],
    ["SIGINT", "apply", "--yes", "--json"],
  ] as const)
    test(`${args.join(" ")}, ${signal}: 130, and what that means`, async (context) => {
      const child = start(...args, "--config", folder);
      context.after(() => child.kill("SIGKILL"));
      let stderr = "";
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
      });
      await once(silent, "connection");
      child.kill(signal);
      assert.deepEqual(await once(child, "close"), [130, null]);
      assert.match(stderr, /Interrupted; nothing was changed on any host\. It is safe to run again\./);
    });

  test("that nobody reads what it says ends nothing", async () => {
    const child = start("validate", "--config", folder);
    child.stdout?.destroy();
    let stderr = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    assert.deepEqual(await once(child, "close"), [0, null], stderr);
  });
});
