import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import type { HostName } from "../../src/domain/names.ts";
import type { Action } from "../../src/plan/plan.ts";
import { OWN_FOLDER } from "../../src/reconcilers/machine/own-folder.ts";
import type { Reconciler, Tools } from "../../src/reconcilers/reconciler.ts";
import { UNITS } from "../../src/reconcilers/schedule/schedule-facts.ts";
import type { Host } from "../../src/transport/host.ts";

export const noRoot = process.getuid?.() !== 0 ? "needs root: it becomes another user" : false;
export const NOBODY = 65534;

/** Where a schedule's scripts go, all of it below a folder of the test's. */
const MOVED = [OWN_FOLDER, UNITS, "/etc/devbackup", "/etc/ssh/", "/var/lib/"];

/** What stands in for the rest: of the user nobody, the home is `$0`. */
const BEFORE = `getent() { echo "nobody:x:${NOBODY}:${NOBODY}::$0:/bin/sh"; }; systemctl() { :; }
`;

/** A host whose scripts a real sh runs, with a home of the user nobody. */
export function makeHost(context: TestContext) {
  const folder = mkdtempSync("/tmp/schedule-");
  context.after(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const home = join(folder, "home");
  mkdirSync(home);
  chownSync(home, NOBODY, NOBODY);
  const run: Host["run"] = async (script) => {
    const moved = MOVED.reduce((text, path) => text.replaceAll(path, folder + path), script);
    const { status, stdout, stderr } = spawnSync("sh", ["-c", BEFORE + moved, home], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, LC_ALL: "C" },
    });
    return { exitCode: status ?? -1, stdout: stdout.replaceAll(folder, ""), stderr };
  };
  return {
    folder,
    home,
    run,
    /** Makes the file, and the folders that it takes. */
    put: (path: string, content = "") => {
      mkdirSync(dirname(folder + path), { recursive: true });
      writeFileSync(folder + path, content);
    },
    carryOut: <Input>({ run: act }: Reconciler<Input>, input: Input) =>
      act(
        { id: "test", host: "ws", input } as unknown as Action<Input>,
        { host: () => ({ name: "ws" as HostName, run }) as unknown as Host } as unknown as Tools,
      ),
  };
}
